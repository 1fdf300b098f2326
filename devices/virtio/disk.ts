/**
 * What a machine knows of a disk: base-image blocks that were read, and an overlay of what the guest
 * wrote. A block, once read, is machine state. The bytes of a block are never changed in place, so a
 * saved state shares them with the running disk.
 */
import type { State } from "../../core/state.ts";
import { BLOCK_BYTES } from "./block_hash.ts";
import type { BlockTable } from "./block_table.ts";
import { Block, Blocks, type SavedBlocks } from "./blocks.ts";

export const SECTOR_BYTES = 512;
export { BLOCK_BYTES };
const BLOCK_SECTORS = BLOCK_BYTES / SECTOR_BYTES;
const ALL_SECTORS = (1 << BLOCK_SECTORS) - 1;

/** A run of bytes of the disk. */
export type Range = { readonly offset: number; readonly sizeBytes: number };

export type DiskState = {
  readonly version: 1;
  /** Block number, bytes; ascending. */
  readonly base: SavedBlocks;
  /** Block number, mask of the sectors written, bytes; ascending. */
  readonly overlay: SavedBlocks;
};

export class Disk {
  readonly #base = new Blocks(({ number, bytes }) => [number, bytes]);
  readonly #overlay = new Blocks(({ number, sectors, bytes }) => [number, sectors, bytes]);

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
      const isWhole = start + BLOCK_BYTES <= bytes.length;
      if (isWhole) this.#set(this.#base, number, ALL_SECTORS, bytes, start);
      else this.#set(this.#base, number, ALL_SECTORS, wholeBlock(bytes.subarray(start)));
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
      this.#set(this.#overlay, number, (old?.sectors ?? 0) | mask, copy);
    }
  }

  save(): DiskState {
    return { version: 1, base: this.#base.save(), overlay: this.#overlay.save() };
  }

  /** Stands for the content in a digest: two contents that differ have different sums. */
  summary(): State {
    const [base, overlay] = [this.#base.sum(), this.#overlay.sum()];
    return {
      version: 1,
      base: this.#base.size,
      overlay: this.#overlay.size,
      low: (base.low + overlay.low) >>> 0,
      high: (base.high + overlay.high) >>> 0,
    };
  }

  /** Throws a RangeError on a block that this disk cannot have. */
  restore({ base, overlay }: DiskState): void {
    this.#base.restore(base, (old) => {
      for (let i = 0; i < base.length; i += 2) {
        this.#restore(old, this.#base, base[i], ALL_SECTORS, base[i + 1]);
      }
    });
    this.#overlay.restore(overlay, (old) => {
      for (let i = 0; i < overlay.length; i += 3) {
        this.#restore(old, this.#overlay, overlay[i], overlay[i + 1], overlay[i + 2]);
      }
    });
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
    const { source, start } = this.#base.get(first) ?? {};
    if (source === undefined || start === undefined) return undefined;
    for (let number = first; number * BLOCK_BYTES < offset + sizeBytes; number++) {
      const block = this.#base.get(number);
      if (block?.source !== source) return undefined;
      if (block.start !== start + (number - first) * BLOCK_BYTES) return undefined;
      if (this.#overlay.has(number)) return undefined;
    }
    const from = start + offset % BLOCK_BYTES;
    return source.subarray(from, from + sizeBytes);
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
    old: BlockTable<Block>,
    blocks: Blocks,
    ...[number, sectors, bytes]: readonly (number | Uint8Array)[]
  ): void {
    if (
      typeof number !== "number" || !Number.isSafeInteger(number) ||
      !(number >= 0 && number * BLOCK_BYTES < this.sizeBytes) ||
      typeof sectors !== "number" || !Number.isSafeInteger(sectors) ||
      (sectors & ~ALL_SECTORS) !== 0 ||
      !(bytes instanceof Uint8Array) || bytes.length !== BLOCK_BYTES
    ) {
      throw new RangeError(`Block ${number} is none of a disk of ${this.sizeBytes} bytes`);
    }
    const same = old.get(number);
    if (same?.bytes === bytes && same.sectors === sectors) blocks.put(same);
    else this.#set(blocks, number, sectors, bytes);
  }

  #set(
    blocks: Blocks,
    number: number,
    sectors: number,
    source: Uint8Array,
    start = 0,
  ): void {
    const kind = blocks === this.#base ? 0 : 1 + sectors;
    blocks.put(new Block(number, kind, sectors, source, start));
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
