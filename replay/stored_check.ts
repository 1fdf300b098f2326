/** Compares the checkpoints that a recording brings along with the states of a replay, in full. */
import { DRAM } from "../core/hart/layout.ts";
import type { Machine } from "../core/machine.ts";
import type { StateValue } from "../core/state.ts";
import { DivergenceError } from "./divergence.ts";
import { sameBytes } from "./same_bytes.ts";
import type { LoadedCheckpoint, Stored } from "./stored.ts";

const PAGE_BYTES = 4096;
const ZERO = new Uint8Array(PAGE_BYTES);

/** What the pages of RAM hold at reset that are not 0. */
type ResetPages = Map<number, Uint8Array>;

export class StoredCheck {
  /** How many were found to be right. */
  count = 0;
  /** What is wrong with those that cannot be read, one line each. */
  readonly notes: string[] = [];
  readonly #stored: ReadonlyMap<number, Stored>;
  readonly #reset: ResetPages = new Map();

  constructor(stored: readonly Stored[]) {
    this.#stored = new Map(stored.map((one) => [one.cycle, one]));
  }

  /** To be called first. @param machine at reset */
  begin(machine: Machine): void {
    if (this.#stored.size === 0) return;
    for (const page of machine.takeWrittenPages()) {
      this.#reset.set(page, machine.memory.view(DRAM + page * PAGE_BYTES, PAGE_BYTES)!.slice());
    }
  }

  /** To be called where the replay's digest is the log's. @throws DivergenceError if there is a checkpoint of another state */
  compare(machine: Machine): void {
    const stored = this.#stored.get(machine.cycle);
    if (!stored) return;
    let loaded: LoadedCheckpoint | undefined;
    try {
      loaded = stored.load();
      const difference = differing(machine, loaded, this.#reset);
      if (difference === undefined) {
        this.count++;
        return;
      }
      throw new DivergenceError(
        machine.cycle,
        "checkpoint",
        `${difference} of the stored checkpoint`,
        "another one",
      );
    } catch (error) {
      if (!(error instanceof Error) || error instanceof DivergenceError) throw error;
      this.notes.push(error.message);
    } finally {
      loaded?.close?.();
    }
  }
}

function differing(
  machine: Machine,
  { state, page }: LoadedCheckpoint,
  reset: ResetPages,
): string | undefined {
  if (!isSame(state, machine.save())) return "state";
  const pageCount = machine.engine.layout.memoryBytes / PAGE_BYTES;
  for (let number = 0; number < pageCount; number++) {
    const address = DRAM + number * PAGE_BYTES;
    const stored = page(number) ?? reset.get(number) ?? ZERO;
    if (sameBytes(stored, machine.memory.view(address, PAGE_BYTES)!)) continue;
    return `page 0x${address.toString(16)}`;
  }
  return undefined;
}

function isSame(a: StateValue, b: StateValue): boolean {
  if (typeof a !== "object" || typeof b !== "object") return Object.is(a, b);
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((item, index) => isSame(item, b[index]));
  }
  const [left, right] = [a, b] as Readonly<Record<string, StateValue>>[];
  const names = Object.keys(left);
  return names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && isSame(left[name], right[name]));
}
