/** Whether two byte strings are the same: pages of RAM, thousands at once, word by word. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Blocks of a disk are those of the log, gigabytes of them.
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return true;
  const isInWords = (a.byteOffset | b.byteOffset | a.length) % 4 === 0;
  const [left, right] = isInWords ? [words(a), words(b)] : [a, b];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function words(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
