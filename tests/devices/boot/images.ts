/** Small boot images, made by hand. */

/** `addi a0, zero, 42; loop: j loop`. */
export const CODE = Uint8Array.of(0x13, 0x05, 0xa0, 0x02, 0x6f, 0x00, 0x00, 0x00);

/** One segment of {@link makeElf}. */
export interface ElfSegment {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly sizeBytes?: number;
}

/** An ELF64 little-endian RISC-V executable, entered at its first segment. */
export function makeElf(segments: readonly ElfSegment[]): Uint8Array {
  const headers = 64 + 56 * segments.length;
  const total = segments.reduce((sum, segment) => sum + segment.bytes.length, headers);
  const elf = new Uint8Array(total);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setBigUint64(24, BigInt(segments[0]?.address ?? 0), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let position = headers;
  segments.forEach((segment, index) => {
    const header = 64 + 56 * index;
    view.setUint32(header, 1, true);
    view.setBigUint64(header + 8, BigInt(position), true);
    // A virtual address that differs: the loader must take the physical one.
    view.setBigUint64(header + 16, 0xffff_ffff_8000_0000n, true);
    view.setBigUint64(header + 24, BigInt(segment.address), true);
    view.setBigUint64(header + 32, BigInt(segment.bytes.length), true);
    view.setBigUint64(header + 40, BigInt(segment.sizeBytes ?? segment.bytes.length), true);
    elf.set(segment.bytes, position);
    position += segment.bytes.length;
  });
  return elf;
}

/** A flat kernel: the header of a Linux image around the given code, which comes at byte 64. */
export function makeLinuxImage(
  options: { textOffset: number; imageSize: number; code: Uint8Array },
): Uint8Array {
  const image = new Uint8Array(64 + options.code.length);
  const view = new DataView(image.buffer);
  view.setUint32(0, 0x0400_006f, true); // j 64
  view.setBigUint64(8, BigInt(options.textOffset), true);
  view.setBigUint64(16, BigInt(options.imageSize), true);
  image.set([0x52, 0x53, 0x43, 0x05], 0x38);
  image.set(options.code, 64);
  return image;
}
