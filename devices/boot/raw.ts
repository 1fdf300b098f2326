/** A flat image: no header, entered at its first byte. */
import { ImageError, type ImageFile, type LoadedImage } from "./image.ts";

/** @param address where it lies in RAM */
export function loadRaw(file: ImageFile, address: number): LoadedImage {
  if (file.bytes.length === 0) throw new ImageError(`${file.name}: the file is empty`);
  const { bytes } = file;
  return {
    name: file.name,
    entry: address,
    segments: [{ address, bytes, sizeBytes: bytes.length }],
  };
}
