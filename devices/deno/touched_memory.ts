/**
 * Memory for large things. A page of fresh memory takes longer to touch for the first time than to
 * fill, so another thread touches it beforehand.
 */

const SLAB_BYTES_MIN = 1 << 20;
const SLAB_BYTES_MAX = 16 << 20;
const PAGE_BYTES = 4096;

export class TouchedMemory {
  #slab: Uint8Array = new Uint8Array();
  #filledBytes = 0;
  /** Being touched. */
  #next: SharedArrayBuffer | undefined;

  /** @param touch has another thread call {@link touchPages} */
  constructor(readonly touch: (memory: SharedArrayBuffer) => void) {}

  /** Bytes that are nobody else's; they hold 0. Two in a row lie in a row. */
  take(sizeBytes: number): Uint8Array {
    if (this.#filledBytes + sizeBytes > this.#slab.length) this.#advance(sizeBytes);
    const start = this.#filledBytes;
    this.#filledBytes += sizeBytes;
    return this.#slab.subarray(start, start + sizeBytes);
  }

  // Each slab is twice as large as the one before: what is touched in vain is never more than what was used.
  #advance(sizeBytes: number): void {
    const has = (this.#next?.byteLength ?? 0) >= sizeBytes;
    const slab = has ? this.#next! : new SharedArrayBuffer(Math.max(sizeBytes, SLAB_BYTES_MIN));
    this.#slab = new Uint8Array(slab);
    this.#filledBytes = 0;
    this.#next = new SharedArrayBuffer(Math.min(2 * slab.byteLength, SLAB_BYTES_MAX));
    this.touch(this.#next);
  }
}

/** Has the host back each page; what they hold stays as it is, whoever writes there meanwhile. */
export function touchPages(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory);
  // The only one that writes at once: the others read first, and have each page backed twice.
  for (let at = 0; at < words.length; at += PAGE_BYTES / 4) {
    Atomics.compareExchange(words, at, 0, 0);
  }
}
