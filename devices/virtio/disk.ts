/**
 * What a machine knows of a disk: base-image blocks that were read, and an overlay of what the guest
 * wrote. A block, once read, is machine state. The bytes of a block are never changed in place, so a
 * saved state shares them with the running disk.
 */
import type { State } from "../../core/state.ts";

export const SECTOR_BYTES = 512;
export const BLOCK_BYTES = 4096;
const BLOCK_SECTORS = BLOCK_BYTES / SECTOR_BYTES;
const ALL_SECTORS = (1 << BLOCK_SECTORS) - 1;

/** A run of bytes of the disk. */
export type Range = { readonly offset: number; readonly sizeBytes: number };

interface Block {
  readonly bytes: Uint8Array;
  /** A bit for each sector that `bytes` holds; the others are the base image's. */
  readonly sectors: number;
  readonly hash: Hash;
}

/** Two halves of 32 bits, signed: other numbers would take a heap object each. */
type Hash = { readonly low: number; readonly high: number };

export type DiskState = {
  readonly version: 1;
  /** Block number, bytes; ascending. */
  readonly base: readonly (number | Uint8Array)[];
  /** Block number, mask of the sectors written, bytes; ascending. */
  readonly overlay: readonly (number | Uint8Array)[];
};

export class Disk {
  readonly #base = new Map<number, Block>();
  readonly #overlay = new Map<number, Block>();
  // The sum of the hashes of all blocks, in two halves of 32 bits: it does not depend on their order.
  #low = 0;
  #high = 0;

  /** @param sizeBytes a multiple of 512 */
  constructor(readonly sizeBytes: number) {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes % SECTOR_BYTES !== 0) {
      throw new RangeError(`A disk has a multiple of ${SECTOR_BYTES} bytes, not ${sizeBytes}`);
    }
  }

  /** The blocks from the first to the last that a read of this range needs and the disk does not know. */
  missing({ offset, sizeBytes }: Range): Range | undefined {
    const end = offset + sizeBytes;
    let first = -1;
    let last = -1;
    for (let number = Math.floor(offset / BLOCK_BYTES); number * BLOCK_BYTES < end; number++) {
      if (this.#base.has(number) || this.#isWritten(number, offset, end)) continue;
      if (first < 0) first = number;
      last = number;
    }
    if (first < 0) return undefined;
    const until = Math.min((last + 1) * BLOCK_BYTES, this.sizeBytes);
    return { offset: first * BLOCK_BYTES, sizeBytes: until - first * BLOCK_BYTES };
  }

  /**
   * Keeps what the host read of the base image: the bytes themselves, which nobody may change any
   * more. A block that is known already stays as it was.
   */
  learn(offset: number, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
      const number = (offset + start) / BLOCK_BYTES;
      if (this.#base.has(number) || this.#overlay.get(number)?.sectors === ALL_SECTORS) continue;
      const block = bytes.subarray(start, start + BLOCK_BYTES);
      this.#set(this.#base, number, wholeBlock(block), ALL_SECTORS);
    }
  }

  /** The bytes of a range of which nothing is {@link missing}; nobody may change them. */
  read(range: Range): Uint8Array {
    return this.#readInRow(range) ?? this.#readEach(range);
  }

  /** Stores whole sectors in the overlay. @param offset a multiple of 512 */
  write(offset: number, bytes: Uint8Array): void {
    for (const { number, mask, start, size, at } of blocksOf(offset, bytes.length)) {
      const old = this.#overlay.get(number);
      const copy = old === undefined ? new Uint8Array(BLOCK_BYTES) : old.bytes.slice();
      copy.set(bytes.subarray(at, at + size), start);
      this.#set(this.#overlay, number, copy, (old?.sectors ?? 0) | mask);
    }
  }

  save(): DiskState {
    return {
      version: 1,
      base: ascending(this.#base).flatMap(([number, block]) => [number, block.bytes]),
      overlay: ascending(this.#overlay).flatMap(
        ([number, block]) => [number, block.sectors, block.bytes],
      ),
    };
  }

  /** Stands for the content in a digest: two contents that differ have different sums. */
  summary(): State {
    return {
      version: 1,
      base: this.#base.size,
      overlay: this.#overlay.size,
      low: this.#low,
      high: this.#high,
    };
  }

  /** Throws a RangeError on a block that this disk cannot have. */
  restore({ base, overlay }: DiskState): void {
    const [oldBase, oldOverlay] = [new Map(this.#base), new Map(this.#overlay)];
    this.#base.clear();
    this.#overlay.clear();
    this.#low = 0;
    this.#high = 0;
    for (let i = 0; i < base.length; i += 2) {
      this.#restore(oldBase, this.#base, base[i], ALL_SECTORS, base[i + 1]);
    }
    for (let i = 0; i < overlay.length; i += 3) {
      this.#restore(oldOverlay, this.#overlay, overlay[i], overlay[i + 1], overlay[i + 2]);
    }
  }

  /** Whether the guest has written all of the block's part of a range. */
  #isWritten(number: number, offset: number, end: number): boolean {
    const written = this.#overlay.get(number)?.sectors;
    if (written === undefined) return false;
    const start = Math.max(offset - number * BLOCK_BYTES, 0);
    const mask = sectorMask(start, Math.min(end - number * BLOCK_BYTES, BLOCK_BYTES) - start);
    return (mask & ~written) === 0;
  }

  /** Blocks that one read has brought still lie in a row, and need no copy. */
  #readInRow({ offset, sizeBytes }: Range): Uint8Array | undefined {
    const first = Math.floor(offset / BLOCK_BYTES);
    const bytes = this.#base.get(first)?.bytes;
    if (bytes === undefined) return undefined;
    for (let number = first; number * BLOCK_BYTES < offset + sizeBytes; number++) {
      const block = this.#base.get(number)?.bytes;
      const start = bytes.byteOffset + (number - first) * BLOCK_BYTES;
      if (block?.buffer !== bytes.buffer || block.byteOffset !== start) return undefined;
      if (this.#overlay.has(number)) return undefined;
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset + offset % BLOCK_BYTES, sizeBytes);
  }

  #readEach({ offset, sizeBytes }: Range): Uint8Array {
    const out = new Uint8Array(sizeBytes);
    for (const { number, mask, start, size, at } of blocksOf(offset, sizeBytes)) {
      const written = this.#overlay.get(number);
      const base = this.#base.get(number);
      if (written === undefined || (mask & ~written.sectors) !== 0) {
        if (base !== undefined) out.set(base.bytes.subarray(start, start + size), at);
      }
      if (written !== undefined) copySectors(written, start, size, out, at);
    }
    return out;
  }

  /** A block that is there already keeps its hash: going back a little costs little. */
  #restore(
    old: Map<number, Block>,
    blocks: Map<number, Block>,
    ...[number, sectors, bytes]: readonly (number | Uint8Array)[]
  ): void {
    if (
      typeof number !== "number" || !(number >= 0 && number * BLOCK_BYTES < this.sizeBytes) ||
      typeof sectors !== "number" || (sectors & ~ALL_SECTORS) !== 0 ||
      !(bytes instanceof Uint8Array) || bytes.length !== BLOCK_BYTES
    ) {
      throw new RangeError(`Block ${number} is none of a disk of ${this.sizeBytes} bytes`);
    }
    const same = old.get(number);
    if (same?.bytes === bytes && same.sectors === sectors) this.#put(blocks, number, same);
    else this.#set(blocks, number, bytes, sectors);
  }

  #set(blocks: Map<number, Block>, number: number, bytes: Uint8Array, sectors: number): void {
    const kind = blocks === this.#base ? 0 : 1 + sectors;
    this.#put(blocks, number, { bytes, sectors, hash: hashBlock(bytes, number, kind) });
  }

  #put(blocks: Map<number, Block>, number: number, block: Block): void {
    const old = blocks.get(number)?.hash;
    this.#low = (this.#low + block.hash.low - (old?.low ?? 0)) >>> 0;
    this.#high = (this.#high + block.hash.high - (old?.high ?? 0)) >>> 0;
    blocks.set(number, block);
  }
}

/** The blocks that a range touches: which sectors of each, where in it, and where in the range. */
function* blocksOf(offset: number, sizeBytes: number) {
  for (let at = 0; at < sizeBytes;) {
    const number = Math.floor((offset + at) / BLOCK_BYTES);
    const start = (offset + at) % BLOCK_BYTES;
    const size = Math.min(BLOCK_BYTES - start, sizeBytes - at);
    yield { number, mask: sectorMask(start, size), start, size, at };
    at += size;
  }
}

/** A bit for each sector from a position in a block on. */
function sectorMask(start: number, sizeBytes: number): number {
  return ((1 << (sizeBytes / SECTOR_BYTES)) - 1) << (start / SECTOR_BYTES);
}

/** The image may end within its last block. */
function wholeBlock(bytes: Uint8Array): Uint8Array {
  if (bytes.length === BLOCK_BYTES) return bytes;
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(bytes);
  return block;
}

function copySectors(block: Block, start: number, size: number, out: Uint8Array, at: number): void {
  for (let done = 0; done < size; done += SECTOR_BYTES) {
    const position = start + done;
    if ((block.sectors >> (position / SECTOR_BYTES) & 1) === 0) continue;
    out.set(block.bytes.subarray(position, position + SECTOR_BYTES), at + done);
  }
}

function ascending(blocks: Map<number, Block>): [number, Block][] {
  return [...blocks].sort(([a], [b]) => a - b);
}

/**
 * Every step is a bijection of each half, so two blocks that differ in one word never share a hash.
 * (Multipliers from MurmurHash3.)
 */
function hashBlock(bytes: Uint8Array, number: number, kind: number): Hash {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, BLOCK_BYTES / 4);
  let low = Math.imul(number, 0xcc9e2d51) ^ kind;
  let high = Math.imul(number ^ Math.floor(number / 2 ** 32), 0x1b873593) + kind | 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul((high ^ (high >>> 13)) + word, 0xc2b2ae35);
  }
  return { low, high };
}
