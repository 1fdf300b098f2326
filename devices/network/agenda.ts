/** What is under way in a network, in the order in which it happens. */
import { partitionPoint } from "../../core/partition_point.ts";
import type { StateValue } from "../../core/state.ts";

/** What happens to a frame next; of the same cycle in this order. */
export const STAGE = { deliver: 0, forward: 1, enter: 2 } as const;

/** A copy of a frame, and what happens to it next. */
export interface Flight {
  readonly cycle: number;
  readonly stage: typeof STAGE[keyof typeof STAGE];
  /** The NIC that sent it, by number. */
  readonly sender: number;
  /** It was the n-th frame of its sender, from 0. */
  readonly n: number;
  /** Where: the link that it enters or comes from, the NIC that it is for. */
  readonly at: number;
  /** Tells copies apart that duplication made. */
  readonly copy: number;
  readonly bytes: Uint8Array;
}

/**
 * Flights in the order of (cycle, stage, sender, n, at, copy), whatever the order in which they were
 * added: what happens must not depend on when it became known.
 */
export class Agenda {
  readonly #flights: Flight[] = [];

  /** The cycle of the first; `Infinity` if there is none. */
  get next(): number {
    return this.#flights[0]?.cycle ?? Infinity;
  }

  add(flight: Flight): void {
    const count = partitionPoint(
      this.#flights.length,
      (index) => compare(this.#flights[index], flight) < 0,
    );
    this.#flights.splice(count, 0, flight);
  }

  /** Takes the first if it is before a cycle. */
  take(before: number): Flight | undefined {
    return this.next < before ? this.#flights.shift() : undefined;
  }

  /** Those before a cycle, without taking them. */
  *peek(before: number): Iterable<Flight> {
    for (const flight of this.#flights) {
      if (flight.cycle >= before) return;
      yield flight;
    }
  }

  save(): StateValue {
    return this.#flights.map(({ cycle, stage, sender, n, at, copy, bytes }) =>
      [cycle, stage, sender, n, at, copy, bytes] as StateValue
    );
  }

  restore(state: StateValue): void {
    this.#flights.length = 0;
    for (
      const [cycle, stage, sender, n, at, copy, bytes] of state as unknown as (readonly [
        number,
        Flight["stage"],
        number,
        number,
        number,
        number,
        Uint8Array,
      ])[]
    ) this.#flights.push({ cycle, stage, sender, n, at, copy, bytes });
  }
}

function compare(a: Flight, b: Flight): number {
  return a.cycle - b.cycle || a.stage - b.stage || a.sender - b.sender || a.n - b.n ||
    a.at - b.at || a.copy - b.copy;
}
