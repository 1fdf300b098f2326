/** Bytes under construction: the LEB128 numbers, vectors and sections of a module. */

/** A growing array of bytes. */
export class Bytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(byte: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  append(bytes: ArrayLike<number>): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Unsigned LEB128 of an integer of at most 32 bits. */
  unsigned(value: number): void {
    for (; value >= 128; value = value >>> 7) this.push(value & 0x7f | 0x80);
    this.push(value);
  }

  /** A name: its length and its characters, which are ASCII. */
  text(value: string): void {
    this.unsigned(value.length);
    for (let i = 0; i < value.length; i++) this.push(value.charCodeAt(i));
  }

  /** Length and bytes. */
  sized(bytes: Bytes): void {
    this.unsigned(bytes.length);
    this.append(bytes.take());
  }

  /** A view of what has been written; the next write may end its life. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.take());
    this.#bytes = grown;
  }
}
