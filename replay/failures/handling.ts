/**
 * A guest that ends itself while it handles a trap of its own code. Source: privileged specification,
 * xPP and xcause: the mode before the trap stands there until the trap's handler returns.
 */
import { causeText } from "./cause.ts";
import type { Failure } from "./failure.ts";
import type { Witness } from "./witness.ts";

const LEVELS = new Map([[1n, "s"], [3n, "m"]] as const);
const SPP = { shift: 8n, mask: 1n };
const MPP = { shift: 11n, mask: 3n };
/** Whoever calls its environment has made no mistake. */
const CALLS: ReadonlySet<bigint> = new Set([8n, 9n, 11n]);

/** @param ended by the instruction that the hart has just executed */
export function handling(witness: Witness, ended: Failure): Failure {
  const { hart } = witness;
  const mode = witness.register("priv");
  const level = LEVELS.get(mode as 1n | 3n);
  if (level === undefined) return { ...ended, hart };
  const { shift, mask } = level === "s" ? SPP : MPP;
  const cause = witness.register(`${level}cause`);
  const isOwn = (witness.register(`${level}status`) >> shift & mask) === mode;
  if (!isOwn || cause >> 63n === 1n || CALLS.has(cause)) return { ...ended, hart };
  const trapped = witness.register(`${level}epc`);
  const address = `address 0x${witness.register(`${level}tval`).toString(16)}`;
  const message = `${ended.message}, in the handler of a trap: ${
    causeText(cause)
  }, ${address}, at ${witness.place(trapped)}`;
  return { ...ended, hart, trapped, message };
}
