/** Writes down a guest of a lab as if it were alone, on whichever thread it runs. */
import xxhash from "xxhash-wasm";
import type { Machine } from "../core/machine.ts";
import type { GuestHooks, HooksOf } from "../devices/deno/lab_machine.ts";
import { CheckpointRecorder } from "../replay/checkpoint_recorder.ts";
import type { FileNote } from "../replay/deno/file_writer.ts";
import type { Chunk, ChunkSink } from "../replay/format/chunk_file.ts";
import { RecordingWriter } from "../replay/format/writer.ts";
import type { LogEnd } from "../replay/log.ts";
import { OutputHash } from "../replay/outputs.ts";
import { Recorder } from "../replay/recorder.ts";

/** Half of what a killed recording may lose at most, as in the file's writer. */
const FLUSH_MS = 50;

export interface RecordedGuestOptions {
  readonly name: string;
  /** The guest's number. */
  readonly owner: number;
  readonly sink: ChunkSink;
  readonly hash: OutputHash;
  readonly hasCheckpoints: boolean;
}

/** @returns what accompanies the guest; `conclude` takes a {@link LogEnd} */
export function recordingHooks(options: RecordedGuestOptions): GuestHooks {
  const { name, owner, sink, hash, hasCheckpoints } = options;
  const writer = new RecordingWriter(sink, undefined, owner);
  let recorder: Recorder;
  let machine: Machine;
  let checkpoints: CheckpointRecorder | undefined;
  let hasEnded = false;
  const finish = (end: LogEnd) => {
    if (hasEnded) return;
    hasEnded = true;
    const { engine, cycle: endCycle } = machine;
    let instructions = 0;
    for (let hart = 0; hart < engine.layout.harts; hart++) {
      instructions += Number(engine.field(hart, "retired"));
    }
    checkpoints?.finish();
    recorder.finish(machine.digest(), { endCycle, end, instructions });
  };
  return {
    wrap: (host) => recorder = new Recorder({ host, sink: writer, hash, machine: name }),
    start: (it) => {
      machine = it;
      if (hasCheckpoints) checkpoints = new CheckpointRecorder(machine, writer);
    },
    onDigest: (cycle, digest) => {
      recorder.digest(cycle, digest);
      checkpoints?.digested();
    },
    ended: ({ power }) => finish({ reason: "power", power }),
    conclude: (how) => finish(how as LogEnd),
  };
}

/** On a thread other than that of the file: gathers what is to be written, for {@link write}. */
class NoteSink implements ChunkSink {
  readonly #notes: FileNote[] = [];
  #writtenMs = performance.now();

  take(): FileNote[] {
    return this.#notes.splice(0);
  }

  isDue(): boolean {
    return performance.now() - this.#writtenMs >= FLUSH_MS;
  }

  start(): never {
    throw new Error("a guest begins no file");
  }

  startLab(): never {
    throw new Error("a guest begins no file");
  }

  log(chunks: readonly Chunk[], firstCycle: number, lastCycle: number, owner = 0): void {
    this.#notes.push({ kind: "log", chunks, firstCycle, lastCycle, owner });
    this.#writtenMs = performance.now();
  }

  aside(chunk: Chunk, owner = 0): void {
    this.#notes.push({ kind: "aside", chunk, owner });
  }

  end(payload: Uint8Array, cycle: number, owner = 0): void {
    this.#notes.push({ kind: "end", payload, cycle, owner });
  }
}

/** Writes what a guest of another thread has noted. */
export function write(sink: ChunkSink, note: FileNote): void {
  if (note.kind === "log") sink.log(note.chunks, note.firstCycle, note.lastCycle, note.owner);
  else if (note.kind === "aside") sink.aside(note.chunk, note.owner);
  else sink.end(note.payload, note.cycle, note.owner);
}

/** For guests of other threads. @param data whether there are to be checkpoints */
export const hooksOf: HooksOf = async ({ number, name }, data) => {
  const sink = new NoteSink();
  const hash = new OutputHash(await xxhash());
  const options = { name, owner: number, sink, hash, hasCheckpoints: data as boolean };
  return { ...recordingHooks(options), takeNotes: () => sink.take() };
};
