/** Blocks of a disk by their numbers, with a sum of their hashes and what is saved of them. */
import { partitionPoint } from "../../core/partition_point.ts";
import { BLOCK_BYTES, hashBlocks, type Hashed } from "./block_hash.ts";
import { BlockTable } from "./block_table.ts";

/** A block of the base image, or one that the guest wrote. */
export class Block implements Hashed {
  low = 0;
  high = 0;
  isHashed = false;
  isSaved = false;
  #bytes: Uint8Array | undefined;

  /**
   * @param sectors a bit for each sector that it holds; the others are the base image's
   * @param source holds its bytes, among others, from `start` on
   */
  constructor(
    readonly number: number,
    readonly kind: number,
    readonly sectors: number,
    readonly source: Uint8Array,
    readonly start: number,
  ) {}

  /** The same object each time: states that share it share what it takes. */
  get bytes(): Uint8Array {
    return this.#bytes ??= this.start === 0 && this.source.length === BLOCK_BYTES
      ? this.source
      : this.source.subarray(this.start, this.start + BLOCK_BYTES);
  }
}

/** What is saved of some blocks, one after the other. */
export type SavedBlocks = readonly (number | Uint8Array)[];

export class Blocks {
  #byNumber = new BlockTable<Block>();
  // The sum of all hashes but those of the unhashed, in two halves of 32 bits.
  #low = 0;
  #high = 0;
  /** Numbers, of all blocks that are not hashed: a list, since a disk is read at thousands of blocks a millisecond. */
  #unhashed: number[] = [];
  #saved: SavedBlocks = [];
  /** Numbers of those that were put since then. */
  #unsaved: number[] = [];

  /** @param row what is saved of a block: its number first, and always as much */
  constructor(readonly row: (block: Block) => SavedBlocks) {}

  get size(): number {
    return this.#byNumber.size;
  }

  has(number: number): boolean {
    return this.#byNumber.has(number);
  }

  get(number: number): Block | undefined {
    return this.#byNumber.get(number);
  }

  /** In place of the one with its number, if there is one. */
  put(block: Block): void {
    const { number } = block;
    const old = this.#byNumber.get(number);
    if (old?.isHashed) this.#add(-old.low, -old.high);
    if (block.isHashed) this.#add(block.low, block.high);
    else if (old === undefined || old.isHashed) this.#unhashed.push(number);
    if (old === undefined || old.isSaved) this.#unsaved.push(number);
    block.isSaved = false;
    this.#byNumber.set(number, block);
  }

  /**
   * Of the hashes. They are not made before a digest wants them: many machines take none, and a block
   * may be written often.
   */
  sum(): { readonly low: number; readonly high: number } {
    const blocks = this.#unhashed.map((number) => this.#byNumber.get(number)!)
      .filter(({ isHashed }) => !isHashed);
    this.#unhashed = [];
    hashBlocks(blocks);
    for (const block of blocks) {
      if (block.isHashed) continue; // a number may stand there twice
      block.isHashed = true;
      this.#add(block.low, block.high);
    }
    return { low: this.#low, high: this.#high };
  }

  /** Ascending; the same object as the last time if nothing has changed. */
  save(): SavedBlocks {
    if (this.#unsaved.length === 0) return this.#saved;
    const unsaved = this.#unsaved.sort((a, b) => a - b).map((number) =>
      this.#byNumber.get(number)!
    );
    this.#unsaved = [];
    for (const block of unsaved) block.isSaved = true;
    return this.#saved = this.#merged(unsaved);
  }

  /** Drops all, for `read` to put what was saved, unless that is what there is. @param read is told what there was */
  restore(saved: SavedBlocks, read: (old: BlockTable<Block>) => void): void {
    if (saved === this.#saved && this.#unsaved.length === 0) return;
    const old = this.#byNumber;
    this.#byNumber = new BlockTable();
    this.#low = 0;
    this.#high = 0;
    this.#unhashed = [];
    this.#unsaved = [];
    this.#saved = [];
    read(old);
  }

  /**
   * What was saved, with the changes in place of those that have their numbers. A disk of which much
   * was read is saved often: what comes before the first change is copied in one piece.
   * @param changes ascending, at least one
   */
  #merged(changes: readonly Block[]): SavedBlocks {
    const saved = this.#saved;
    const rows = changes.map(this.row);
    const width = rows[0].length;
    let from = 0;
    const placeOf = (number: number | Uint8Array) =>
      from +
      width * partitionPoint(
          (saved.length - from) / width,
          (index) => saved[from + index * width] < number,
        );
    from = placeOf(rows[0][0]);
    const all = saved.slice(0, from);
    const copy = (to: number) => {
      while (from < to) all.push(saved[from++]);
    };
    for (const row of rows) {
      const [number] = row;
      copy(placeOf(number));
      all.push(...row);
      if (saved[from] === number) from += width;
    }
    copy(saved.length);
    return all;
  }

  #add(low: number, high: number): void {
    this.#low = (this.#low + low) >>> 0;
    this.#high = (this.#high + high) >>> 0;
  }
}
