/** What the tiers ask about each instruction, by index: read off its effects once. */
import { accesses, type Registers } from "../isa/accesses.ts";
import { INSTRUCTIONS } from "../isa/isa.ts";

export interface Traits {
  readonly reads: Registers;
  readonly writes: Registers;
  /** It is illegal while floating point is off. */
  readonly float: boolean;
  /** It makes FS dirty. */
  readonly dirtiesFloat: boolean;
  /** It has a rounding mode. */
  readonly rounds: boolean;
  readonly csr: boolean;
  /** What it does to memory, atomics aside. */
  readonly memory: "load" | "store" | undefined;
  /** It may trap, or do what ends a region. */
  readonly mayLeave: boolean;
  /** All it does is to set an integer register, from integer registers, its immediate and pc. */
  readonly plain: boolean;
}

export const TRAITS: readonly Traits[] = INSTRUCTIONS.map((instruction) => {
  const text = JSON.stringify(
    instruction.effects,
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
  const has = (op: string) => text.includes(`"op":"${op}"`);
  const calls = ["f", "float", "csr", "load", "lr", "sc", "amo"].some(has);
  const { reads, writes, memory, csrs } = accesses(instruction);
  const float = ["f", "float", "setF"].some(has);
  return {
    reads,
    writes,
    float,
    dirtiesFloat: float && csrs.writes.includes("mstatus"),
    rounds: instruction.encoding.split(" ").includes("rm"),
    csr: has("csr"),
    mayLeave: memory.length + csrs.reads.length + csrs.writes.length > 0 || has("system"),
    plain: !calls && instruction.effects.every(({ op }) => op === "setX"),
    memory: has("store") ? "store" : has("load") ? "load" : undefined,
  };
});
