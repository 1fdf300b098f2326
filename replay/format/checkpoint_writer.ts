/** Stored checkpoints as chunks: each distinct page of a file once. Source: FORMAT.md, "PAGE" and "CKPT". */
import type { Snapshot } from "../checkpoint_recorder.ts";
import { CBOR_BYTES_MAX, encodeCbor } from "./cbor.ts";
import type { Chunk } from "./chunk_file.ts";
import { LearnedBytes } from "./learned_bytes.ts";
import { PAGE_BYTES, stateToCbor } from "./state_value.ts";

export { PAGE_BYTES };
/** Pages of a PAGE chunk at most: blocks of this size compress well, and one of them is soon read. */
export const PAGES_PER_CHUNK = 256;
/** Before the CBOR of a CKPT chunk: cycle and work. */
export const CHECKPOINT_HEAD_BYTES = 16;

export class CheckpointWriter {
  readonly #write: (chunk: Chunk) => void;
  /** Numbers of the pages in the file, by hash. */
  readonly #numbers = new Map<bigint, number>();
  /** Blocks in states never change: the same object is the same content. */
  readonly #blocks = new WeakMap<Uint8Array, number>();
  readonly #learned = new LearnedBytes();
  /** What RAM holds: the stored page of each page that is not as at reset. */
  readonly #ram = new Map<number, number>();
  #gathered: Uint8Array[] = [];
  #count = 0;

  /** @param write takes each chunk */
  constructor(write: (chunk: Chunk) => void) {
    this.#write = write;
  }

  /** These came in from a disk; to be called with each such input of the log. */
  learned(bytes: Uint8Array): void {
    this.#learned.add(bytes);
  }

  /**
   * Writes one that is later than those before, with the pages that it does not share with them.
   * @returns false if no reader would take it: its pages are written with the next one
   */
  write({ cycle, work, state, pages }: Snapshot): boolean {
    for (const page of inOrder(pages)) {
      const written = pages.get(page);
      if (written === undefined) this.#ram.delete(page);
      else this.#ram.set(page, this.#page(written.hash, written.bytes));
    }
    const places = {
      pageOf: (bytes: Uint8Array) => bytes.length === PAGE_BYTES ? this.#block(bytes) : undefined,
      positionOf: (block: Uint8Array) => this.#learned.find(block),
    };
    const content = encodeCbor([this.#runs(), stateToCbor(state, places)]);
    this.#flush();
    // A reader would refuse it.
    if (content.length > CBOR_BYTES_MAX) return false;
    const payload = new Uint8Array(CHECKPOINT_HEAD_BYTES + content.length);
    const view = new DataView(payload.buffer);
    view.setBigUint64(0, BigInt(cycle), true);
    view.setBigUint64(8, BigInt(work), true);
    payload.set(content, CHECKPOINT_HEAD_BYTES);
    this.#write({ type: "CKPT", payload });
    return true;
  }

  #runs(): number[][] {
    const runs: number[][] = [];
    let end = 0; // after the last run
    for (const page of inOrder(this.#ram)) {
      const number = this.#ram.get(page)!;
      const last = runs.at(-1);
      if (last !== undefined && page === end && last[2] + last[1] === number) last[1]++;
      else runs.push([page - end, 1, number]);
      end = page + 1;
    }
    return runs;
  }

  #page(hash: bigint, bytes: Uint8Array): number {
    let number = this.#numbers.get(hash);
    if (number === undefined) this.#numbers.set(hash, number = this.#append(bytes));
    return number;
  }

  #block(bytes: Uint8Array): number {
    let number = this.#blocks.get(bytes);
    if (number === undefined) this.#blocks.set(bytes, number = this.#append(bytes));
    return number;
  }

  #append(bytes: Uint8Array): number {
    this.#gathered.push(bytes);
    if (this.#gathered.length === PAGES_PER_CHUNK) this.#flush();
    return this.#count++;
  }

  #flush(): void {
    if (this.#gathered.length === 0) return;
    this.#write({ type: "PAGE", payload: this.#gathered });
    this.#gathered = [];
  }
}

/** Numbers of pages; an array of numbers is sorted with a call for each comparison. */
function inOrder(pages: ReadonlyMap<number, unknown>): Uint32Array {
  return Uint32Array.from(pages.keys()).sort();
}
