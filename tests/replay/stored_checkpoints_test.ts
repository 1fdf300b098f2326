/** Checkpoints that travel in a recording: right, used, and never needed. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DRAM } from "../../core/hart/layout.ts";
import type { Input } from "../../core/host.ts";
import { Random } from "../../core/random.ts";
import { CheckpointedMachine } from "../../replay/checkpoint.ts";
import { codec } from "../../replay/deno/codec.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { decodeFrame, decodePayload, encodeChunk, FRAME_BYTES } from "../../replay/format/chunk.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { PageStore } from "../../replay/pages.ts";
import type { LogPart } from "../../replay/log.ts";
import { Player } from "../../replay/player.ts";
import { Recorder } from "../../replay/recorder.ts";
import { replay } from "../../replay/replayer.ts";
import type { Stored } from "../../replay/stored.ts";
import { StoredCheck } from "../../replay/stored_check.ts";
import { Timeline } from "../../replay/timeline.ts";
import { buildOf, type Guest, memoryHost, outputHash, read, writerOf } from "./machines.ts";
import { recordStored, storedOf } from "./stored.ts";

const SEED = 31;
const POCKET: Guest = { image: "pocket", harts: 1, cycles: 95_000_000 };
const SMP: Guest = { image: "smp", harts: 4, cycles: 65_000_000 };

/** A timeline over a file, and how many cycles its machine replays. */
function open(guest: Guest, bytes: Uint8Array, hasStored = true) {
  const recording = read(bytes);
  const dropped: string[] = [];
  const replayed = { cycles: 0 };
  const timeline = new Timeline({
    log: recording.log,
    harts: guest.harts,
    spacing: 10_000,
    stored: hasStored ? storedOf(bytes, recording) : [],
    onDropped: (cycle, why) => dropped.push(`${cycle}: ${why}`),
    createMachine: async (host) => {
      const machine = await buildOf(guest)(host, () => {});
      const run = machine.run.bind(machine);
      machine.run = async (until, options) => {
        const from = machine.cycle;
        const stop = await run(until, options);
        replayed.cycles += machine.cycle - from;
        return stop;
      };
      return machine;
    },
  });
  return { recording, timeline, dropped, replayed };
}

for (const guest of [POCKET, SMP]) {
  const bytes = await recordStored(guest);
  const whole = read(bytes);
  const { list } = whole.checkpoints;
  const { endCycle, digests } = whole.log;

  Deno.test(`${guest.image}: stored checkpoints are the states of a straight replay`, async () => {
    assert(list.length >= (guest === POCKET ? 3 : 1), `only ${list.length}`);
    const check = new StoredCheck(storedOf(bytes, whole));
    await replay(whole.log, buildOf(guest), {
      check: outputHash,
      onStart: (machine) => check.begin(machine),
      onMatch: (machine) => check.compare(machine),
    });
    assertEquals([check.count, check.notes], [list.length, []]);
    const last = list.at(-1)!.cycle;
    assert(endCycle - last <= 20_000_000, `${endCycle - last} cycles after the last one`);
  });

  Deno.test(`${guest.image}: a cursor goes on from each, with no replay up to it`, async () => {
    const seed = SEED;
    const random = new Random(seed);
    const { timeline, replayed, dropped } = open(guest, bytes);
    const slow = open(guest, bytes, false).timeline;
    const [cursor, straight] = [await timeline.cursor(), await slow.cursor()];
    for (const { cycle, digest } of list.toReversed()) {
      replayed.cycles = 0;
      await cursor.seek(cycle);
      assertEquals([cursor.digest(), replayed.cycles], [digest, 0], `cycle ${cycle}`);
      const beyond = Math.min(cycle + 1 + random.below(2_000_000), endCycle);
      await cursor.seek(beyond);
      await straight.seek(beyond);
      assertEquals(cursor.digest(), straight.digest(), `seed ${seed}, cycle ${beyond}`);
    }
    assertEquals(dropped, []);
    timeline.close();
    slow.close();
  });

  Deno.test(`${guest.image}: the first step back from the end replays little`, async () => {
    const { timeline, replayed } = open(guest, bytes);
    const cursor = await timeline.cursor(endCycle);
    assertEquals(cursor.digest(), digests.at(-1)!.digest);
    await cursor.reverseStep(0);
    assert(cursor.cycle < endCycle);
    assert(replayed.cycles < 60_000_000, `${replayed.cycles} cycles`);
    timeline.close();
  });
}

const bytes = await recordStored(POCKET);
const whole = read(bytes);

Deno.test("blocks of a disk are in the file once: checkpoints share those of the log", () => {
  const random = new Random(SEED);
  const [before, ...came] = [4096, 3 * 4096, 4096].map((sizeBytes) => random.bytes(sizeBytes));
  const inputOf = (bytes: Uint8Array, request: number) =>
    ({ device: "disk0", kind: "disk", request, error: undefined, bytes }) as const;
  const after: LogPart = {
    ...{ firstCycle: 0, lastCycle: 4, outputs: [], digests: [] },
    entries: [{ cycle: 3, id: "m/disk0#0", version: 1, kind: "input", input: inputOf(before, 0) }],
  };
  const waiting: Input[] = came.map((bytes, index) => inputOf(bytes, index + 1));
  const host = memoryHost();
  host.take = () => waiting.shift();
  const file = new MemoryFile();
  const writer = writerOf(POCKET, file);
  const recorder = new Recorder({ host, sink: writer, hash: outputHash, after });
  writer.part(after);
  for (const _ of came) recorder.take(5);
  const written = random.bytes(4096);
  const block = (n: number) => came[0].subarray(n * 4096, (n + 1) * 4096);
  const base = [2, before, 8, block(0), 9, block(1), 12, block(2), 13, came[1]];
  const state = { version: 1, base, overlay: [9, 255, written] };
  const digest = "0000000000000005";
  recorder.digest(10_000_000, digest);
  writer.checkpoint({ cycle: 10_000_000, work: 1, state, pages: new Map() });
  const end = { reason: "until" } as const;
  recorder.finish(digest, { endCycle: 10_000_000, end, instructions: 1 });

  const recording = read(file.bytes);
  const [stored] = storedOf(file.bytes, recording);
  assertEquals(stored.load().state, state);
  const pages = recording.chunks.filter(({ type }) => type === "PAGE")
    .map(({ offset }) => decodeFrame(file.bytes.subarray(offset), offset).payloadBytes);
  assertEquals(pages, [4096]);
});

Deno.test("loading a checkpoint reads only the pages that RAM does not hold already", async () => {
  const machine = await buildOf(POCKET)(new Player({ entries: [] }), () => {});
  const store = new PageStore();
  const { memoryBytes } = machine.engine.layout;
  const checkpointed = new CheckpointedMachine(machine, store, store.zero(memoryBytes));
  const reset = checkpointed.save(0).content;
  let reads = 0;
  const readsOf = (stored: Stored) => {
    reads = 0;
    const load = () => {
      const loaded = stored.load();
      const page = (number: number) => {
        reads++;
        return loaded.page(number);
      };
      return { ...loaded, page };
    };
    assertEquals(checkpointed.load(load, stored, reset), undefined);
    return reads;
  };
  const [early, late] = storedOf(bytes, whole).slice(-2);
  const [earlyPages, latePages] = [early, late].map((it) => new Set(it.load().pages));
  assertEquals(readsOf(late), latePages.size);
  assertEquals(readsOf(late), 0);
  // Pages of the late one that are as at reset in the early one are asked for too.
  const differ = [...earlyPages.union(latePages)].filter((page) =>
    early.load().numberOf!(page) !== late.load().numberOf!(page)
  );
  assert(differ.length > 0 && differ.length < latePages.size, `${differ.length} pages differ`);
  assertEquals(readsOf(early), differ.length);
  // What was written since is not taken for what was loaded.
  const [page] = latePages;
  machine.memory.write(DRAM + page * 4096, new Uint8Array(4096).fill(7));
  assertEquals(readsOf(early), 1);
});

Deno.test("a file cut anywhere has the checkpoints up to there, and each of them loads", () => {
  const random = new Random(SEED);
  const counts = new Set<number>();
  for (let n = 0; n < 60; n++) {
    const size = whole.chunks[3].offset + random.below(bytes.length - whole.chunks[3].offset);
    const cut = bytes.slice(0, size);
    const recording = read(cut);
    assertEquals([recording.damage, recording.checkpoints.notes], [undefined, []], `size ${size}`);
    for (const { cycle, load } of storedOf(cut, recording)) {
      assert(cycle <= recording.log.endCycle, `size ${size}`);
      assertEquals(load().state.cycle, cycle, `size ${size}`);
    }
    counts.add(recording.checkpoints.list.length);
  }
  assert(counts.size > 1, `seed ${SEED}: always ${[...counts]}`);
});

Deno.test("a damaged checkpoint is left out, and nothing else is lost", async () => {
  const random = new Random(SEED);
  const expected = whole.log.digests.at(-1)!.digest;
  let [leftOut, wrong] = [0, 0];
  const parts = whole.chunks.filter(({ type }) => type === "PAGE" || type === "CKPT");
  for (let n = 0; n < 12; n++) {
    const part = parts[n % parts.length];
    // Every other one with a checksum that fits, as if written so.
    const damaged = n % 2 === 0 ? flipped(bytes, part, random) : resealed(bytes, part, random);
    const where = `seed ${SEED}, case ${n}: ${part.type}`;
    const { recording, timeline, dropped } = open(POCKET, damaged);
    assertEquals([recording.damage, recording.log], [undefined, whole.log], where);
    const cursor = await timeline.cursor(whole.log.endCycle);
    assertEquals(cursor.digest(), expected, where);
    leftOut += recording.checkpoints.notes.length + dropped.length;
    timeline.close();
    const check = new StoredCheck(storedOf(damaged, recording));
    try {
      await replay(recording.log, buildOf(POCKET), {
        check: outputHash,
        onStart: (machine) => check.begin(machine),
        onMatch: (machine) => check.compare(machine),
      });
      wrong += check.notes.length;
    } catch (error) {
      assert(error instanceof DivergenceError, `${where}: ${error}`);
      wrong++;
    }
  }
  assert(leftOut > 3 && wrong > 3, `seed ${SEED}: ${leftOut} left out, ${wrong} found wrong`);
});

Deno.test("verify refuses a checkpoint of another state", async () => {
  const stored = storedOf(bytes, whole);
  const [one, other] = stored;
  const check = new StoredCheck([{ ...one, load: other.load }]);
  const run = () =>
    replay(whole.log, buildOf(POCKET), {
      check: outputHash,
      onStart: (machine) => check.begin(machine),
      onMatch: (machine) => check.compare(machine),
    });
  const error = await assertRejects(run, DivergenceError);
  assertStringIncludes(error.message, "stored checkpoint");
});

interface Part {
  readonly type: "PAGE" | "CKPT" | string;
  readonly offset: number;
  readonly storedBytes: number;
}

function flipped(bytes: Uint8Array, { offset, storedBytes }: Part, random: Random): Uint8Array {
  const copy = bytes.slice();
  copy[offset + FRAME_BYTES + random.below(storedBytes)] ^= 1 << random.below(8);
  return copy;
}

/** Other content of the same stored length, so that the index still fits; or a flip if there is none. */
function resealed(bytes: Uint8Array, part: Part, random: Random): Uint8Array {
  const { offset, storedBytes } = part;
  const chunk = bytes.subarray(offset, offset + FRAME_BYTES + storedBytes);
  const frame = decodeFrame(chunk, offset);
  const payload = decodePayload(codec, frame, chunk, chunk.subarray(FRAME_BYTES));
  for (let n = 0; n < 200; n++) {
    const changed = payload.slice();
    changed[16 + random.below(changed.length - 16)] ^= 1 << random.below(8);
    const sealed = encodeChunk(codec, { ...frame, payload: changed });
    if (sealed.length !== chunk.length) continue;
    const copy = bytes.slice();
    copy.set(sealed, offset);
    return copy;
  }
  return flipped(bytes, part, random);
}
