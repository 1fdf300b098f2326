/** The access list of an instruction, as names that a test can tick off. */
import { accesses, type MemoryAccess } from "../../../core/isa/accesses.ts";
import type { Field } from "../../../core/isa/effect.ts";
import { mnemonicOf } from "../../../core/isa/expansion.ts";
import type { Instruction } from "../../../core/isa/instruction.ts";

/** Something that an instruction may read. */
export type Source =
  | { readonly name: string; readonly kind: "x"; readonly field: Field }
  | { readonly name: string; readonly kind: "f"; readonly field: Field }
  | { readonly name: string; readonly kind: "csr"; readonly csr: string }
  | { readonly name: string; readonly kind: "memory" }
  | { readonly name: string; readonly kind: "reservation" };

/** An access list, as names. */
export interface Declared {
  readonly mnemonic: string;
  readonly reads: readonly Source[];
  /** `x rd`, `f rd`, `csr mstatus`, `memory`, … */
  readonly writes: ReadonlySet<string>;
  readonly csrsWritten: readonly string[];
  readonly csrsRead: readonly string[];
  readonly memory: MemoryAccess | undefined;
  readonly pc: "next" | "jump" | "branch" | "return" | "trap";
  /** Everything that must be seen to happen. */
  readonly all: readonly string[];
}

/** Names the accesses of an instruction, and what its effects do to the hart's own bookkeeping. */
export function declaredOf(instruction: Instruction): Declared {
  const { reads, writes, csrs, memory, pc } = accesses(instruction);
  const [access] = memory;
  const kind = access?.kind;
  const loads = kind === "load" || kind === "lr" || kind === "amo";
  const stores = kind === "store" || kind === "sc" || kind === "amo";
  const sources: Source[] = [
    ...reads.x.map((field): Source => ({ name: `read x ${field}`, kind: "x", field })),
    ...reads.f.map((field): Source => ({ name: `read f ${field}`, kind: "f", field })),
    ...csrs.reads.map((csr): Source => ({ name: `read csr ${csr}`, kind: "csr", csr })),
    ...(loads ? [{ name: "read memory", kind: "memory" } as const] : []),
    ...(kind === "sc" ? [{ name: "read reservation", kind: "reservation" } as const] : []),
  ];
  const mnemonic = mnemonicOf(instruction.syntax);
  const written = [
    ...writes.x.map((field) => `x ${field}`),
    ...writes.f.map((field) => `f ${field}`),
    ...csrs.writes.map((csr) => `csr ${csr}`),
    ...(stores ? ["memory"] : []),
    ...(kind === "lr" || kind === "sc" ? ["reservation"] : []),
    ...(mnemonic === "wfi" ? ["waiting"] : []),
    ...(pc === "return" ? ["privilege"] : []),
  ];
  return {
    mnemonic,
    reads: sources,
    writes: new Set(written),
    csrsWritten: csrs.writes,
    csrsRead: csrs.reads,
    memory: access,
    pc,
    all: [
      ...sources.map(({ name }) => name),
      ...written.map((name) => `write ${name}`),
      ...(pc === "next" || pc === "trap" ? [] : [`pc ${pc}`]),
      ...(kind === "load" || kind === "store" ? ["device"] : []),
    ],
  };
}

/** What has been declared and not yet been seen. */
export class Coverage {
  readonly #missing: Set<string>;

  constructor(all: readonly string[], readonly excused: readonly string[]) {
    this.#missing = new Set(all.filter((name) => !excused.includes(name)));
  }

  get size(): number {
    return this.#missing.size;
  }

  has(name: string): boolean {
    return this.#missing.has(name);
  }

  /** Throws if the name is excused: then it is no exception. */
  delete(name: string): void {
    if (this.excused.includes(name)) throw new Error(`"${name}" was seen; it needs no excuse`);
    this.#missing.delete(name);
  }

  names(): string[] {
    return [...this.#missing];
  }
}
