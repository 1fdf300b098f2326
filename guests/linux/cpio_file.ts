/** A file out of a "newc" archive, as guests/debian/cpio.ts writes them. */
const HEADER_BYTES = 110;
const TRAILER = "TRAILER!!!";

/** @throws RangeError if the archive has no file of that path */
export function fileInCpio(archive: Uint8Array, wanted: string): Uint8Array {
  const text = (at: number, sizeBytes: number) =>
    new TextDecoder().decode(archive.subarray(at, at + sizeBytes));
  for (let at = 0; at + HEADER_BYTES <= archive.length;) {
    const field = (index: number) => parseInt(text(at + 6 + 8 * index, 8), 16);
    const [fileBytes, nameBytes] = [field(6), field(11)];
    const path = text(at + HEADER_BYTES, nameBytes - 1);
    if (path === TRAILER) break;
    const start = align4(at + HEADER_BYTES + nameBytes);
    if (path === wanted) return archive.subarray(start, start + fileBytes);
    at = align4(start + fileBytes);
  }
  throw new RangeError(`the initramfs has no ${wanted}`);
}

function align4(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
