/** A file of several machines is as whole, part by part, as a file of one. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { readRecordingFile } from "../../../command/recording_file.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { encodeCbor } from "../../../replay/format/cbor.ts";
import { encodeChunk, FILE_MAGIC, FRAME_BYTES } from "../../../replay/format/chunk.ts";
import { TRAILER_BYTES } from "../../../replay/format/chunk_index.ts";
import { FormatError, MemoryFile } from "../../../replay/format/codec.ts";
import { encodeLabHeader } from "../../../replay/format/lab_header.ts";
import { readRecording } from "../../../replay/format/reader.ts";
import { replay } from "../../../replay/replayer.ts";
import { buildOf, outputHash, readLab } from "../machines.ts";
import { fuzz } from "./fuzz.ts";
import { labEventsAt, SHORT, shortLab } from "./mutations.ts";

const bytes = await shortLab();
const whole = readLab(bytes);

Deno.test("each guest of a lab is a recording of its own, with its name in its ids", async () => {
  assertEquals([...whole.guests.keys()], ["g1", "g2"]);
  for (const [name, { log, images, checkpoints }] of whole.guests) {
    assert(log.entries.length > 0 && checkpoints.list.length > 1);
    assert(log.entries.every(({ id }) => id.startsWith(`${name}/`)));
    assertEquals([log.end.reason, images.length], ["until", 1]);
    const { cycle } = await replay(log, buildOf(SHORT), { check: outputHash });
    assertEquals(cycle, SHORT.cycles);
  }
  const [g1, g2] = [...whole.guests.values()];
  assertNotEquals(g1.log.digests, g2.log.digests); // other disks
  assert(g1.images[0].bytes === g2.images[0].bytes, "one content is one array");
  const images = whole.chunks.filter(({ type }) => type === "IMAG");
  assertEquals(images.length, 1, "one content travels once");
});

Deno.test("what the network did is the same after the file", () => {
  const { events, endCycle, isCut } = whole.log;
  assertEquals([endCycle, isCut], [SHORT.cycles, false]);
  const expected = Array.from({ length: 500 }, (_, n) => labEventsAt(100_000 * n)).flat();
  assertEquals(events, expected);
});

Deno.test("a lab that is cut anywhere is read to the last part of each guest", () => {
  const ends = whole.chunks.map(({ offset, storedBytes }) => offset + FRAME_BYTES + storedBytes);
  const first = whole.chunks.findLastIndex(({ type }) => type === "IMAG");
  for (const [at, { type }] of whole.chunks.entries()) {
    const cut = bytes.subarray(0, ends[at]);
    if (at < first) {
      assertThrows(() => readLab(cut), FormatError, "the recording ends within");
      continue;
    }
    if (at % 4 !== 0 && type !== "END") continue;
    const { guests, log, damage } = readLab(cut);
    assertEquals(damage, undefined);
    const reached = (name: string) =>
      whole.guests.get(name)!.chunks.findLast(({ type, offset }) =>
        type === "LOG" && offset < ends[at]
      )?.lastCycle ?? 0;
    for (const [name, guest] of guests) assertEquals(guest.log.endCycle, reached(name));
    assertEquals(log.isCut, at < whole.chunks.length - 1 && type !== "INDX");
  }
  const noIndex = readLab(bytes.subarray(0, bytes.length - TRAILER_BYTES));
  assertEquals(noIndex.log, whole.log);
  assertEquals([...noIndex.guests.values()].map(({ log }) => log.end.reason), ["until", "until"]);
});

Deno.test("200 mutations of a lab are refused, or are the truth up to the damage", async () => {
  const outcomes = await fuzz(bytes, { seed: 4, count: 200, replays: 20 });
  for (const [what, count] of Object.entries(outcomes)) assertNotEquals(count, 0, what);
});

Deno.test("a chunk of a lab that stands where it cannot be is refused", () => {
  type Type = Parameters<typeof encodeChunk>[1]["type"];
  const chunk = (type: Type, payload: Uint8Array, owner = 0) =>
    encodeChunk(codec, { type, owner, firstCycle: 0, lastCycle: 0, payload });
  const lab = (...guests: string[]) =>
    chunk("LAB", encodeLabHeader({ program: "test", lab: {}, guests }));
  const head = (owner: number) => chunk("HEAD", encodeCbor([1, "test", {}, []]), owner);
  const log = (owner: number) => chunk("LOG", encodeCbor([[], [], [], [], [], []]), owner);
  const fate = (names: unknown, ...rows: unknown[]) => chunk("FATE", encodeCbor([names, rows]), 1);
  const end = (...payload: number[]) => chunk("END", Uint8Array.from(payload), 1);
  const file = (pieces: Uint8Array[]) =>
    Uint8Array.from([FILE_MAGIC, ...pieces].flatMap((piece) => [...piece]));
  const cases: [pieces: Uint8Array[], message: string][] = [
    [[lab()], "have no names, or one twice"],
    [[lab("g1", "g1"), head(0)], "have no names, or one twice"],
    [[lab("G1"), head(0)], "the lab's guests has"],
    [[chunk("LAB", encodeCbor([2, "test", {}, ["g1"]]))], "lab version 2: this build reads 1"],
    [[lab(...Array.from({ length: 65 }, (_, n) => `g${n}`)), head(0)], "a lab of more than 64"],
    [[lab("g1", "g2"), head(0)], "the recording ends within its header"],
    [[lab("g1", "g2"), head(0), log(0)], "a LOG chunk at byte"],
    [[lab("g1", "g2"), head(0), head(0)], "a HEAD chunk at byte"],
    [[lab("g1", "g2"), head(0), head(2)], "a HEAD chunk at byte"],
    [[lab("g1"), lab("g1"), head(0)], "a LAB chunk at byte"],
  ];
  for (const [pieces, message] of cases) {
    assertThrows(() => readLab(file(pieces)), FormatError, message);
  }
  const damages: [piece: Uint8Array, message: string][] = [
    [head(0), "a HEAD chunk at byte"],
    [log(1), "a LOG chunk at byte"],
    [log(2), "a LOG chunk at byte"],
    [chunk("FATE", encodeCbor([[], []])), "a FATE chunk at byte"],
    [fate([""]), "a table of names has"],
    [fate(["g1/net0"], [0, 4, 0, 1, 0, 1]), "where 0 to 3 may be"],
    [fate(["lan"], [0, 1, 0, 1, 0, 1]), "a frame without a sender"],
    [fate(["g1/net0"], [1, 1, 0, 1, 0, 1]), "where 0 to 0 may be"],
    [fate(["g1/net0"], [0, 1, 1, 1, 0, 1]), "where 0 to 0 may be"],
    [fate(["g1/net0"], [0, 1, 0, 1, 0, 1, 1]), "more fields than it should"],
    [Uint8Array.from([...end(), ...fate([])]), "a FATE chunk after the end"],
    [end(0), "the lab's end has more than it should"],
  ];
  for (const [piece, message] of damages) {
    const { damage } = readLab(file([lab("g1"), head(0), piece]));
    assert(damage?.includes(message), `${message}: ${damage}`);
  }
});

Deno.test("a lab is no single recording, and a guest must be one of it", async () => {
  assertThrows(() => readRecording(new MemoryFile(bytes), codec), FormatError, "lab of g1, g2");
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, bytes);
  assertThrows(() => readRecordingFile(path), Error, "which guest? --guest takes one of g1, g2");
  assertThrows(() => readRecordingFile(path, "g3"), Error, `--guest g3: ${path} holds g1, g2`);
  assertEquals(readRecordingFile(path, "g2").log, whole.guests.get("g2")!.log);
  await Deno.remove(path);
});
