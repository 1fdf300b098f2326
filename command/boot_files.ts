/** From a machine request to the files that it boots and the disks that it has. */
import { basename } from "@std/path";
import type { BootFiles } from "../devices/boot/layout.ts";
import type { ImageFile } from "../devices/boot/image.ts";
import type { BoardDisk } from "../devices/board.ts";
import { type DiskAccess, DiskFile } from "../devices/deno/disk_file.ts";
import { type DebianGuest, openDebian } from "../guests/debian/deno/guest.ts";
import { DHCP_SCRIPT, DHCP_SCRIPT_FILE } from "../guests/debian/dhcp_script.ts";
import { extraInitramfs } from "../guests/debian/extra.ts";
import { imageUrl } from "../guests/images.ts";
import { reason, UsageError } from "./errors.ts";
import type { MachineRequest } from "./machine_config.ts";

/** A disk as it is asked for. */
export interface DiskRequest {
  readonly path: string;
  readonly access: DiskAccess;
}

/** The board's disk for an image; its size is looked up. @throws DiskFileError if it cannot be opened */
export function boardDisk({ path, access }: DiskRequest): BoardDisk {
  const disk = DiskFile.open(path, access);
  disk.close();
  return { sizeBytes: disk.sizeBytes, readOnly: access === "ro" };
}

/** All that a machine boots from. */
export interface Boot {
  readonly files: BootFiles;
  readonly disks: readonly DiskRequest[];
  readonly bootargs?: string;
  readonly memoryBytes: number;
}

const MIB = 2 ** 20;
const POCKET_BYTES = 16 * MIB;
const DEFAULT_BYTES = 256 * MIB;

/**
 * @param prepare makes the Debian guest if the cache does not hold it
 * @throws UsageError if the request contradicts itself or a file cannot be read
 */
export async function bootOf(
  request: MachineRequest,
  prepare: () => Promise<DebianGuest>,
): Promise<Boot> {
  const disks = request.disk?.map(diskOf) ?? [];
  const isDebian = request.guest === "debian";
  if (!isDebian) {
    for (const name of ["run", "copy"] as const) {
      if (request[name] !== undefined) throw new UsageError(`--${name} needs --guest debian`);
    }
  }
  if (request.guest === "pocket") return pocket(request, disks);

  const extra = isDebian ? extraOf(request) : undefined; // before a long preparation
  const debian = isDebian ? await openDebian() ?? await prepare() : undefined;
  const kernel = request.kernel ?? debian?.kernel;
  if (request.bios === undefined && kernel === undefined) {
    throw new UsageError(
      "nothing to boot: give --guest pocket, --guest debian, --bios FILE or --kernel FILE",
    );
  }
  if (kernel === undefined || kernel === "") {
    for (const name of ["initrd", "append"] as const) {
      if (request[name] !== undefined) throw new UsageError(`--${name} needs --kernel FILE`);
    }
  }
  const bios = request.bios ?? debian?.firmwareDynamic ?? await defaultFirmware();
  const initrds = [
    ...(debian === undefined ? [] : [readImage("--initrd", debian.initrd)]),
    ...(request.initrd ?? []).map((path) => readImage("--initrd", path)),
    ...(extra === undefined ? [] : [{ name: "--run and --copy", bytes: extra }]),
  ];
  const append = [debian?.append, request.append].filter((text) => text !== undefined);
  return {
    files: {
      bios: bios === "none" ? undefined : readImage("--bios", bios),
      kernel: kernel === undefined ? undefined : readImage("--kernel", kernel),
      initrds,
    },
    disks: disks.length === 0 && debian !== undefined
      ? [{ path: debian.disk, access: "overlay" }]
      : disks,
    bootargs: append.length === 0 ? undefined : append.join(" "),
    memoryBytes: request.memory ?? DEFAULT_BYTES,
  };
}

function pocket(request: MachineRequest, disks: readonly DiskRequest[]): Boot {
  for (const name of ["bios", "kernel", "initrd", "append"] as const) {
    if (request[name] !== undefined) {
      throw new UsageError(`--${name} does not go with --guest pocket`);
    }
  }
  // The sources may come from anywhere that Deno imports from; the image lies beside them.
  const url = imageUrl("pocket");
  return {
    files: { bios: { name: "pocket.elf", bytes: Deno.readFileSync(url) } },
    disks,
    memoryBytes: request.memory ?? POCKET_BYTES,
  };
}

async function defaultFirmware(): Promise<string> {
  const debian = await openDebian();
  if (debian !== undefined) return debian.firmwareDynamic;
  throw new UsageError(
    "--kernel needs --bios FILE (or `none`), or OpenSBI from `hindsight guest debian`",
  );
}

function diskOf(text: string): DiskRequest {
  const [, path, access] = /^(.*?)(?:,(ro|through))?$/s.exec(text)!;
  return { path, access: (access as DiskAccess | undefined) ?? "overlay" };
}

/** The initramfs for `--run`, `--copy` and a network with DHCP; undefined if there is none of them. */
function extraOf({ run, copy, nic }: MachineRequest): Uint8Array | undefined {
  const hasDhcp = nic?.some(({ end }) => end === "user") ?? false;
  if (run === undefined && copy === undefined && !hasDhcp) return undefined;
  const files = (copy ?? []).map((text) => {
    const colon = text.lastIndexOf(":/");
    if (colon < 1) {
      throw new UsageError(`--copy ${text}: FILE:/PATH is needed, with the guest's path from /`);
    }
    const file = text.slice(0, colon);
    const { bytes } = readImage("--copy", file);
    return { path: text.slice(colon + 1), bytes, mode: Deno.statSync(file).mode ?? 0o644 };
  });
  if (hasDhcp && !files.some(({ path }) => path === DHCP_SCRIPT_FILE)) {
    const bytes = new TextEncoder().encode(DHCP_SCRIPT);
    files.push({ path: DHCP_SCRIPT_FILE, bytes, mode: 0o755 });
  }
  try {
    return extraInitramfs({ run, copy: files });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--copy: ${error.message}`);
    throw error;
  }
}

/** @throws UsageError naming the flag and the file */
export function readImage(flag: string, path: string): ImageFile {
  try {
    const { isDirectory, isFile, size } = Deno.statSync(path);
    if (isDirectory) throw new UsageError(`${flag} ${path}: is a directory`);
    // A pipe or device may never end; typed input may come from one.
    if (!isFile && flag !== "--send") {
      throw new UsageError(`${flag} ${path}: is not a regular file`);
    }
    const bytes = isFile ? readShared(path, size) : Deno.readFileSync(path);
    return { name: basename(path), bytes };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${flag} ${path}: ${reason(error)}`);
  }
}

/** In memory that another thread, such as that of a recording's file, sees without a copy. */
function readShared(path: string, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  using file = Deno.openSync(path);
  let filled = 0;
  while (filled < sizeBytes) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break; // it has become shorter
    filled += count;
  }
  return bytes.subarray(0, filled);
}
