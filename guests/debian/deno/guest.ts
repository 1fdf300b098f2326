/** The prepared Debian guest: what it is made of, and where its files are. */
import { join } from "@std/path";
import { createHash } from "node:crypto";
import { DISK_BYTES, DISK_COMMAND } from "../disk.ts";
import { INIT_SCRIPT } from "../init_script.ts";
import { cacheFolder, readManifest } from "./cache.ts";

/** Rises when the same packages would give other outputs. */
const RECIPE_VERSION = 2;

/** The drivers of the board's devices, and the file system of its root disk. */
export const DRIVERS = ["virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "ext4"];

/**
 * Kernel arguments. A panic resets at once instead of spinning; of the kernel's messages only
 * warnings and errors are shown.
 */
export const APPEND = "console=ttyS0 panic=-1 rdinit=/init loglevel=5";

/** The prepared guest: paths of files, and the kernel's arguments. */
export interface DebianGuest {
  /** Linux's flat `Image`, 2 MiB aligned. */
  readonly kernel: string;
  readonly firmwareJump: string;
  readonly firmwareDynamic: string;
  /** An uncompressed initramfs; others may be joined to its end. */
  readonly initrd: string;
  /** A raw ext4 image with a journal; shared by all runs, so not to be written to. */
  readonly disk: string;
  /** The busybox that is in the initramfs, so that sums can be compared. */
  readonly busybox: string;
  readonly append: string;
}

/** Its files, by name. */
export const OUTPUTS = {
  kernel: "vmlinux",
  firmwareJump: "fw_jump.bin",
  firmwareDynamic: "fw_dynamic.bin",
  initrd: "initramfs.cpio",
  disk: "root.ext4",
  busybox: "busybox",
} as const;

/** The guest if its cache looks whole (sizes are compared, not sums); needs no network. */
export async function openDebian(cacheDir = cacheFolder()): Promise<DebianGuest | undefined> {
  const manifest = await readManifest(cacheDir);
  if (manifest?.recipe !== recipe()) return undefined;
  for (const name of Object.values(OUTPUTS)) {
    const size = (await Deno.stat(join(cacheDir, name)).catch(() => undefined))?.size;
    if (size === undefined || size !== manifest.files[name]?.sizeBytes) return undefined;
  }
  return guestIn(cacheDir);
}

/** The guest whose files are in a folder. */
export function guestIn(folder: string): DebianGuest {
  const paths = Object.entries(OUTPUTS).map(([key, name]) => [key, join(folder, name)]);
  return { ...Object.fromEntries(paths), append: APPEND } as DebianGuest;
}

/** Digest of everything in our own sources that shapes the outputs. */
export function recipe(): string {
  const parts = [RECIPE_VERSION, INIT_SCRIPT, DRIVERS, DISK_COMMAND, DISK_BYTES];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
