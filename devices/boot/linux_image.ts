/** The flat Linux kernel image. Source: Linux, Documentation/arch/riscv/boot-image-header.rst. */
import { ImageError, type ImageFile, type LoadedImage } from "./image.ts";

const TEXT_OFFSET = 0x08; // bytes from the start of RAM to the image
const IMAGE_SIZE = 0x10; // bytes in RAM, .bss included
const MAGIC2 = 0x38; // "RSC\x05"
const HEADER_BYTES = 64;

/** Whether a file has the header of a RISC-V kernel image. */
export function isLinuxImage(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC2 + 4 && bytes[MAGIC2] === 0x52 && bytes[MAGIC2 + 1] === 0x53 &&
    bytes[MAGIC2 + 2] === 0x43 && bytes[MAGIC2 + 3] === 0x05;
}

/**
 * Places a kernel image at its `text_offset` from the start of RAM; it is entered at its first byte.
 * @throws ImageError if the header contradicts itself
 */
export function loadLinuxImage(file: ImageFile, ramBase: number): LoadedImage {
  const { bytes } = file;
  if (bytes.length < HEADER_BYTES) {
    throw new ImageError(
      `${file.name}: truncated kernel image (file offset 0x${bytes.length.toString(16)})`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textOffset = Number(view.getBigUint64(TEXT_OFFSET, true));
  const imageSize = Number(view.getBigUint64(IMAGE_SIZE, true));
  if (!Number.isSafeInteger(ramBase + textOffset + imageSize)) {
    throw new ImageError(
      `${file.name}: text_offset or image_size is out of range (file offset 0x8)`,
    );
  }
  // A cut file would run into zeros long after boot, so say it now: the file has all of it but .bss.
  if (imageSize === 0) throw new ImageError(`${file.name}: image_size is 0 (file offset 0x10)`);
  const address = ramBase + textOffset;
  return {
    name: file.name,
    entry: address,
    segments: [{ address, bytes, sizeBytes: Math.max(imageSize, bytes.length) }],
  };
}
