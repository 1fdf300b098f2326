/** Which registers a cursor can name. */
import { CSR_NUMBERS, F_NAMES, X_NAMES } from "../core/isa/registers.ts";
import type { Cursor } from "../replay/cursor.ts";

const INTEGER = Array.from({ length: 32 }, (_, i) => `x${i}`);
const FLOAT = Array.from({ length: 32 }, (_, i) => `f${i}`);
/** Event counters and their selectors are hardwired to 0: they would only make lists long. */
const DULL = /^(m?hpm|tselect|tdata)/;

/** The position, the privilege mode, pc, x, f and CSRs, in this order. */
export function registerNames(cursor: Cursor): string[] {
  return ["cycle", "priv", "pc", ...INTEGER, ...FLOAT, ...csrNames(cursor)];
}

/** The CSRs that the machine has, in order of their numbers; `cycle` is the position, its CSR `mcycle`. */
export function csrNames(cursor: Cursor): string[] {
  return [...CSR_NUMBERS]
    .sort(([, a], [, b]) => a - b)
    .map(([name]) => name)
    .filter((name) => name !== "cycle" && !DULL.test(name) && has(cursor, name));
}

/** What the manual calls a register of that name, which may be its ABI name. */
export function standardName(name: string): string {
  const x = name === "fp" ? X_NAMES.indexOf("s0") : X_NAMES.indexOf(name);
  const f = F_NAMES.indexOf(name);
  return x >= 0 ? `x${x}` : f >= 0 ? `f${f}` : name;
}

function has(cursor: Cursor, name: string): boolean {
  try {
    cursor.readRegister(0, name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
