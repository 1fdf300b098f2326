/**
 * A hash over the blocks of a disk that does not depend on the order in which they came. It stands for
 * their content in a digest, so it is part of what a recording says: it never changes.
 */

export const BLOCK_BYTES = 4096;
const WORDS = BLOCK_BYTES / 4;
// From MurmurHash3.
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const F1 = 0x85ebca6b;
const F2 = 0xc2b2ae35;

/** A block to be hashed. */
export interface Hashed {
  readonly number: number;
  /** Tells blocks of one number apart. */
  readonly kind: number;
  /** {@link BLOCK_BYTES} of them. */
  readonly bytes: Uint8Array;
  /** The hash, in two halves of 32 bits, signed: other numbers would take a heap object each. */
  low: number;
  high: number;
}

/**
 * Every step is a bijection of each half, so two blocks that differ in one word never share a hash.
 * Each step waits for the one before, so two blocks at once take little longer than one.
 */
export function hashBlocks(blocks: readonly Hashed[]): void {
  for (let index = 0; index < blocks.length; index += 2) {
    hashPair(blocks[index], blocks[Math.min(index + 1, blocks.length - 1)]);
  }
}

function hashPair(one: Hashed, other: Hashed): void {
  const [words, otherWords] = [wordsOf(one.bytes), wordsOf(other.bytes)];
  let [low, otherLow] = [lowSeed(one), lowSeed(other)];
  let [high, otherHigh] = [highSeed(one), highSeed(other)];
  for (let i = 0; i < WORDS; i++) {
    const word = words[i];
    low = Math.imul(low ^ word, F1);
    low ^= low >>> 15;
    high = Math.imul((high ^ (high >>> 13)) + word, F2);
    const otherWord = otherWords[i];
    otherLow = Math.imul(otherLow ^ otherWord, F1);
    otherLow ^= otherLow >>> 15;
    otherHigh = Math.imul((otherHigh ^ (otherHigh >>> 13)) + otherWord, F2);
  }
  [one.low, one.high] = [low, high];
  [other.low, other.high] = [otherLow, otherHigh];
}

function lowSeed({ number, kind }: Hashed): number {
  return Math.imul(number, C1) ^ kind;
}

function highSeed({ number, kind }: Hashed): number {
  return Math.imul(number ^ Math.floor(number / 2 ** 32), C2) + kind | 0;
}

function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, WORDS);
}
