/**
 * The registers, CSRs and memory that an instruction reads and writes, found by walking its effects.
 *
 * What a trap or a page walk reads and writes is not the instruction's own and not listed.
 */
import type { Effect, Field, Size, SystemName, Value } from "./effect.ts";
import type { Instruction } from "./instruction.ts";

/** Registers named by fields of the encoding; x[0] counts as well: who follows values skips it. */
export interface Registers {
  readonly x: readonly Field[];
  readonly f: readonly Field[];
}

/** One access to memory, at a virtual address that the registers give. */
export interface MemoryAccess {
  /** An `amo` loads and stores; an `sc` stores if its reservation holds. */
  readonly kind: "load" | "store" | "amo" | "lr" | "sc";
  /** Bytes. */
  readonly size: Size;
  readonly address: Value;
}

/** What an instruction touches. Lists hold no value twice and stand in the order of the effects. */
export interface Accesses {
  readonly reads: Registers;
  readonly writes: Registers;
  /**
   * Names as in the privileged specification; `imm` is the CSR that the immediate names: not read
   * by a write with rd = x0, not written by a set or clear with an rs1 field of 0. `frm` is read if
   * `rm` is dynamic. A floating-point instruction reads `mstatus` (is FS off?) and writes it (FS
   * becomes dirty) if it can change the floating-point state.
   */
  readonly csrs: { readonly reads: readonly string[]; readonly writes: readonly string[] };
  readonly memory: readonly MemoryAccess[];
  /** Where it may go other than to the next instruction. */
  readonly pc: "next" | "jump" | "branch" | "return" | "trap";
}

/** CSRs that the system effects use. Source: RISC-V privileged specification, 3.1.6 and 3.3. */
const SYSTEM_CSRS: {
  readonly [name in SystemName]?: { readonly reads: string[]; readonly writes: string[] };
} = {
  "mret": { reads: ["mstatus", "mepc"], writes: ["mstatus"] },
  "sret": { reads: ["mstatus", "sepc"], writes: ["mstatus"] }, // TSR
  "wfi": { reads: ["mstatus", "mip", "mie"], writes: [] }, // TW
  "sfence.vma": { reads: ["mstatus"], writes: [] }, // TVM
};

/** Lists what an instruction reads and writes. */
export function accesses(instruction: Instruction): Accesses {
  const walk = new Walk(/ rm /.test(instruction.encoding));
  for (const effect of instruction.effects) walk.effect(effect);
  return walk.result();
}

class Walk {
  readonly #reads = { x: new Set<Field>(), f: new Set<Field>() };
  readonly #writes = { x: new Set<Field>(), f: new Set<Field>() };
  readonly #csrs = { reads: new Set<string>(), writes: new Set<string>() };
  readonly #memory: MemoryAccess[] = [];
  readonly #rounds: boolean;
  #pc: Accesses["pc"] = "next";
  #usesFloat = false;
  #changesFloat = false;

  constructor(rounds: boolean) {
    this.#rounds = rounds;
  }

  result(): Accesses {
    if (this.#usesFloat) this.#csrs.reads.add("mstatus");
    if (this.#changesFloat) this.#csrs.writes.add("mstatus");
    return {
      reads: { x: [...this.#reads.x], f: [...this.#reads.f] },
      writes: { x: [...this.#writes.x], f: [...this.#writes.f] },
      csrs: { reads: [...this.#csrs.reads], writes: [...this.#csrs.writes] },
      memory: this.#memory,
      pc: this.#pc,
    };
  }

  effect(effect: Effect): void {
    switch (effect.op) {
      case "setX":
        this.#value(effect.value);
        this.#writes.x.add("rd");
        break;
      case "setF":
        this.#value(effect.value);
        this.#writes.f.add("rd");
        this.#usesFloat = this.#changesFloat = true;
        break;
      case "store":
        this.#value(effect.address);
        this.#value(effect.value);
        this.#memory.push({ kind: "store", size: effect.size, address: effect.address });
        break;
      case "jump":
        this.#value(effect.target);
        this.#pc = "jump";
        break;
      case "branch":
        this.#value(effect.condition);
        this.#value(effect.target);
        this.#pc = "branch";
        break;
      case "system":
        this.#system(effect.name, effect.operands);
    }
  }

  #system(name: SystemName, operands: readonly Value[]): void {
    for (const operand of operands) this.#value(operand);
    for (const csr of SYSTEM_CSRS[name]?.reads ?? []) this.#csrs.reads.add(csr);
    for (const csr of SYSTEM_CSRS[name]?.writes ?? []) this.#csrs.writes.add(csr);
    if (name === "mret" || name === "sret") this.#pc = "return";
    if (name === "ecall" || name === "ebreak") this.#pc = "trap";
  }

  #value(value: Value): void {
    switch (value.op) {
      case "x":
        this.#reads.x.add(value.field);
        break;
      case "f":
        this.#reads.f.add(value.field);
        this.#usesFloat = true;
        break;
      case "imm":
      case "zimm":
      case "pc":
      case "next":
      case "const":
        break;
      case "load":
      case "lr":
        this.#value(value.address);
        this.#memory.push({ kind: value.op, size: value.size, address: value.address });
        break;
      case "sc":
      case "amo":
        this.#value(value.address);
        this.#value(value.value);
        this.#memory.push({ kind: value.op, size: value.size, address: value.address });
        break;
      case "csr":
        this.#value(value.operand);
        this.#csrs.reads.add("imm");
        this.#csrs.writes.add("imm");
        break;
      case "float":
        for (const operand of value.operands) this.#value(operand);
        this.#usesFloat = true;
        if (this.#rounds) this.#csrs.reads.add("frm");
        if (value.name === "class") break;
        this.#csrs.writes.add("fflags");
        this.#changesFloat = true;
        break;
      case "select":
        this.#value(value.condition);
        this.#value(value.a);
        this.#value(value.b);
        break;
      default:
        this.#value(value.a);
        if ("b" in value) this.#value(value.b);
    }
  }
}
