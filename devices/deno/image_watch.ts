/** Notices that blocks of a disk's file, once read, have become others: somebody changed the image. */
import { Buffer } from "node:buffer";
import { BlockTable } from "../virtio/block_table.ts";
import { BLOCK_BYTES } from "../virtio/disk.ts";

/** Blocks in a row that are told at once, at most. */
const RUN_BLOCKS_MAX = 64;
/** What one look at all that was read tells, at most: the next one goes on. */
const LOOK_BLOCKS_MAX = 1024;

/** What the file holds now, where it held something else. */
export interface Changed {
  /** In bytes from the start of the disk. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class ImageWatch {
  /**
   * What each block was, by its number. The machine keeps what it reads as well, so these are
   * references to the same bytes; those of one read share one.
   */
  readonly #known = new BlockTable<Changed>();

  constructor(readonly sizeBytes: number) {}

  /** Remembers what a read gave, and says what of it was something else before. */
  read(offset: number, bytes: Uint8Array): readonly Changed[] {
    const now = { offset, bytes };
    const changed: Changed[] = [];
    const end = offset + bytes.length;
    for (let number = Math.ceil(offset / BLOCK_BYTES); number * BLOCK_BYTES < end; number++) {
      // Half a block says nothing of the whole; the last one may end with the disk.
      if ((number + 1) * BLOCK_BYTES > end && end < this.sizeBytes) break;
      if (this.#differs(number, now)) {
        changed.push({ offset: number * BLOCK_BYTES, bytes: blockOf(number, now) });
      }
    }
    return joined(changed);
  }

  /** The guest's own writes are no surprise. */
  written(offset: number, sizeBytes: number): void {
    for (let at = offset - offset % BLOCK_BYTES; at < offset + sizeBytes; at += BLOCK_BYTES) {
      this.#known.delete(at / BLOCK_BYTES);
    }
  }

  /**
   * Reads all again that was read before.
   * @param read fills the bytes; false: they cannot be had
   * @returns what has changed; `isAll` is false if there may be more
   */
  readAgain(
    read: (offset: number, bytes: Uint8Array) => boolean,
  ): { readonly changed: readonly Changed[]; readonly isAll: boolean } {
    const changed: Changed[] = [];
    for (const number of this.#known.numbers()) {
      const offset = number * BLOCK_BYTES;
      const bytes = new Uint8Array(Math.min(BLOCK_BYTES, this.sizeBytes - offset));
      if (!read(offset, bytes) || !this.#differs(number, { offset, bytes })) continue;
      changed.push({ offset, bytes });
      if (changed.length === LOOK_BLOCKS_MAX) break;
    }
    return { changed: joined(changed), isAll: changed.length < LOOK_BLOCKS_MAX };
  }

  #differs(number: number, now: Changed): boolean {
    const before = this.#known.get(number);
    if (before && Buffer.compare(blockOf(number, before), blockOf(number, now)) === 0) return false;
    this.#known.set(number, now);
    return before !== undefined;
  }
}

function blockOf(number: number, { offset, bytes }: Changed): Uint8Array {
  const start = number * BLOCK_BYTES - offset;
  return bytes.subarray(start, start + BLOCK_BYTES);
}

/** One for blocks in a row. The bytes are copies. */
function joined(blocks: readonly Changed[]): readonly Changed[] {
  if (blocks.length === 0) return blocks;
  const runs: Changed[][] = [];
  for (const block of blocks) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last?.offset === block.offset - BLOCK_BYTES && run.length < RUN_BLOCKS_MAX) {
      run.push(block);
    } else runs.push([block]);
  }
  return runs.map((run) => {
    const bytes = new Uint8Array(run.reduce((sum, { bytes }) => sum + bytes.length, 0));
    run.forEach((block, index) => bytes.set(block.bytes, index * BLOCK_BYTES));
    return { offset: run[0].offset, bytes };
  });
}
