/**
 * Where firmware, kernel, initial ramdisk and device tree lie in RAM. Sources: QEMU 7.2, hw/riscv/boot.c
 * (firmware at the start of RAM, kernel 2 MiB above); Linux, Documentation/arch/riscv/boot.rst.
 */
import { deviceTree, type DeviceTreeOptions } from "../device_tree.ts";
import { flattenDeviceTree } from "../fdt.ts";
import { RAM_BASE } from "../memory_map.ts";
import { isElf, loadElf } from "./elf.ts";
import { ImageError, type ImageFile, type LoadedImage, type Segment } from "./image.ts";
import { isLinuxImage, loadLinuxImage } from "./linux_image.ts";
import { loadRaw } from "./raw.ts";
import { resetRom } from "./reset_rom.ts";

/** The files that a machine boots from. */
export interface BootFiles {
  /** Firmware in machine mode: OpenSBI, any flat image, any ELF. Absent: the kernel starts in machine mode. */
  readonly bios?: ImageFile;
  /** A Linux `Image`, a flat image or an ELF. */
  readonly kernel?: ImageFile;
  /** Concatenated, each at a multiple of 4 bytes, as the kernel's initramfs reader wants them. */
  readonly initrds?: readonly ImageFile[];
}

/** What a machine holds at reset. */
export interface BootLayout {
  readonly rom: Uint8Array;
  readonly images: readonly { readonly address: number; readonly bytes: Uint8Array }[];
}

/** A kernel without a header of its own starts here, where OpenSBI `fw_jump` expects it. */
const KERNEL_BASE = RAM_BASE + 0x20_0000;

/** OpenSBI 1.6 `fw_jump` copies the device tree here; it may grow to this size. */
const FW_JUMP_DTB = { address: RAM_BASE + 0x220_0000, sizeBytes: 0x1_0000 };

/** OpenSBI `fw_dynamic` adds nodes to the device tree in place. */
const DTB_SLACK_BYTES = 0x1_0000;

/** Firmware and kernel reach what lies below this with 32-bit pointers and early page tables. */
const HIGH_LIMIT = 0x1_0000_0000;

const PAGE_BYTES = 4096;

/**
 * Gives every file its place and writes the device tree and the reset ROM for it.
 * @throws ImageError if a file is damaged, does not fit into RAM, or overlaps another
 */
export function layOut(
  files: BootFiles,
  options: Omit<DeviceTreeOptions, "initrd">,
): BootLayout {
  const bios = files.bios && loadBios(files.bios);
  const kernel = files.kernel && loadKernel(files.kernel);
  const first = bios ?? kernel;
  if (first === undefined) throw new ImageError("nothing to boot: no firmware and no kernel");
  const placed = new Placement(options.memoryBytes);
  for (const image of [bios, kernel]) {
    for (const segment of image?.segments ?? []) placed.add(image!.name, segment);
  }

  // The tree's size does not depend on the values in it, so a first draft tells how much it takes.
  const initrd = concatenate(files.initrds ?? []);
  const draft = flattenDeviceTree(
    deviceTree({ ...options, initrd: initrd && { start: 0, end: 0 } }),
  );
  const dtbBytes = draft.length + DTB_SLACK_BYTES;
  const ramEnd = Math.min(RAM_BASE + options.memoryBytes, HIGH_LIMIT);
  const dtbAddress = alignDown(ramEnd - dtbBytes, PAGE_BYTES);
  placed.add("the device tree", { address: dtbAddress, bytes: draft, sizeBytes: dtbBytes });

  let place: { start: number; end: number } | undefined;
  if (initrd !== undefined) {
    const name = files.initrds!.map((file) => file.name).join(" + ");
    const start = alignDown(dtbAddress - initrd.length, PAGE_BYTES);
    const segment = { address: start, bytes: initrd, sizeBytes: initrd.length };
    if (overlaps(segment, FW_JUMP_DTB)) {
      throw new ImageError(
        `${name}: no room in ${
          mebibytes(options.memoryBytes)
        } of RAM: it would overlap the device tree that OpenSBI moves to 0x${
          FW_JUMP_DTB.address.toString(16)
        }; give the machine more memory`,
      );
    }
    placed.add(name, segment);
    place = { start, end: start + initrd.length };
  }
  const dtb = flattenDeviceTree(deviceTree({ ...options, initrd: place }));
  return {
    rom: resetRom({ entry: first.entry, dtbAddress, nextAddress: kernel?.entry ?? 0 }),
    images: [
      ...placed.images().filter((image) => image.address !== dtbAddress),
      { address: dtbAddress, bytes: dtb },
    ],
  };
}

function loadBios(file: ImageFile): LoadedImage {
  return isElf(file.bytes) ? loadElf(file) : loadRaw(file, RAM_BASE);
}

function loadKernel(file: ImageFile): LoadedImage {
  if (isElf(file.bytes)) return loadElf(file);
  if (isLinuxImage(file.bytes)) return loadLinuxImage(file, RAM_BASE);
  return loadRaw(file, KERNEL_BASE);
}

function concatenate(files: readonly ImageFile[]): Uint8Array | undefined {
  if (files.length === 0) return undefined;
  const sizeBytes = files.reduce((sum, file) => align4(sum) + file.bytes.length, 0);
  const all = new Uint8Array(sizeBytes);
  let position = 0;
  for (const file of files) {
    if (file.bytes.length === 0) throw new ImageError(`${file.name}: the file is empty`);
    position = align4(position);
    all.set(file.bytes, position);
    position += file.bytes.length;
  }
  return all;
}

/** What lies where; refuses what lies outside RAM or on top of something else. */
class Placement {
  readonly #entries: { name: string; segment: Segment }[] = [];
  readonly #memoryBytes: number;

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes;
  }

  add(name: string, segment: Segment): void {
    if (
      segment.address < RAM_BASE ||
      segment.address + segment.sizeBytes > RAM_BASE + this.#memoryBytes
    ) {
      throw new ImageError(
        `${name}: ${range(segment)} is outside RAM (${mebibytes(this.#memoryBytes)} from 0x${
          RAM_BASE.toString(16)
        })${segment.address >= RAM_BASE ? "; give the machine more memory" : ""}`,
      );
    }
    const other = this.#entries.find((entry) => overlaps(entry.segment, segment));
    if (other !== undefined) {
      throw new ImageError(
        `${name}: ${range(segment)} overlaps ${other.name} at ${
          range(other.segment)
        }; give the machine more memory or link one of them elsewhere`,
      );
    }
    this.#entries.push({ name, segment });
  }

  images(): { address: number; bytes: Uint8Array }[] {
    return this.#entries.map(({ segment: { address, bytes } }) => ({ address, bytes }));
  }
}

type Extent = { readonly address: number; readonly sizeBytes: number };

function overlaps(a: Extent, b: Extent): boolean {
  return a.address < b.address + b.sizeBytes && b.address < a.address + a.sizeBytes;
}

function range({ address, sizeBytes }: Extent): string {
  return `0x${address.toString(16)} to 0x${(address + sizeBytes - 1).toString(16)}`;
}

function mebibytes(sizeBytes: number): string {
  return `${sizeBytes / 2 ** 20} MiB`;
}

function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
