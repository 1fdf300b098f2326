/** Files that a run writes: none may be one that it reads, or one that another process records to. */
import { HostError, reason, UsageError } from "./errors.ts";
import type { MachineRequest } from "./machine_config.ts";

/** @throws UsageError if the path leads to a file that the machine is made from */
export function requireNoInput(flag: string, path: string, request: MachineRequest): void {
  for (const [input, other] of inputsOf(request)) {
    if (input === flag || !isSameFile(path, other)) continue;
    throw new UsageError(`${flag} ${path}: is the file of ${input}; give another one`);
  }
}

/** @throws UsageError if the path leads to one of the disks */
export function requireNoDisk(
  flag: string,
  path: string,
  disks: readonly { readonly path: string }[],
): void {
  if (!disks.some((disk) => isSameFile(path, disk.path))) return;
  throw new UsageError(`${flag} ${path}: is the file of a disk; give another one`);
}

/** With the flags that name them. */
function inputsOf(request: MachineRequest): [flag: string, path: string][] {
  const { bios, kernel, initrd, disk, copy, send, digests } = request;
  const single = { "--bios": bios, "--kernel": kernel, "--send": send, "--digests": digests };
  return [
    ...Object.entries(single).filter((row): row is [string, string] => row[1] !== undefined),
    ...(initrd ?? []).map((path): [string, string] => ["--initrd", path]),
    ...(disk ?? []).map((text): [string, string] => ["--disk", text.replace(/,(ro|through)$/, "")]),
    ...(copy ?? []).map((text): [string, string] => [
      "--copy",
      text.slice(0, text.lastIndexOf(":/")),
    ]),
  ];
}

/** By any name that leads to it. */
function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [Deno.statSync(one), Deno.statSync(other)];
    if (!a.isFile || a.dev !== b.dev) return false;
    return a.ino === null ? Deno.realPathSync(one) === Deno.realPathSync(other) : a.ino === b.ino;
  } catch {
    return false; // at least one is not there
  }
}

/** The file of a recording that is to be made, ours alone until it is released. */
export class ClaimedFile {
  readonly #file: Deno.FsFile | undefined;
  readonly #isNew: boolean;

  /**
   * What the file holds is left alone: the run may not even begin.
   * @throws UsageError if it can hold no recording, HostError if it cannot be written
   */
  constructor(readonly path: string) {
    const status = statusOf(path);
    if (status?.isFifo) throw new UsageError(`-o ${path}: is a pipe; a recording needs a file`);
    this.#isNew = status === undefined;
    // A device is nobody's.
    if (status === undefined || status.isFile) this.#file = lock(path);
  }

  /** Takes an empty file away again that nothing came into. */
  release(): void {
    if (this.#file === undefined) return;
    if (this.#isNew && this.#file.statSync().size === 0) Deno.removeSync(this.path);
    this.#file.close();
  }
}

function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

function lock(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such folder" : reason(error);
    throw new HostError(`cannot write the recording ${path}: ${why}`);
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new HostError(`cannot write the recording ${path}: another process is recording to it`);
}
