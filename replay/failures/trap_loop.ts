/**
 * A hart that traps for ever: the same exception at the same place, and no register differs from one
 * time to the next, so that nothing but a device or another hart could end it. And a trap vector
 * that itself traps, in every cycle, or before it has saved what it interrupts, as one does whose stack
 * pointer is wild: each time it has lost what it should have gone back to.
 *
 * Looked for only where traps are frequent; then the hart is stopped at its trap vectors, where
 * registers are still those of the code that trapped.
 */
import type { Machine } from "../../core/machine.ts";
import { readRegister } from "../registers.ts";
import { causeText } from "./cause.ts";
import type { Failure } from "./failure.ts";
import { type Names, Witness } from "./witness.ts";

const TRAPS_MIN = 64;
/** Rarer traps than one in so many cycles are no loop worth looking at. */
const CYCLES_PER_TRAP_MAX = 4096;
/** So often in a row the same. */
const REPEATS = 32;
/** After so many that differ it is none. */
const DIFFERENT_MAX = 64;
/** Then it is not looked at again for so long. */
const PAUSE_CYCLES = 100_000_000;
const MACHINE = 3n;
/** Within so many bytes of its beginning a trap vector saves registers. */
const ENTRY_BYTES = 256n;
/** Calls are no faults: a program may well make the same one for ever. */
const CALLS: ReadonlySet<bigint> = new Set([8n, 9n, 11n]);

interface Suspicion {
  readonly hart: number;
  seen: string;
  first: number;
  repeats: number;
  different: number;
}

export class TrapLoops {
  readonly #machine: Machine;
  readonly #names: Names;
  readonly #arm: (vectors: Iterable<bigint>) => void;
  #suspicion: Suspicion | undefined;
  #quietUntil = 0;
  readonly #found = new Set<number>();

  /** @param arm has the machine stop at these addresses too, and at no others that were given before */
  constructor(machine: Machine, names: Names, arm: (vectors: Iterable<bigint>) => void) {
    this.#machine = machine;
    this.#names = names;
    this.#arm = arm;
  }

  /** See {@link Machine.onActed}. */
  acted(hart: number, from: number, to: number, traps: number): Failure | undefined {
    if (traps < TRAPS_MIN || to - from > traps * CYCLES_PER_TRAP_MAX) return undefined;
    if (this.#found.has(hart)) return undefined;
    const pc = readRegister(this.#machine, hart, "pc");
    const level = this.#levelAt(hart, pc);
    if (traps === to - from && level !== undefined) {
      this.#found.add(hart);
      const cause = readRegister(this.#machine, hart, `${level}cause`);
      return doubleFault(from, hart, pc, cause);
    }
    if (this.#suspicion === undefined && from >= this.#quietUntil) {
      this.#suspicion = { hart, seen: "", first: 0, repeats: 0, different: 0 };
      this.#arm([this.#vector(hart, "m"), this.#vector(hart, "s")]);
    }
    return undefined;
  }

  /** A hart is about to execute the instruction at pc. */
  arrived(hart: number, pc: bigint): Failure | undefined {
    const suspicion = this.#suspicion;
    const level = this.#levelAt(hart, pc);
    if (suspicion?.hart !== hart || level === undefined) return undefined;
    const cause = readRegister(this.#machine, hart, `${level}cause`);
    if (cause >> 63n === 1n) return undefined; // an interrupt
    const epc = readRegister(this.#machine, hart, `${level}epc`);
    const isOfVector = epc >= pc && epc - pc < ENTRY_BYTES;
    this.#compare(suspicion, level, cause, isOfVector);
    if (suspicion.different > DIFFERENT_MAX) this.#rest();
    if (suspicion.repeats < REPEATS) return undefined;
    this.#found.add(hart);
    this.#rest();
    if (isOfVector) return doubleFault(suspicion.first, hart, epc, cause);
    const witness = new Witness(this.#machine, hart, this.#names);
    const address = `address 0x${witness.register(`${level}tval`).toString(16)}`;
    const message = `the same trap for ever: ${causeText(cause)}, ${address}, at ${
      witness.place(epc)
    }`;
    return {
      cycle: suspicion.first,
      hart,
      pc: epc,
      kind: "trap-loop",
      trapped: epc,
      message,
      callers: witness.callers(),
    };
  }

  #compare(suspicion: Suspicion, level: "m" | "s", cause: bigint, isOfVector: boolean): void {
    const names = isOfVector ? [`${level}epc`] : [`${level}epc`, `${level}tval`, ...X];
    const read = (name: string) => readRegister(this.#machine, suspicion.hart, name);
    const seen = [cause, ...names.map(read)].join();
    if (seen === suspicion.seen && !CALLS.has(cause)) {
      suspicion.repeats++;
      return;
    }
    Object.assign(suspicion, { seen, first: this.#machine.cycle, repeats: 0 });
    suspicion.different++;
  }

  #rest(): void {
    this.#suspicion = undefined;
    this.#quietUntil = this.#machine.cycle + PAUSE_CYCLES;
    this.#arm([]);
  }

  /** The letter of the CSRs that belong to the trap, if the hart is at its vector. */
  #levelAt(hart: number, pc: bigint): "m" | "s" | undefined {
    const level = readRegister(this.#machine, hart, "priv") === MACHINE ? "m" : "s";
    return this.#vector(hart, level) === pc ? level : undefined;
  }

  #vector(hart: number, level: "m" | "s"): bigint {
    return readRegister(this.#machine, hart, `${level}tvec`) & ~3n;
  }
}

const X = Array.from({ length: 31 }, (_, i) => `x${i + 1}`);

function doubleFault(cycle: number, hart: number, pc: bigint, cause: bigint): Failure {
  const message = `the trap vector itself traps: ${causeText(cause)}`;
  return { cycle, hart, pc, kind: "double-fault", trapped: pc, message, callers: [] };
}
