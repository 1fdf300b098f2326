/** Whether two runs of a guest fail alike. */
import type { Failure } from "./failure.ts";

/**
 * Of the same kind, at the same instruction or called from the same function. Cycles, addresses and
 * values may differ: a run that went otherwise before comes to it by another way.
 */
export function isSameFailure(a: Failure, b: Failure): boolean {
  if (a.kind !== b.kind || a.trapped !== b.trapped) return false;
  if (a.kind === "fail-code") return a.code === b.code;
  return functionOf(a) === functionOf(b);
}

function functionOf({ callers }: Failure): string | undefined {
  return callers.at(0)?.replace(/\+0x[\da-f]+$/, "");
}
