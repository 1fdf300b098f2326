/** Recordings that bring checkpoints along, more often than a user's recording has them. */
import type { Host } from "../../core/host.ts";
import { CheckpointRecorder } from "../../replay/checkpoint_recorder.ts";
import { codec } from "../../replay/deno/codec.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import type { Recording } from "../../replay/format/reader.ts";
import type { RecordingWriter } from "../../replay/format/writer.ts";
import { Recorder } from "../../replay/recorder.ts";
import type { Stored } from "../../replay/stored.ts";
import { buildOf, configOf, type Guest, memoryHost, outputHash, writerOf } from "./machines.ts";

/** Cycles of work between checkpoints: at every digest. */
const SPACING = 1000;

export interface StoredOptions {
  readonly file?: MemoryFile;
  readonly host?: Host;
  readonly spacing?: number;
  /** Of a lab's guest, with its name. */
  readonly writer?: RecordingWriter;
  readonly machine?: string;
}

/** @returns the file's bytes */
export async function recordStored(
  guest: Guest,
  options: StoredOptions = {},
): Promise<Uint8Array> {
  const { file = new MemoryFile(), host = memoryHost(), spacing = SPACING } = options;
  const { writer = writerOf(guest, file), machine: name } = options;
  const recorder = new Recorder({ host, sink: writer, hash: outputHash, machine: name });
  const machine = await buildOf(guest, configOf(guest))(recorder, (cycle, digest) => {
    recorder.digest(cycle, digest);
    checkpoints.digested();
  });
  const checkpoints = new CheckpointRecorder(machine, writer, { gap: SPACING, spacing });
  const stop = await machine.run(guest.cycles);
  checkpoints.finish();
  const end = stop.reason === "power"
    ? { reason: "power" as const, power: stop.power }
    : { reason: "until" as const };
  recorder.finish(machine.digest(), { endCycle: machine.cycle, end, instructions: 1 });
  return file.bytes.slice();
}

/** The checkpoints of a file, as a timeline takes them. */
export function storedOf(bytes: Uint8Array, { checkpoints }: Recording): Stored[] {
  const file = new MemoryFile(bytes);
  return checkpoints.list.map((one) => ({
    ...one,
    load: () => checkpoints.load(file, codec, one),
  }));
}
