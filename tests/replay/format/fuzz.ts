/** Reads damaged recordings, and holds what they say against what was recorded. */
import { Buffer } from "node:buffer";
import v8 from "node:v8";
import vm from "node:vm";
import { assert, assertEquals } from "@std/assert";
import { openRecording } from "../../../command/recording_file.ts";
import { DRAM } from "../../../core/hart/layout.ts";
import type { Machine } from "../../../core/machine.ts";
import { Random } from "../../../core/random.ts";
import { encodeState } from "../../../core/state.ts";
import { ImageError } from "../../../devices/boot/image.ts";
import { CheckpointedMachine } from "../../../replay/checkpoint.ts";
import { DivergenceError } from "../../../replay/divergence.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { FormatError, MemoryFile } from "../../../replay/format/codec.ts";
import { readRecorded, type Recorded, type Recording } from "../../../replay/format/reader.ts";
import type { Log, LogEntry } from "../../../replay/log.ts";
import { type Content, PageStore } from "../../../replay/pages.ts";
import { Player } from "../../../replay/player.ts";
import { replay } from "../../../replay/replayer.ts";
import { processorMs } from "../../processor.ts";
import { buildOf } from "../machines.ts";
import { storedOf } from "../stored.ts";
import { chunksOf, mutate, type Mutation, SHORT } from "./mutations.ts";

/** No reading may take longer, whatever the file says. */
const READ_MS_MAX = 2000;
/** The process may never grow by more: a machine takes 50 MB, a payload at most 64 MB. */
const GROWN_BYTES_MAX = 640 * 2 ** 20;

/** Mutations between two collections, which V8 puts off for longer than the bound allows. */
const COLLECT_EVERY = 200;

/** What came of the mutations. */
export interface Outcomes {
  refused: number;
  read: number;
  replayed: number;
  diverged: number;
  /** Checkpoints that were used. */
  restored: number;
  /** Checkpoints that were not. */
  dropped: number;
}

/**
 * Every damaged copy is refused, or is the true log up to the damage; a sealed one may say something
 * else, which then replays as it says or is a divergence. A checkpoint is a true state or is dropped.
 */
export async function fuzz(
  bytes: Uint8Array,
  { seed, count, replays }: { seed: number; count: number; replays: number },
): Promise<Outcomes> {
  const chunks = chunksOf(bytes);
  const truth = readRecorded(new MemoryFile(bytes), codec);
  const truths = machinesOf(truth);
  const states = await Promise.all(truths.map((one) => States.of(bytes, one)));
  const random = new Random(seed);
  const collectGarbage = garbageCollector();
  const atStart = Deno.memoryUsage().rss; // what tests before have left
  const outcomes = { refused: 0, read: 0, replayed: 0, diverged: 0, restored: 0, dropped: 0 };
  for (let n = 0; n < count; n++) {
    const where = `seed ${seed}, mutation ${n}`;
    const mutation = mutate(bytes, chunks, random);
    const recorded = inTime(where, () => readOrRefuse(mutation.bytes, where));
    if (n % COLLECT_EVERY === 0) collectGarbage();
    const grownBytes = Deno.memoryUsage().rss - atStart;
    assert(grownBytes < GROWN_BYTES_MAX, `${where}: the process has grown by ${grownBytes} bytes`);
    if (recorded === undefined) {
      outcomes.refused++;
      continue;
    }
    outcomes.read++;
    if (!mutation.isSealed) assertIsPrefixOf(recorded, truth, where);
    const machines = machinesOf(recorded);
    if (mutation.type === "PAGE" || mutation.type === "CKPT") {
      machines.forEach((recording, at) =>
        inTime(where, () => states[at]?.check(mutation.bytes, recording, where, outcomes))
      );
    }
    if (outcomes.replayed + outcomes.diverged < replays) {
      const guests = [...recorded.lab?.guests.keys() ?? []];
      outcomes[await replayed(mutation, guests[random.below(guests.length)], where)]++;
    }
  }
  return outcomes;
}

/** So that what is measured is what reading holds, and not what V8 has not yet given back. */
function garbageCollector(): () => void {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
}

function inTime<T>(where: string, work: () => T): T {
  const start = processorMs();
  const result = work();
  const ms = processorMs() - start;
  assert(ms < READ_MS_MAX, `${where}: reading took ${ms} ms`);
  return result;
}

function machinesOf({ lab, machine }: Recorded): readonly Recording[] {
  return lab === undefined ? [machine] : [...lab.guests.values()];
}

function readOrRefuse(bytes: Uint8Array, where: string): Recorded | undefined {
  try {
    return readRecorded(new MemoryFile(bytes), codec);
  } catch (error) {
    assert(error instanceof FormatError, `${where}: ${error}`);
    assert(/^[\x20-\x7e…]{5,200}$/.test(error.message), `${where}: ${error.message}`);
    return undefined;
  }
}

/** As the command line does it, with the machine that the file describes. */
async function replayed(
  { bytes, isSealed }: Mutation,
  guest: string | undefined,
  where: string,
): Promise<"replayed" | "diverged"> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    const { log, build, outputHash } = await openRecording(path, { guest });
    await replay(log, build, { check: outputHash });
    return "replayed";
  } catch (error) {
    const isTold = [DivergenceError, FormatError, ImageError].some((kind) => error instanceof kind);
    assert(isSealed && isTold, `${where}: ${error}`);
    return "diverged";
  } finally {
    await Deno.remove(path);
  }
}

function assertIsPrefixOf(recorded: Recorded, truth: Recorded, where: string): void {
  const [machines, truths] = [machinesOf(recorded), machinesOf(truth)];
  assertEquals(machines.length, truths.length, where);
  machines.forEach(({ log }, at) => assertIsPrefix(log, truths[at].log, where));
  const [log, whole] = [recorded.lab?.log, truth.lab?.log];
  if (log === undefined || whole === undefined) return;
  assert(log.endCycle <= whole.endCycle && (log.isCut || log.endCycle === whole.endCycle), where);
  assert(log.events.every((event, i) => isSame(event, whole.events[i])), where);
  assert(!(whole.events[log.events.length]?.cycle < log.endCycle), where);
}

function assertIsPrefix(log: Log, truth: Log, where: string): void {
  assert(log.endCycle <= truth.endCycle, where);
  if (log.end.reason !== "cut") assertEquals(log.end, truth.end, where);
  for (const part of ["entries", "outputs", "digests"] as const) {
    const same = log[part].every((item, i) => isSame(item, truth[part][i]));
    assert(same && log[part].length <= truth[part].length, `${where}: ${part}`);
  }
  // Nothing that lies before the end may be missing.
  assert(!(truth.entries[log.entries.length]?.cycle < log.endCycle), where);
  assert(!(truth.outputs[log.outputs.length]?.last < log.endCycle), where);
  assert(!(truth.digests[log.digests.length]?.cycle <= log.endCycle), where);
}

/** As `assertEquals`, which takes longer than reading does. */
function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) => isSame(a[name as never], b[name as never]));
}

/** The true states at the checkpoints of a recording, and a machine to compare others with them. */
class States {
  readonly #states = new Map<number, { state: Uint8Array; ram: Uint8Array }>();

  private constructor(
    readonly machine: Machine,
    readonly checkpointed: CheckpointedMachine,
    readonly reset: Content,
  ) {}

  static async of(bytes: Uint8Array, recording: Recording): Promise<States> {
    const machine = await buildOf(SHORT)(new Player({ entries: [] as LogEntry[] }), () => {});
    const store = new PageStore();
    const checkpointed = new CheckpointedMachine(
      machine,
      store,
      store.zero(machine.engine.layout.memoryBytes),
    );
    const states = new States(machine, checkpointed, checkpointed.save(0).content);
    for (const stored of storedOf(bytes, recording)) {
      assertEquals(checkpointed.load(stored.load, stored, states.reset), undefined);
      const { state, ram } = states.#now();
      states.#states.set(stored.cycle, { state, ram: ram.slice() });
    }
    assert(states.#states.size > 1, `${states.#states.size} checkpoints`);
    return states;
  }

  /** Each checkpoint of a file that claims to be right is so, in all of its state. */
  check(bytes: Uint8Array, recording: Recording, where: string, outcomes: Outcomes): void {
    for (const stored of storedOf(bytes, recording)) {
      const why = this.checkpointed.load(stored.load, stored, this.reset);
      if (why !== undefined) {
        outcomes.dropped++;
        continue;
      }
      const [found, expected] = [this.#now(), this.#states.get(stored.cycle)!];
      const isRight = Buffer.compare(found.state, expected.state) === 0 &&
        Buffer.compare(found.ram, expected.ram) === 0;
      assert(isRight, `${where}: another state at ${stored.cycle}`);
      outcomes.restored++;
    }
    outcomes.dropped += recording.checkpoints.notes.length;
  }

  #now() {
    const { memory, engine } = this.machine;
    const ram = memory.view(DRAM, engine.layout.memoryBytes)!;
    return { state: encodeState(this.machine.save()), ram };
  }
}
