/** Gathers what devices tell of a guest that breaks their rules: each kind of breach once, counted. */
import type { Breach } from "../../core/machine.ts";

/** A breach, and how often the like was seen. */
export interface CountedBreach extends Breach {
  readonly count: number;
}

/** Distinct breaches that are kept; a driver that breaks all rules breaks each for long. */
const BREACHES_MAX = 256;

export class Linter {
  readonly #found = new Map<string, { first: Breach; count: number }>();

  see(breach: Breach): void {
    // Numbers vary from one to the next; the rule and the manner do not.
    const key = [
      breach.device,
      breach.rule,
      breach.text.replace(/\b(0x)?[\da-f]*\d[\da-f]*\b/g, "N"),
    ]
      .join(" ");
    const known = this.#found.get(key);
    if (known) known.count++;
    else if (this.#found.size < BREACHES_MAX) this.#found.set(key, { first: breach, count: 1 });
  }

  /** The first of each, in order of cycle. */
  get breaches(): CountedBreach[] {
    return [...this.#found.values()].map(({ first, count }) => ({ ...first, count }));
  }
}
