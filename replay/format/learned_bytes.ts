/**
 * Where in the log the bytes of a disk's block stand, so that a checkpoint need not hold them again:
 * in what came in from disks, all of it taken as one run of bytes.
 */
import { partitionPoint } from "../../core/partition_point.ts";

interface Learned {
  /** In their memory. */
  readonly start: number;
  readonly end: number;
  /** Of the first of them, in what came in. */
  readonly position: number;
}

/** A machine's disks share the bytes of what they have read with the inputs that brought them. */
export class LearnedBytes {
  /** Ascending, of the inputs whose bytes lie in one memory. */
  readonly #inputs = new WeakMap<ArrayBufferLike, Learned[]>();
  #sizeBytes = 0;

  /** @param bytes of the log's next input of a disk; they never change */
  add(bytes: Uint8Array): void {
    const start = bytes.byteOffset;
    const inputs = this.#inputs.get(bytes.buffer) ?? [];
    const isNext = start >= (inputs.at(-1)?.end ?? 0);
    inputs.push({ start, end: start + bytes.length, position: this.#sizeBytes });
    if (!isNext) inputs.sort((a, b) => a.start - b.start);
    this.#inputs.set(bytes.buffer, inputs);
    this.#sizeBytes += bytes.length;
  }

  /** The position of these bytes; `undefined` if they are not, as a whole, of one input. */
  find({ buffer, byteOffset: start, length }: Uint8Array): number | undefined {
    const inputs = this.#inputs.get(buffer) ?? [];
    const count = partitionPoint(inputs.length, (index) => inputs[index].start <= start);
    const input = inputs[count - 1];
    if (input === undefined || start + length > input.end) return undefined;
    return input.position + start - input.start;
  }
}

/** The same of a log that is read. */
export class LearnedInputs {
  readonly #inputs: { readonly bytes: Uint8Array; readonly position: number }[] = [];
  sizeBytes = 0;

  /** @param inputs of disks, in the order of the log */
  constructor(inputs: Iterable<Uint8Array>) {
    for (const bytes of inputs) {
      this.#inputs.push({ bytes, position: this.sizeBytes });
      this.sizeBytes += bytes.length;
    }
  }

  /** So many bytes from a position on; `undefined` if they are not, as a whole, of one input. */
  at(position: number, sizeBytes: number): Uint8Array | undefined {
    const count = partitionPoint(
      this.#inputs.length,
      (index) => this.#inputs[index].position <= position,
    );
    const found = this.#inputs[count - 1];
    const start = position - (found?.position ?? 0);
    if (found === undefined || !(start + sizeBytes <= found.bytes.length)) return undefined;
    return found.bytes.subarray(start, start + sizeBytes);
  }
}
