/** Bytes from the host that wait until a serial device has room for them. */

/** What one device keeps at most: a guest that never reads must not fill the host's memory. */
export const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;

/** A first-in first-out queue of bytes that takes no more than {@link BACKLOG_BYTES_MAX}. */
export class ByteBacklog {
  #chunks: Uint8Array[] = [];
  /** How much of the first chunk is gone. */
  #taken = 0;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Adds as many of the bytes as there is room for. @returns whether that was all of them */
  push(bytes: Uint8Array): boolean {
    const taken = bytes.slice(0, BACKLOG_BYTES_MAX - this.#sizeBytes);
    if (taken.length > 0) this.#chunks.push(taken);
    this.#sizeBytes += taken.length;
    return taken.length === bytes.length;
  }

  /** Removes and returns the first bytes, at most `sizeBytes`. */
  take(sizeBytes: number): Uint8Array {
    const out = new Uint8Array(Math.min(sizeBytes, this.#sizeBytes));
    let filled = 0;
    let spent = 0;
    while (filled < out.length) {
      const chunk = this.#chunks[spent];
      const part = chunk.subarray(this.#taken, this.#taken + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      this.#taken += part.length;
      if (this.#taken < chunk.length) break;
      this.#taken = 0;
      spent++;
    }
    if (spent > 0) this.#chunks.splice(0, spent);
    this.#sizeBytes -= out.length;
    return out;
  }

  save(): Uint8Array {
    const out = new Uint8Array(this.#sizeBytes);
    let filled = -this.#taken;
    for (const chunk of this.#chunks) {
      out.set(filled < 0 ? chunk.subarray(-filled) : chunk, Math.max(filled, 0));
      filled += chunk.length;
    }
    return out;
  }

  restore(bytes: Uint8Array): void {
    this.#chunks = bytes.length === 0 ? [] : [bytes.slice()];
    this.#taken = 0;
    this.#sizeBytes = bytes.length;
  }
}
