/** Whatever happens to a recording's file, what is whole of it is read, and nothing else. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { encodeChunk, FILE_MAGIC, FRAME_BYTES } from "../../../replay/format/chunk.ts";
import { TRAILER_BYTES } from "../../../replay/format/chunk_index.ts";
import { encodeCbor } from "../../../replay/format/cbor.ts";
import { joined } from "../../../replay/format/pieces.ts";
import { FormatError, MemoryFile } from "../../../replay/format/codec.ts";
import { PAGE_BYTES, PAGES_PER_CHUNK } from "../../../replay/format/checkpoint_writer.ts";
import { readRecording } from "../../../replay/format/reader.ts";
import { stateToCbor } from "../../../replay/format/state_value.ts";
import { decodePart, encodePart } from "../../../replay/format/log_chunk.ts";
import { decodeCbor } from "../../../replay/format/cbor.ts";
import type { LogEntry } from "../../../replay/log.ts";
import { payloadVersion } from "../../../replay/payloads.ts";
import { replay } from "../../../replay/replayer.ts";
import { buildOf, outputHash, read } from "../machines.ts";
import { fuzz } from "./fuzz.ts";
import { chunksOf, SHORT, shortRecording } from "./mutations.ts";

const bytes = await shortRecording();
const whole = read(bytes);
const chunks = whole.chunks;

Deno.test("a recording cut at any chunk's end replays to there", async () => {
  assert(chunks.length > 20, `only ${chunks.length} chunks`);
  const images = chunks.findLastIndex(({ type }) => type === "IMAG");
  let last = 0;
  for (const [index, { type, offset, storedBytes, lastCycle }] of chunks.entries()) {
    const cut = bytes.subarray(0, offset + FRAME_BYTES + storedBytes);
    if (index < images) {
      assertThrows(() => read(cut), FormatError, "the recording ends within");
      continue;
    }
    const { log, damage } = read(cut);
    if (type === "LOG") last = lastCycle;
    assertEquals([damage, log.endCycle], [undefined, last]);
    assertEquals(log.end.reason, type === "END" ? "until" : "cut");
    if (index % 5 === 0) await replay(log, buildOf(SHORT), { check: outputHash });
  }
});

Deno.test("a recording cut at any byte replays to its last whole part", async () => {
  const seed = 11;
  const random = new Random(seed);
  let readCount = 0;
  for (let n = 0; n < 300; n++) {
    const size = random.below(bytes.length - TRAILER_BYTES);
    try {
      const { log, damage } = read(bytes.subarray(0, size));
      const parts = chunks.filter(({ type, offset, storedBytes }) =>
        type === "LOG" && offset + FRAME_BYTES + storedBytes <= size
      );
      assertEquals(log.endCycle, parts.at(-1)?.lastCycle ?? 0, `seed ${seed}, ${size} bytes`);
      assertEquals(damage, undefined, `seed ${seed}, ${size} bytes`);
      if (readCount++ % 20 === 0) await replay(log, buildOf(SHORT), { check: outputHash });
    } catch (error) {
      assert(error instanceof FormatError, `seed ${seed}, ${size} bytes: ${error}`);
    }
  }
  assert(readCount > 20, `only ${readCount} were read`);
});

Deno.test("an index is not needed", () => {
  const index = chunksOf(bytes).at(-1)!;
  assertEquals(index.type, "INDX");
  for (
    const size of [index.offset, index.offset + 10, bytes.length - TRAILER_BYTES, bytes.length - 1]
  ) {
    const { log, damage } = read(bytes.subarray(0, size));
    assertEquals([log, damage], [whole.log, undefined], `${size} bytes`);
  }
  const wrong = bytes.slice();
  wrong[index.offset + FRAME_BYTES] ^= 0xff;
  assertEquals(read(wrong).log, whole.log);
});

Deno.test("damage in the middle is told, and what precedes it is read", () => {
  const middle = chunks.filter(({ type }) => type === "LOG")[10];
  const damaged = bytes.slice();
  damaged[middle.offset + FRAME_BYTES + 3] ^= 1;
  const { log, damage } = read(damaged);
  assertEquals(log.endCycle, middle.firstCycle);
  assertEquals(damage, `the checksum of the LOG chunk at byte ${middle.offset} does not fit`);
});

Deno.test("400 mutations are refused, or are the truth up to the damage", async () => {
  const outcomes = await fuzz(bytes, { seed: 4, count: 400, replays: 20 });
  for (const [what, count] of Object.entries(outcomes)) assertNotEquals(count, 0, what);
});

/** A file of nothing but these chunks. */
function fileOf(...pieces: Uint8Array[]): Uint8Array {
  return Uint8Array.from([FILE_MAGIC, ...pieces].flatMap((piece) => [...piece]));
}

const sealed = (type: "HEAD" | "LOG", payload: Uint8Array, lastCycle = 0) =>
  encodeChunk(codec, { type, firstCycle: 0, lastCycle, payload });
const head = (version = 1, images: unknown[] = []) =>
  sealed("HEAD", encodeCbor([version, "test", {}, images]));

Deno.test("what is not known is refused by name", () => {
  const chunkOf = (name: string, version: number) => {
    const chunk = head();
    for (let i = 0; i < 4; i++) chunk[4 + i] = name.charCodeAt(i);
    new DataView(chunk.buffer).setUint16(8, version, true);
    return chunk;
  };
  const part = (kinds: unknown, devices: unknown[] = [], entries: unknown[] = []) =>
    sealed("LOG", encodeCbor([["m"], devices, kinds, entries, [], []]));
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), "not a recording"],
    [new TextEncoder().encode("\x7fELF and more"), "not a recording"],
    [fileOf(), "the recording ends within its header"],
    [fileOf(head(2)), "format version 2: this build reads 1"],
    [fileOf(chunkOf("NEWS", 1)), 'chunk "NEWS" version 1 at byte 8: this build does not know it'],
    [fileOf(chunkOf("HEAD", 7)), 'chunk "HEAD" version 7 at byte 8: this build does not know it'],
    [fileOf(head(1, [["tape", "x", "0".repeat(64), 1]])), "the header has"],
    [fileOf(head(1, [["bios", "x", "0".repeat(64), 2 ** 40]])), "the header has"],
    [fileOf(head(1, [["bios", "x", "0".repeat(64), 10]])), "the recording ends within image x"],
    [fileOf(head(1, [["bios", "ü", "0".repeat(64), 10]])), "the recording ends within image ?"],
  ];
  for (const [file, message] of cases) assertThrows(() => read(file), FormatError, message);
  assertEquals(
    read(fileOf(head(), part([["smell", 1]]))).damage,
    'payload "smell" version 1: this build does not know it',
  );
  assertEquals(
    read(fileOf(head(), part([["console", 2]]))).damage,
    'payload "console" version 2: this build does not know it',
  );
  assertEquals(
    read(fileOf(head(), part([["frame", 3]]))).damage,
    'payload "frame" version 3: this build does not know it',
  );
  const event = (device: string, kind: string, ...payload: unknown[]) =>
    part([[kind, 1]], [device], [[0, 0, 0, 0, 0, ...payload]]);
  const rows: [Uint8Array, string][] = [
    [event("host", "host", "flood", "disk0"), 'host event "flood": this build does not know it'],
    [
      event("disk0", "host", "stall", "disk0", null, null, null, null, "x", null),
      'a "host" input of "disk0", which must be of "host"',
    ],
    [
      event("host", "host", "stall", "disk0", null, "EIO", null, -1n, "x", null),
      "a LOG chunk has -1 where a 64-bit number must be",
    ],
    [
      event("uart0", "reseed", 1),
      'a "reseed" input of "uart0", which must be of "machine"',
    ],
    [
      event("machine", "reseed", 2 ** 32),
      "a LOG chunk has 4294967296 where 0 to 4294967295 may be",
    ],
  ];
  for (const [chunk, message] of rows) assertEquals(read(fileOf(head(), chunk)).damage, message);
});

Deno.test("a log of many cycles must bring their digests", () => {
  const part = sealed("LOG", encodeCbor([[], [], [], [], [], []]), 2 ** 52);
  assertThrows(() => read(fileOf(head(), part)), FormatError, "no digest at cycle 10000000");
});

/** Nothing of a state stands elsewhere. */
const NOWHERE = { pageOf: () => undefined, positionOf: () => undefined };

Deno.test("a checkpoint takes the memory of its pages, however far apart they lie", () => {
  const CHUNKS = 100;
  const sealed = (type: "LOG" | "PAGE" | "CKPT", payload: Uint8Array, firstCycle = 10_000_000) =>
    encodeChunk(codec, { type, firstCycle, lastCycle: 10_000_000, payload });
  const rows = Array.from({ length: CHUNKS }, (_, n) => [0, 1, n * PAGES_PER_CHUNK]);
  const content = encodeCbor([rows, stateToCbor({ version: 1 }, NOWHERE)]);
  const checkpoint = new Uint8Array(16 + content.length);
  new DataView(checkpoint.buffer).setBigUint64(0, 10_000_000n, true);
  checkpoint.set(content, 16);
  const pages = sealed("PAGE", new Uint8Array(PAGES_PER_CHUNK * PAGE_BYTES));
  const file = new MemoryFile(fileOf(
    head(),
    sealed("LOG", encodeCbor([[], [], [], [], [], [[10_000_000, 5n]]]), 0),
    ...Array(CHUNKS).fill(pages),
    sealed("CKPT", checkpoint),
  ));
  const { checkpoints } = readRecording(file, codec);
  assertEquals([checkpoints.list.length, checkpoints.notes], [1, []]);
  const loaded = checkpoints.load(file, codec, checkpoints.list[0]);
  const held = [...loaded.pages].map((page) => loaded.page(page)!);
  assert(held.length === CHUNKS && held.every(({ length }) => length === PAGE_BYTES));
  const buffers = new Set(held.map(({ buffer }) => buffer));
  const heldBytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assertEquals(heldBytes, CHUNKS * PAGE_BYTES);
});

Deno.test("a part with every kind of payload is the same after the file", () => {
  const seed = 3;
  const random = new Random(seed);
  const at = (cycle: number, device: string) => ({ cycle, id: `m/${device}#${cycle}`, version: 1 });
  const input = (
    cycle: number,
    input: Extract<LogEntry, { kind: "input" }>["input"],
  ): LogEntry => ({
    ...at(cycle, input.device),
    version: payloadVersion(input),
    kind: "input",
    input,
  });
  const entries: LogEntry[] = [
    input(5, { device: "uart0", kind: "console", bytes: random.bytes(64) }),
    input(5, { device: "uart0", kind: "console", bytes: random.bytes(65) }),
    input(6, { device: "disk0", kind: "disk", request: 2 ** 40, error: "ENOSPC" }),
    input(7, { device: "disk0", kind: "disk", request: 1, error: undefined }),
    input(8, {
      device: "disk0",
      kind: "disk",
      request: 2,
      error: undefined,
      bytes: random.bytes(70_000),
    }),
    input(8, {
      device: "disk1",
      kind: "disk",
      request: 3,
      error: undefined,
      bytes: new Uint8Array(),
    }),
    input(9, { device: "rng0", kind: "entropy", request: 0, bytes: random.bytes(200) }),
    { ...at(10, "clock"), kind: "wall-clock", ns: 1_767_225_600_123_456_789n },
    { ...at(11, "clock"), kind: "wall-clock", ns: -5n },
    input(12, { device: "nic0", kind: "frame", bytes: random.bytes(1514) }),
    input(12, { device: "nic0", kind: "frame", bytes: random.bytes(60), sent: "g1/net0>7" }),
    input(13, { device: "nic0", kind: "link", up: false }),
    input(14, { device: "machine", kind: "reseed", seed: 2 ** 32 - 1 }),
    input(14, { device: "host", kind: "host", event: "end-closed", concerns: "u", text: "~" }),
    input(15, {
      device: "host",
      kind: "host",
      event: "injected",
      concerns: "disk0",
      request: 2 ** 40,
      error: "EIO",
      offset: 2 ** 50,
      ns: 2n ** 64n - 1n,
      text: "a read that fails",
      bytes: random.bytes(4096),
    }),
    ...Array.from(
      { length: 2 },
      (_, i) =>
        input(20 + i, {
          device: "disk0",
          kind: "disk",
          request: i,
          error: undefined,
          bytes: random.bytes(5 << 20),
        }),
    ),
  ];
  const part = {
    firstCycle: 4,
    lastCycle: 30,
    entries,
    outputs: [{ device: "uart0", first: 4, last: 9, count: 3, hash: 2n ** 64n - 1n }],
    digests: [{ cycle: 10, digest: "0000000000000001" }, { cycle: 30, digest: "f".repeat(16) }],
  };
  const { log, blobs } = encodePart(part);
  assertEquals(blobs.length, 2);
  assertEquals(decodePart(decodeCbor(log, "it"), blobs.map(joined), part), part);
});
