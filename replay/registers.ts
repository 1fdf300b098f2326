/** A hart's registers by name, as a debugger sees them between two cycles. */
import { csrNumbers } from "../core/hart/csr.ts";
import { F, hartBase, X } from "../core/hart/layout.ts";
import type { Machine } from "../core/machine.ts";

const CSRS = csrNumbers().names;
const PRIVILEGES = [0n, 1n, 3n];

/**
 * x0 to x31, f0 to f31 and `pc`; `priv`, the privilege mode; `cycle`, the position in the recording;
 * or a CSR, as machine mode reads it. The guest's own cycle counter is `mcycle`.
 * @throws RangeError for an unknown name
 */
export function readRegister(machine: Machine, hart: number, name: string): bigint {
  const { engine } = machine;
  const file = fileIndex(name, hart);
  if (file !== undefined) return engine.u64[file];
  if (name === "pc") return engine.field(hart, "pc");
  if (name === "priv") return engine.field(hart, "privilege");
  if (name === "cycle") return BigInt(machine.cycle);
  const number = CSRS.get(name);
  const value = number === undefined ? undefined : engine.accessCsr(hart, number, machine.cycle);
  if (value === undefined) throw new RangeError(`No register is called "${name}"`);
  return value;
}

/**
 * Sets a register; a CSR takes what machine mode may write, and keeps the rest. x0 stays 0.
 * @throws RangeError for an unknown name, and for one that cannot be written
 */
export function writeRegister(machine: Machine, hart: number, name: string, value: bigint): void {
  const { engine } = machine;
  const file = fileIndex(name, hart);
  const unsigned = BigInt.asUintN(64, value);
  if (file !== undefined) {
    if (name !== "x0") engine.u64[file] = unsigned;
  } else if (name === "pc") {
    engine.setField(hart, "pc", unsigned & ~1n);
  } else if (name === "priv") {
    if (!PRIVILEGES.includes(value)) throw new RangeError(`No privilege mode is ${value}`);
    engine.setField(hart, "privilege", value);
  } else {
    const number = CSRS.get(name);
    if (number === undefined) throw new RangeError(`No register is called "${name}"`);
    if (engine.accessCsr(hart, number, machine.cycle, unsigned) === undefined) {
      throw new RangeError(`Register "${name}" cannot be written`);
    }
  }
  engine.stateChanged(hart);
}

/** @throws RangeError for a name that is unknown, or of what cannot be written */
export function requireWritable(machine: Machine, hart: number, name: string): void {
  readRegister(machine, hart, name);
  if (name === "cycle") throw new RangeError('"cycle" is the position: go to a cycle instead');
  // Privileged spec, 2.1: the two top bits of a read-only CSR's number are set.
  if ((CSRS.get(name) ?? 0) >> 10 === 3) throw new RangeError(`Register "${name}" is read-only`);
}

// Index of an x or f register among the 64-bit words of the engine's memory.
function fileIndex(name: string, hart: number): number | undefined {
  const match = /^([xf])(\d|[12]\d|3[01])$/.exec(name);
  if (!match) return undefined;
  return (hartBase(hart) + (match[1] === "x" ? X : F)) / 8 + Number(match[2]);
}
