/** A recording's file as the commands use it: opened, checked, and with the machine that it describes. */
import xxhash from "xxhash-wasm";
import { z } from "zod";
import { Machine, type MachineOptions } from "../core/machine.ts";
import { DISK_COUNT_MAX, NIC_COUNT_MAX } from "../devices/board.ts";
import type { BootFiles } from "../devices/boot/layout.ts";
import { type MachineConfig, machineOptions } from "../devices/machine_options.ts";
import { cachePath } from "../guests/debian/deno/cache.ts";
import project from "../deno.json" with { type: "json" };
import { codec } from "../replay/deno/codec.ts";
import { FileSource } from "../replay/deno/file_source.ts";
import { FileWriter } from "../replay/deno/file_writer.ts";
import { FormatError } from "../replay/format/codec.ts";
import { readRecorded, type Recorded, type Recording } from "../replay/format/reader.ts";
import type { Image, RecordingStart } from "../replay/format/chunk_file.ts";
import { RecordingWriter } from "../replay/format/writer.ts";
import { OutputHash } from "../replay/outputs.ts";
import type { Stored } from "../replay/stored.ts";
import { Recorder } from "../replay/recorder.ts";
import type { BuildMachine } from "../replay/replayer.ts";
import { reason, UsageError } from "./errors.ts";
import type { Flag } from "./flags.ts";
import type { MachineRun } from "./run_machine.ts";

const MIB = 2 ** 20;

/** What a recording says of its machine; a file may say anything. */
const ConfigSchema = z.strictObject({
  memoryBytes: z.number().int().min(MIB).max(8192 * MIB).multipleOf(MIB),
  harts: z.number().int().min(1).max(8),
  seed: z.number().int().min(0).max(2 ** 32 - 1),
  diskTiming: z.enum(["live", "model"]),
  bootargs: z.string().max(4096).optional(),
  disks: z.array(z.strictObject({
    sizeBytes: z.number().int().min(512).multipleOf(512),
    readOnly: z.boolean(),
  })).max(DISK_COUNT_MAX),
  nics: z.array(z.strictObject({ mac: z.string().max(17) })).max(NIC_COUNT_MAX).optional(),
});

/** A recording that is open. */
export interface OpenRecording extends Recording {
  readonly path: string;
  readonly config: MachineConfig;
  /** Makes the machine at its first cycle. */
  readonly build: BuildMachine;
  /** The same without compiled code. */
  readonly interpret: BuildMachine;
  readonly outputHash: OutputHash;
  readonly stored: readonly Stored[];
}

/** What a command of a recording takes: the one FILE. @throws UsageError */
export function onlyFile(command: string, positional: readonly string[]): string {
  const [path, ...rest] = positional;
  if (path === undefined) {
    throw new UsageError(`which recording? write \`hindsight ${command} FILE\``);
  }
  if (rest.length > 0) throw new UsageError(`${command} takes one FILE, not also "${rest[0]}"`);
  return path;
}

/** Of the commands that look into a recording. */
export const GUEST_FLAG: Flag = {
  name: "guest",
  value: "NAME",
  summary: "of a lab: this guest alone, without the others",
};

/** How to open a recording. */
export interface OpenOptions {
  /** Of the machines that replay it; nothing in a recording depends on it. */
  readonly engine?: MachineOptions["engine"];
  /** One of a lab. */
  readonly guest?: string;
}

/** @throws UsageError if the file cannot be read, FormatError if it is no recording */
export async function openRecording(
  path: string,
  { engine, guest }: OpenOptions = {},
): Promise<OpenRecording> {
  return await opened(path, readRecordingFile(path, guest), engine);
}

/** @throws FormatError if what it says of its machine cannot be */
export async function opened(
  path: string,
  recording: Recording,
  engine?: MachineOptions["engine"],
): Promise<OpenRecording> {
  const parsed = ConfigSchema.safeParse(recording.header.machine);
  if (!parsed.success) {
    const { path: field, message } = parsed.error.issues[0];
    throw new FormatError(`${path}: the machine's ${field.map(String).join(".")}: ${message}`);
  }
  const config = parsed.data;
  const files = bootFiles(recording.images);
  const buildOn = (engine: MachineOptions["engine"]): BuildMachine => (host, onDigest, linting) =>
    Machine.create({
      ...machineOptions(config, files, host),
      engine: { ...engine, linting },
      onDigest,
    });
  const [build, interpret] = [buildOn(engine), buildOn({ jitThreshold: 0 })];
  const outputHash = new OutputHash(await xxhash());
  return {
    ...recording,
    path,
    config,
    build,
    interpret,
    outputHash,
    stored: storedOf(path, recording),
  };
}

// The file is opened again for each: it may be a day until somebody wants one.
function storedOf(path: string, { checkpoints }: Recording): readonly Stored[] {
  return checkpoints.list.map((stored) => ({
    ...stored,
    load: () => {
      const source = new FileSource(path);
      return { ...checkpoints.load(source, codec, stored), close: () => source.close() };
    },
  }));
}

/** @throws UsageError if the file cannot be read or holds no such guest, FormatError if it is no recording */
export function readRecordingFile(path: string, guest?: string): Recording {
  return recordingIn(path, readRecordedFile(path), guest);
}

/** The one machine of a file, or the guest of a lab. @throws UsageError if it holds none such */
export function recordingIn(
  path: string,
  { lab, machine }: Recorded,
  guest: string | undefined,
): Recording {
  if (lab === undefined) {
    if (guest === undefined) return machine;
    throw new UsageError(`--guest ${guest}: ${path} holds one machine, which has no name`);
  }
  const names = [...lab.guests.keys()].join(", ");
  if (guest === undefined) {
    throw new UsageError(`${path} holds a lab: which guest? --guest takes one of ${names}`);
  }
  const found = lab.guests.get(guest);
  if (found !== undefined) return found;
  throw new UsageError(`--guest ${guest}: ${path} holds ${names}`);
}

/** @throws UsageError if the file cannot be read, FormatError if it is no recording */
export function readRecordedFile(path: string): Recorded {
  let source: FileSource | undefined;
  try {
    source = new FileSource(path);
    return readRecorded(source, codec);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${path}: ${error.message}`);
    if (source === undefined) throw new UsageError(`${path}: ${reason(error)}`);
    throw error;
  } finally {
    source?.close();
  }
}

/** A recording that is going to be made: its file is not touched before {@link record} is called. */
export class RecordingTarget {
  readonly #file: FileWriter;

  private constructor(path: string, readonly hash: OutputHash, readonly hasCheckpoints: boolean) {
    this.#file = recordingWriter(path);
  }

  static async create(path: string, hasCheckpoints: boolean): Promise<RecordingTarget> {
    return new RecordingTarget(path, new OutputHash(await xxhash()), hasCheckpoints);
  }

  /** For {@link MachineRun}. @throws RecordingError if the file cannot be created */
  readonly record: NonNullable<MachineRun["record"]> = (host, config, files) => {
    const writer = new RecordingWriter(this.#file, recordingStart(config, files));
    const recorder = new Recorder({ host, sink: writer, hash: this.hash });
    return { recorder, checkpoints: this.hasCheckpoints ? writer : undefined };
  };

  close(): void {
    this.#file.close();
  }
}

/** Writes a recording, with the images that earlier ones have packed. */
export function recordingWriter(path: string): FileWriter {
  return new FileWriter(path, cachePath("images"));
}

/** What writes recordings, as they say it. */
export const PROGRAM = `hindsight ${project.version}`;

/** What a machine's recording begins with. */
export function recordingStart(config: MachineConfig, files: BootFiles): RecordingStart {
  const { bootargs, ...rest } = config;
  const machine = bootargs === undefined ? rest : config;
  return { program: PROGRAM, machine, images: imagesOf(files) };
}

function imagesOf({ bios, kernel, initrds }: BootFiles): Image[] {
  return [
    ...(bios === undefined ? [] : [{ role: "bios" as const, ...bios }]),
    ...(kernel === undefined ? [] : [{ role: "kernel" as const, ...kernel }]),
    ...(initrds ?? []).map((file) => ({ role: "initrd" as const, ...file })),
  ];
}

/** The files that a recorded machine boots. */
export function bootFiles(images: readonly Image[]): BootFiles {
  return {
    bios: images.find(({ role }) => role === "bios"),
    kernel: images.find(({ role }) => role === "kernel"),
    initrds: images.filter(({ role }) => role === "initrd"),
  };
}
