/** Which entry of the log brought the bytes of a block, so that a checkpoint need not hold them again. */

/** Where bytes lie in those of an input. */
export interface Origin {
  /** Of the input's entry. */
  readonly id: string;
  readonly offset: number;
  /** From there to the end of the input's bytes. */
  readonly sizeBytes: number;
}

interface Learned {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

/** A machine's disks share the bytes of what they have read with the inputs that brought them. */
export class LearnedBytes {
  /** Ascending, of the inputs whose bytes lie in one memory. */
  readonly #inputs = new WeakMap<ArrayBufferLike, Learned[]>();

  /** @param bytes of an input; they never change */
  add(bytes: Uint8Array, id: string): void {
    const start = bytes.byteOffset;
    const inputs = this.#inputs.get(bytes.buffer) ?? [];
    const isNext = start >= (inputs.at(-1)?.end ?? 0);
    inputs.push({ id, start, end: start + bytes.length });
    if (!isNext) inputs.sort((a, b) => a.start - b.start);
    this.#inputs.set(bytes.buffer, inputs);
  }

  /** `undefined` if they are not, as a whole, of one input. */
  find(bytes: Uint8Array): Origin | undefined {
    const start = bytes.byteOffset;
    const inputs = this.#inputs.get(bytes.buffer) ?? [];
    let low = 0;
    let high = inputs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inputs[middle].start <= start) low = middle + 1;
      else high = middle;
    }
    const found = inputs[low - 1];
    if (found === undefined || start + bytes.length > found.end) return undefined;
    return { id: found.id, offset: start - found.start, sizeBytes: found.end - start };
  }
}
