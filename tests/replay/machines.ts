/** Recorded machines for tests: our small guests on a host in memory or on the real one. */
import { assert } from "@std/assert";
import xxhash from "xxhash-wasm";
import type { Host } from "../../core/host.ts";
import { Machine } from "../../core/machine.ts";
import { Random } from "../../core/random.ts";
import { UART_ID } from "../../devices/board.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { type MachineConfig, machineOptions } from "../../devices/machine_options.ts";
import { type ImageName, imageUrl } from "../../guests/images.ts";
import { codec } from "../../replay/deno/codec.ts";
import { ChunkFile } from "../../replay/format/chunk_file.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { LabWriter } from "../../replay/format/lab_writer.ts";
import { type LabRecording, readRecorded, readRecording } from "../../replay/format/reader.ts";
import { RecordingWriter } from "../../replay/format/writer.ts";
import type { Log, LogSink } from "../../replay/log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { OutputHash } from "../../replay/outputs.ts";
import { Recorder } from "../../replay/recorder.ts";
import type { BuildMachine } from "../../replay/replayer.ts";

const DISK_BYTES = 1 << 20;

export interface Guest {
  readonly image: ImageName;
  readonly harts: number;
  /** Where a recording ends at the latest. */
  readonly cycles: number;
}

export const POCKET: Guest = { image: "pocket", harts: 1, cycles: 60_000_000 };
export const POCKET_TO_ITS_END: Guest = { image: "pocket", harts: 1, cycles: 500_000_000 };
export const SMP: Guest = { image: "smp", harts: 4, cycles: 100_000_000 };

export const outputHash = new OutputHash(await xxhash());

export function configOf(guest: Guest, timing: MachineConfig["diskTiming"] = "model") {
  const disks = [{ sizeBytes: DISK_BYTES, readOnly: false }];
  return { memoryBytes: 16 << 20, harts: guest.harts, seed: 7, diskTiming: timing, disks };
}

export function imageOf(guest: Guest) {
  return { name: guest.image, bytes: Deno.readFileSync(imageUrl(guest.image)) };
}

/** The machine on a host, at reset. */
export function buildOf(guest: Guest, config: MachineConfig = configOf(guest)): BuildMachine {
  return (host, onDigest, linting) =>
    Machine.create({
      ...machineOptions(config, { bios: imageOf(guest) }, host),
      engine: { linting },
      onDigest,
    });
}

/** A disk with content, and somebody who types. */
export function memoryHost(seed = 7): MemoryHost {
  const bytes = new TextEncoder().encode("help\n");
  return new MemoryHost({
    disks: { disk0: new Random(seed).bytes(DISK_BYTES) },
    script: [3_000_000, 9_000_000, 31_000_000].map((cycle) => ({
      cycle,
      device: UART_ID,
      bytes,
    })),
    seed,
  });
}

/** Records from reset to the guest's end, or to the cycle that it names. */
export async function recordInto(
  sink: LogSink,
  guest: Guest,
  host: Host = memoryHost(),
  config: MachineConfig = configOf(guest),
): Promise<{ cycle: number; digest: string; recorder: Recorder }> {
  const recorder = new Recorder({ host, sink, hash: outputHash });
  const machine = await buildOf(guest, config)(
    recorder,
    (cycle, digest) => recorder.digest(cycle, digest),
  );
  const stop = await machine.run(guest.cycles);
  const digest = machine.digest();
  const end = stop.reason === "power"
    ? { reason: "power" as const, power: stop.power }
    : { reason: "until" as const };
  recorder.finish(digest, { endCycle: machine.cycle, end, instructions: 1 });
  return { cycle: machine.cycle, digest, recorder };
}

export async function recordLog(guest: Guest): Promise<Log> {
  const sink = new MemoryLog();
  await recordInto(sink, guest);
  return sink.log();
}

/** Begins a file with the guest's image. */
export function writerOf(guest: Guest, file: MemoryFile, config: MachineConfig = configOf(guest)) {
  const images = [{ role: "bios" as const, ...imageOf(guest) }];
  return new RecordingWriter(new ChunkFile(file, codec), {
    program: "test",
    machine: config,
    images,
  });
}

/** Begins a lab's file with the images of its guests. */
export function labWritersOf(guests: Readonly<Record<string, Guest>>, file: MemoryFile) {
  const sink = new ChunkFile(file, codec);
  const lab = new LabWriter(sink, {
    program: "test",
    lab: {},
    guests: Object.entries(guests).map(([name, guest]) => ({
      name,
      machine: configOf(guest),
      images: [{ role: "bios" as const, ...imageOf(guest) }],
    })),
  });
  const writers = Object.keys(guests).map((_, owner) =>
    new RecordingWriter(sink, undefined, owner)
  );
  return { lab, guests: writers };
}

/** The bytes of a recording file. */
export async function recordFile(guest: Guest): Promise<Uint8Array> {
  const file = new MemoryFile();
  await recordInto(writerOf(guest, file), guest);
  return file.bytes.slice();
}

export function read(bytes: Uint8Array) {
  return readRecording(new MemoryFile(bytes), codec);
}

export function readLab(bytes: Uint8Array): LabRecording {
  const { lab } = readRecorded(new MemoryFile(bytes), codec);
  assert(lab !== undefined, "not a lab's");
  return lab;
}
