/**
 * Which tier the machines of tests run in: `deno task test` runs those of the engine once as a
 * machine comes, and again with HINDSIGHT_JIT_THRESHOLD=1, where all code is compiled at once.
 */
const threshold = Deno.env.get("HINDSIGHT_JIT_THRESHOLD");

/** Options of the engine. */
export const TIER: { readonly jitThreshold?: number } = threshold === undefined
  ? {}
  : { jitThreshold: Number(threshold) };
