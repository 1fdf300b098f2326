/** Tier 1 does what tier 0 does, on random programs. 100 times as many: random_programs_long_test.ts. */
import { nameOf, requireSameOnTiers, type Trials } from "./differential.ts";

// Threshold 1 compiles all code before it runs, and again wherever a trap returns to the midst of it.
const TRIALS: readonly Trials[] = [
  { seed: 20_261_123, count: 700, harts: 1, thresholds: [2] },
  { seed: 20_261_124, count: 60, harts: 1, thresholds: [1, 16] },
  { seed: 20_261_125, count: 12, harts: 2, thresholds: [2] },
  { seed: 20_261_126, count: 40, harts: 1, thresholds: [2, 16], lies: true },
];

for (const trials of TRIALS) Deno.test(nameOf(trials), () => requireSameOnTiers(trials));
