/** How many bytes things take in memory: saved states, which share parts of each other, and a log. */
import type { StateValue } from "../core/state.ts";
import type { Log } from "./log.ts";

const SCALAR_BYTES = 16;
/** An entry beside its data, or a row: an object or two, and a text. */
const ROW_BYTES = 200;

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

/** What a log takes, about. */
export function logBytes(
  { entries, outputs, digests }: Pick<Log, "entries" | "outputs" | "digests">,
): number {
  let sizeBytes = (entries.length + outputs.length + digests.length) * ROW_BYTES;
  for (const entry of entries) {
    if (entry.kind === "input" && "bytes" in entry.input) {
      sizeBytes += entry.input.bytes?.length ?? 0;
    }
  }
  return sizeBytes;
}

function parts(value: object): readonly StateValue[] {
  return value instanceof Uint8Array ? [] : Object.values(value);
}

function ownBytes(value: object): number {
  return SCALAR_BYTES +
    (value instanceof Uint8Array ? value.length : Object.keys(value).length * SCALAR_BYTES);
}
