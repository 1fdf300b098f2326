/**
 * Steal time that a seed chooses: now and then a hart does nothing for a while, and time goes on, as
 * under a hypervisor that has other work. From then on each timer's interrupt finds the hart at
 * another instruction. Source: SBI 2.0, 16 (steal-time accounting).
 */
import { Random } from "../../core/random.ts";
import { hartFault } from "./hart.ts";
import type { TimedFault } from "./injected.ts";

export interface StealPlan {
  /** 32 bits. */
  readonly seed: number;
  /** Nothing is stolen before this cycle. */
  readonly from: number;
  readonly harts: number;
}

// As numbers of binary digits, all of them equally likely: most times are short, and some are long.
/** Up to 4 ms, a tick of Linux at 250 Hz: a tick can come to fall on any instruction. */
const STOLEN_BITS = { min: 1, max: 22 } as const;
/** 2 µs to 134 ms; 2 % of a busy hart's time are stolen. */
const GAP_BITS = { min: 12, max: 27 } as const;

export class Steal {
  /** The cycle from which on time is stolen again. */
  at: number;
  readonly #harts: number;
  readonly #random: Random;

  constructor({ seed, from, harts }: StealPlan) {
    this.#random = new Random(seed);
    this.#harts = harts;
    this.at = from + this.#cycles(GAP_BITS);
  }

  /** It happens now. */
  take(cycle: number): TimedFault {
    const hart = this.#random.below(this.#harts);
    const stolen = this.#cycles(STOLEN_BITS);
    this.at = cycle + stolen + this.#cycles(GAP_BITS);
    return hartFault({ at: cycle, hart, for: stolen });
  }

  #cycles({ min, max }: { readonly min: number; readonly max: number }): number {
    const top = 2 ** (min - 1 + this.#random.below(max - min + 1));
    return top + this.#random.below(top);
  }
}
