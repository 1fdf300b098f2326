/** When the answers of a host's side come: as it pleases (`live`), or at a chosen cycle (`model`). */
import { Random } from "../../core/random.ts";

/** See DESIGN: live machines take answers as they come, reproducible ones wait for a seeded cycle. */
export type Timing = "live" | "model";

/** The least and the greatest latency of a request without data, in cycles (nanoseconds). */
export const LATENCY_CYCLES_MIN = 20_000;
export const LATENCY_CYCLES_MAX = 80_000;
const BYTES_PER_CYCLE = 4;

/** Draws latencies from its own seeded sequence. */
export class Latency {
  readonly #random: Random;

  constructor(readonly timing: Timing, seed: number) {
    this.#random = new Random(seed);
  }

  /** The cycle at which the answer to a request of this size is due; `undefined` in live timing. */
  due(cycle: number, sizeBytes: number): number | undefined {
    if (this.timing === "live") return undefined;
    const base = LATENCY_CYCLES_MIN +
      this.#random.below(LATENCY_CYCLES_MAX - LATENCY_CYCLES_MIN + 1);
    return cycle + base + Math.floor(sizeBytes / BYTES_PER_CYCLE);
  }

  reseed(seed: number): void {
    this.#random.state = seed;
  }

  save(): number {
    return this.#random.state;
  }

  restore(state: number): void {
    this.#random.state = state;
  }
}
