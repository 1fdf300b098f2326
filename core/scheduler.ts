/**
 * Which hart acts in a cycle: round robin, in quanta of seeded length.
 *
 * A quantum's end is put off while the running hart holds a reservation, for at most
 * {@link GRACE_CYCLES}, so that a load-reserved/store-conditional loop always makes progress.
 */
import { Random } from "./random.ts";
import { requireVersion, type State } from "./state.ts";

/** Cycles of a quantum, from and to. */
const QUANTUM_CYCLES_MIN = 2000;
const QUANTUM_CYCLES_MAX = 10000;
/** Instructions that an LR/SC loop may take. Source: unprivileged specification, 13.3: 16 instructions, with room. */
export const GRACE_CYCLES = 64;

/** Chooses the running hart. All of it is machine state. */
export class Scheduler {
  /** The running hart. */
  hart = 0;
  /** The cycle at which its turn ends. */
  quantumEnd = 0;
  /** By hart: it does nothing before this cycle. Empty as long as none was ever withheld. */
  #withheld: readonly number[] = [];
  readonly #random: Random;

  constructor(readonly harts: number, seed: number) {
    this.#random = new Random(seed);
    this.quantumEnd = harts === 1 ? Infinity : this.#quantum();
  }

  /** Gives the turn to the next hart that can run, after the running one; false if none can. */
  rotate(cycle: number, runnable: (hart: number) => boolean): boolean {
    for (let step = 1; step <= this.harts; step++) {
      const hart = (this.hart + step) % this.harts;
      if (!runnable(hart)) continue;
      this.hart = hart;
      if (this.harts > 1) this.quantumEnd = cycle + this.#quantum();
      return true;
    }
    return false;
  }

  /** The quanta follow from another seed, the one under way too. */
  reseed(cycle: number, seed: number): void {
    this.#random.state = seed;
    if (this.harts > 1) this.quantumEnd = cycle + this.#quantum();
  }

  /** A hart does nothing before a cycle. */
  withhold(hart: number, until: number): void {
    if (hart >= this.harts) throw new RangeError(`There is no hart ${hart} to be withheld`);
    this.#withheld = Array.from(
      { length: this.harts },
      (_, other) => other === hart ? until : this.#withheld[other] ?? 0,
    );
  }

  isWithheld(hart: number, cycle: number): boolean {
    return this.#withheld[hart] > cycle;
  }

  /** The cycle after this one at which a hart is next let go; `Infinity` if none is withheld. */
  nextRelease(cycle: number): number {
    if (this.#withheld.length === 0) return Infinity;
    return this.#withheld.reduce(
      (next, until) => until > cycle ? Math.min(next, until) : next,
      Infinity,
    );
  }

  save(): State {
    return {
      version: 1,
      hart: this.hart,
      quantumEnd: this.quantumEnd,
      random: this.#random.state,
      ...(this.#withheld.length === 0 ? {} : { withheld: this.#withheld }),
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, "scheduler");
    this.hart = state.hart as number;
    this.quantumEnd = state.quantumEnd as number;
    this.#random.state = state.random as number;
    this.#withheld = (state.withheld ?? []) as readonly number[];
  }

  #quantum(): number {
    return QUANTUM_CYCLES_MIN + this.#random.below(QUANTUM_CYCLES_MAX - QUANTUM_CYCLES_MIN);
  }
}
