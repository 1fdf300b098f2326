/**
 * A hash over the blocks of a disk that does not depend on the order in which they came. It stands for
 * their content in a digest, so it is part of what a recording says: it never changes.
 *
 * Each half takes one word of the block after the other, little-endian, modulo 2^32:
 *
 *     low  = (low ^ word) × F1;  low = low ^ (low >>> 15)
 *     high = ((high ^ (high >>> 13)) + word) × F2
 */
import { BLOCK_BYTES, hashModule, HIGH, LANES, LOW } from "./block_hash_module.ts";

export { BLOCK_BYTES };
// From MurmurHash3.
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** A block to be hashed. */
export interface Hashed {
  readonly number: number;
  /** Tells blocks of one number apart. */
  readonly kind: number;
  /** Holds {@link BLOCK_BYTES} of it from `start` on. */
  readonly source: Uint8Array;
  readonly start: number;
  /** The hash, in two halves of 32 bits, signed: other numbers would take a heap object each. */
  low: number;
  high: number;
}

/** Every step is a bijection of each half, so two blocks that differ in one word never share a hash. */
export function hashBlocks(blocks: readonly Hashed[]): void {
  if (blocks.length === 0) return;
  const { bytes, low, high, hash } = hasher ??= open();
  for (let first = 0; first < blocks.length; first += LANES) {
    const count = Math.min(LANES, blocks.length - first);
    copy(blocks, first, count, bytes);
    for (let lane = 0; lane < count; lane++) {
      low[lane] = lowSeed(blocks[first + lane]);
      high[lane] = highSeed(blocks[first + lane]);
    }
    hash();
    for (let lane = 0; lane < count; lane++) {
      const block = blocks[first + lane];
      [block.low, block.high] = [low[lane], high[lane]];
    }
  }
}

/** Blocks that lie in a row, as one read has brought them, in one piece. */
function copy(blocks: readonly Hashed[], first: number, count: number, to: Uint8Array): void {
  for (let lane = 0; lane < count;) {
    const { source, start } = blocks[first + lane];
    let next = lane + 1;
    while (next < count && isBehind(blocks[first + next - 1], blocks[first + next])) next++;
    const sizeBytes = (next - lane) * BLOCK_BYTES;
    to.set(source.subarray(start, start + sizeBytes), lane * BLOCK_BYTES);
    lane = next;
  }
}

function isBehind(one: Hashed, next: Hashed): boolean {
  return next.source === one.source && next.start === one.start + BLOCK_BYTES;
}

interface Hasher {
  readonly bytes: Uint8Array;
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly hash: () => void;
}

let hasher: Hasher | undefined;

function open(): Hasher {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(hashModule()));
  const { buffer } = exports.memory as WebAssembly.Memory;
  return {
    bytes: new Uint8Array(buffer, 0, LANES * BLOCK_BYTES),
    low: new Int32Array(buffer, LOW, LANES),
    high: new Int32Array(buffer, HIGH, LANES),
    hash: exports.hash as () => void,
  };
}

function lowSeed({ number, kind }: Hashed): number {
  return Math.imul(number, C1) ^ kind;
}

function highSeed({ number, kind }: Hashed): number {
  return Math.imul(number ^ Math.floor(number / 2 ** 32), C2) + kind | 0;
}
