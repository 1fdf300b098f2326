/** How many bytes saved states take, when they share parts of each other. */
import type { StateValue } from "../core/state.ts";

const SCALAR_BYTES = 16;

/** Counts every array, record and byte string once, whoever holds it. */
export class HeldBytes {
  sizeBytes = 0;
  readonly #holders = new Map<object, number>();

  hold(value: StateValue): void {
    if (typeof value !== "object") return;
    const holders = this.#holders.get(value) ?? 0;
    this.#holders.set(value, holders + 1);
    if (holders > 0) return;
    this.sizeBytes += ownBytes(value);
    for (const part of parts(value)) this.hold(part);
  }

  release(value: StateValue): void {
    if (typeof value !== "object") return;
    const holders = this.#holders.get(value)!;
    if (holders > 1) {
      this.#holders.set(value, holders - 1);
      return;
    }
    this.#holders.delete(value);
    this.sizeBytes -= ownBytes(value);
    for (const part of parts(value)) this.release(part);
  }
}

function parts(value: object): readonly StateValue[] {
  return value instanceof Uint8Array ? [] : Object.values(value);
}

function ownBytes(value: object): number {
  return SCALAR_BYTES +
    (value instanceof Uint8Array ? value.length : Object.keys(value).length * SCALAR_BYTES);
}
