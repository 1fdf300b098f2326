/** 100 times as many programs as random_programs_test.ts. */
import { nameOf, requireSameOnTiers, type Trials } from "./differential.ts";

const TRIALS: readonly Trials[] = [
  { seed: 1, count: 70_000, harts: 1, thresholds: [2] },
  { seed: 2, count: 6000, harts: 1, thresholds: [1, 16] },
  { seed: 3, count: 1200, harts: 2, thresholds: [2] },
  { seed: 4, count: 4000, harts: 1, thresholds: [2, 16], lies: true },
  { seed: 5, count: 400, harts: 2, thresholds: [2], lies: true },
];

for (const trials of TRIALS) Deno.test(nameOf(trials), () => requireSameOnTiers(trials));
