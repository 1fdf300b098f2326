/** Which registers a region had better keep in locals: those through which a loop depends on itself. */
import type { Registers } from "../../isa/accesses.ts";
import type { Decoded } from "../../isa/decode.ts";
import { TRAITS } from "../traits.ts";
import { goesBack, type Region } from "./region.ts";

/** More would take host registers from each other. */
const CARRIED_MAX = 4;
/** How much more often an inner loop is assumed to be executed than the one around it. */
const DEPTH_FACTOR = 8;
const DEPTH_MAX = 4;

/**
 * Of the registers that blocks of loops read before they write them, and that are written there, the
 * few most in use. By number: x0 to x31, then f0 to f31.
 */
export function carriedRegisters({ blocks }: Region): ReadonlySet<number> {
  const loops = [...blocks.values()].filter((block) => goesBack(block) && blocks.has(block.target));
  const uses = new Map<number, number>();
  const awaited = new Set<number>();
  const changed = new Set<number>();
  for (const { offset, instructions } of blocks.values()) {
    const around = loops.filter((last) => last.target <= offset && offset <= last.offset);
    if (around.length === 0) continue;
    const weight = DEPTH_FACTOR ** Math.min(around.length, DEPTH_MAX);
    const use = (number: number) => uses.set(number, (uses.get(number) ?? 0) + weight);
    const read = new Set<number>();
    const written = new Set<number>();
    for (const { decoded } of instructions) {
      const { reads, writes } = TRAITS[decoded.index];
      for (const number of numbersOf(decoded, reads)) {
        if (!written.has(number)) read.add(number);
      }
      for (const number of numbersOf(decoded, writes)) written.add(number);
    }
    for (const number of read) {
      awaited.add(number);
      use(number);
    }
    for (const number of written) {
      changed.add(number);
      use(number);
    }
  }
  return new Set(
    [...uses].filter(([number]) => number !== 0 && awaited.has(number) && changed.has(number))
      .sort(([, a], [, b]) => b - a)
      .slice(0, CARRIED_MAX)
      .map(([number]) => number),
  );
}

function numbersOf(decoded: Decoded, { x, f }: Registers): number[] {
  return [...x.map((field) => decoded[field]), ...f.map((field) => 32 + decoded[field])];
}
