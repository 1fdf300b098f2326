/**
 * Memory for what comes in until it is written: a few slabs that the file's thread sees too, used
 * again and again.
 *
 * Fresh memory for each input would cost the first touch of its pages and, since it lives until the
 * next flush, garbage collections: V8 counts what lies outside its heap, and soon marks all of it.
 * A guest that fetched 16 MiB in 590 ms spent 29 of them so, and 2 where nothing was recorded.
 */

export const SLAB_BYTES = 1 << 20;

interface Slab {
  readonly owner: number;
  readonly bytes: Uint8Array;
  /** The part of the log that names the last of what it holds, once that is given. */
  part: number | undefined;
}

export class RecycledMemory {
  /** By owner: what is being filled, and how far. */
  readonly #open = new Map<number, { readonly bytes: Uint8Array; filledBytes: number }>();
  readonly #full: Slab[] = [];

  /** @param written how many parts of the log are in the file */
  constructor(readonly written: () => number) {}

  /** A copy that lasts until the owner's next part is written; two in a row may lie in a row. */
  copy(bytes: Uint8Array, owner: number): Uint8Array {
    if (bytes.length > SLAB_BYTES) return bytes;
    let open = this.#open.get(owner);
    if (open === undefined || open.filledBytes + bytes.length > SLAB_BYTES) {
      if (open !== undefined) this.#full.push({ owner, bytes: open.bytes, part: undefined });
      open = {
        bytes: this.#free() ?? new Uint8Array(new SharedArrayBuffer(SLAB_BYTES)),
        filledBytes: 0,
      };
      this.#open.set(owner, open);
    }
    const start = open.filledBytes;
    open.filledBytes += bytes.length;
    open.bytes.set(bytes, start);
    return open.bytes.subarray(start, open.filledBytes);
  }

  /** The owner's next part is given, as the n-th of all, from 1. */
  given(owner: number, part: number): void {
    for (const slab of this.#full) if (slab.owner === owner) slab.part ??= part;
  }

  #free(): Uint8Array | undefined {
    const written = this.written();
    const index = this.#full.findIndex(({ part = Infinity }) => part <= written);
    return index < 0 ? undefined : this.#full.splice(index, 1)[0].bytes;
  }
}
