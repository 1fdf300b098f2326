/** One instruction and the random state that it meets alone. */
import type { HartField } from "../../../core/hart/layout.ts";
import { decode, type Decoded, ENCODINGS } from "../../../core/isa/decode.ts";
import type { Value } from "../../../core/isa/effect.ts";
import { CSR_NAMES, CSR_NUMBERS } from "../../../core/isa/registers.ts";
import type { Random } from "../../../core/random.ts";
import { DRAM } from "./rig.ts";
import { CSR_CHOICE, CSR_FIELDS, FIELDS, randomField, type TrialField } from "./trial_csrs.ts";
import type { Declared, Source } from "./trial_declared.ts";

const CODE = DRAM + 0x1000;
/** The memory that loads and stores go to. */
export const WINDOW = DRAM + 0x1_0000;
export const WINDOW_BYTES = 128;
/** Where the device is that notes its accesses. */
export const PROBE = 0x1000_0000;

interface State {
  readonly x: bigint[];
  readonly f: bigint[];
  readonly fields: Map<HartField, bigint>;
  readonly pmpaddr: bigint;
  readonly window: Uint8Array;
  readonly reservation: bigint;
}

/** An instruction and the state that it meets. */
export class Trial {
  readonly word: number;
  readonly decoded: Decoded;
  readonly pc: number;
  readonly privilege: number;
  readonly state: State;
  /** The CSR that the immediate names. */
  readonly csr: string | undefined;

  constructor(
    readonly index: number,
    readonly declared: Declared,
    readonly random: Random,
    from?: { readonly trial: Trial; readonly state: State },
  ) {
    if (from) {
      ({ word: this.word, decoded: this.decoded, pc: this.pc, csr: this.csr } = from.trial);
      this.privilege = from.trial.privilege;
      this.state = from.state;
      return;
    }
    this.word = this.#randomWord();
    this.decoded = decode(this.word)!;
    this.csr = declared.csrsRead.includes("imm") ? CSR_NAMES.get(this.decoded.imm) : undefined;
    this.pc = CODE + random.below(2040) * 2;
    this.privilege = random.below(3) === 0 ? random.below(2) : 3;
    this.state = this.#randomState();
  }

  toString(): string {
    const hex = (value: number) => `0x${value.toString(16)}`;
    const { rd, rs1, rs2, rs3, rm, imm } = this.decoded;
    return `word ${hex(this.word)} (rd ${rd}, rs1 ${rs1}, rs2 ${rs2}, rs3 ${rs3}, rm ${rm}, ` +
      `imm ${imm}) at ${hex(this.pc)} in mode ${this.privilege}`;
  }

  /** The address of the memory access, from the declared value. */
  address(): bigint {
    return BigInt.asUintN(64, this.#evaluate(this.declared.memory!.address));
  }

  /** The fields of the hart that a declared CSR is. */
  fieldsOf(csr: string, way: "reads" | "writes"): readonly TrialField[] {
    const name = csr === "imm" ? this.csr! : csr;
    // Declared on its own and not through a CSR instruction, a float CSR is just itself.
    if (csr === "fflags" || csr === "frm") return [csr];
    return CSR_FIELDS[name][way];
  }

  /** The same instruction with everything changed that it does not declare as read. */
  withOthersChanged(): Trial {
    const { random, declared } = this;
    const keptX = new Set([0]);
    const keptF = new Set<number>();
    const kept = new Set<TrialField>();
    for (const source of declared.reads) {
      if (source.kind === "x") keptX.add(this.decoded[source.field]);
      if (source.kind === "f") keptF.add(this.decoded[source.field]);
      if (source.kind === "csr") {
        for (const f of this.fieldsOf(source.csr, "reads")) kept.add(f);
      }
    }
    // What it combines with a part of the old value it also reads: that of a CSR or of flags.
    for (const csr of declared.csrsWritten) {
      if (csr !== "fflags") { for (const f of this.fieldsOf(csr, "writes")) kept.add(f); }
    }
    const window = this.state.window.slice();
    const [from, to] = this.declared.memory?.kind === "store" ? [0, 0] : this.#range();
    for (let i = 0; i < window.length; i++) {
      if (i < from || i >= to) window[i] = random.next();
    }
    const fields = new Map(this.state.fields);
    for (const field of FIELDS) {
      if (!kept.has(field)) fields.set(field, randomField(field, this.privilege, random));
    }
    return this.#with({
      x: this.state.x.map((value, i) => keptX.has(i) ? value : this.#randomX()),
      f: this.state.f.map((value, i) => keptF.has(i) ? value : this.#randomF()),
      fields,
      window,
      pmpaddr: kept.has("pmpaddr") ? this.state.pmpaddr : BigInt(random.next()),
      reservation: declared.memory?.kind === "sc"
        ? this.state.reservation
        : this.state.reservation ^ 8n,
    });
  }

  /** Whether the source can be changed without changing another one. */
  isolates(source: Source): boolean {
    if (source.kind !== "x" && source.kind !== "f") return true;
    const register = this.decoded[source.field];
    if (source.kind === "x" && register === 0) return false;
    return this.declared.reads.every((other) =>
      other === source || other.kind !== source.kind || !("field" in other) ||
      this.decoded[other.field] !== register
    );
  }

  /** The same instruction with one source changed. */
  withChanged(source: Source): Trial {
    const { random, state } = this;
    if (source.kind === "memory") {
      const window = state.window.slice();
      const [from, to] = this.#range();
      for (let i = from; i < to; i++) window[i] = random.next();
      return this.#with({ window });
    }
    if (source.kind === "reservation") return this.#with({ reservation: state.reservation ^ 64n });
    if (source.kind === "csr") {
      const fields = new Map(state.fields);
      let pmpaddr = state.pmpaddr;
      for (const field of this.fieldsOf(source.csr, "reads")) {
        if (field === "pmpaddr") pmpaddr = BigInt(random.next());
        else fields.set(field, randomField(field, this.privilege, random));
      }
      return this.#with({ fields, pmpaddr });
    }
    const register = this.decoded[source.field];
    if (source.kind === "f") {
      return this.#with({ f: state.f.with(register, this.#randomF()) });
    }
    const isBase = this.declared.memory !== undefined && source.field === "rs1";
    const value = isBase
      ? BigInt.asUintN(64, state.x[register] + BigInt(this.declared.memory!.size))
      : this.#randomX();
    return this.#with({ x: state.x.with(register, value) });
  }

  #with(change: Partial<State>): Trial {
    const state = { ...this.state, ...change };
    return new Trial(this.index, this.declared, this.random, { trial: this, state });
  }

  #randomWord(): number {
    const { mask, match, fields } = ENCODINGS[this.index];
    const csr = fields.some(({ name }) => name === "csr");
    for (;;) {
      let word = match | this.random.next() & ~mask;
      if (csr) {
        const name = CSR_CHOICE[this.random.below(CSR_CHOICE.length)];
        word = word & 0xf_ffff | CSR_NUMBERS.get(name)! << 20;
      }
      if (decode(word)?.index === this.index) return word >>> 0;
    }
  }

  #randomState(): State {
    const { random, declared, decoded } = this;
    const x = Array.from({ length: 32 }, (_, i) => i === 0 ? 0n : this.#randomX());
    const f = Array.from({ length: 32 }, () => this.#randomF());
    const fields = new Map(
      FIELDS.map((field) => [field, randomField(field, this.privilege, random)] as const),
    );
    // What raises flags begins with none, so that those it raises are seen.
    if (declared.csrsWritten.includes("fflags")) fields.set("fflags", 0n);
    // Branches and comparisons need operands that are equal, too.
    if (random.below(4) === 0 && decoded.rs2 !== 0) {
      x[decoded.rs2] = x[decoded.rs1];
      f[decoded.rs2] = f[decoded.rs1];
    }
    if (declared.memory !== undefined && decoded.rs1 !== 0) {
      const { size, kind } = declared.memory;
      const aligned = kind === "load" || kind === "store" ? random.below(4) > 0 : true;
      const offset = 32 + random.below(48);
      const base = random.below(5) === 0 && random.below(2) === 0 ? PROBE : WINDOW;
      const target = base + (aligned ? offset & -size : offset);
      const imm = declared.memory.address.op === "add" ? decoded.imm : 0;
      x[decoded.rs1] = BigInt.asUintN(64, BigInt(target - imm));
    }
    const reservation = declared.memory === undefined || random.below(4) === 0
      ? BigInt(WINDOW + 8 * random.below(8))
      : x[decoded.rs1];
    const window = random.bytes(WINDOW_BYTES);
    return { x, f, fields, pmpaddr: BigInt(random.next()), window, reservation };
  }

  #randomX(): bigint {
    const { random } = this;
    const any = BigInt(random.next()) << 32n | BigInt(random.next());
    const kind = random.below(6);
    if (kind === 0) return BigInt(random.below(100));
    if (kind === 1) return BigInt.asUintN(64, -BigInt(random.below(100)));
    return kind === 2 ? any >> 32n : any;
  }

  #randomF(): bigint {
    const { random } = this;
    const any = BigInt(random.next()) << 32n | BigInt(random.next());
    const boxed = (bits: bigint) => 0xffff_ffffn << 32n | bits;
    const kind = random.below(8);
    if (kind === 0) return boxed(0x7f80_0001n); // a signalling NaN
    if (kind === 1) return 0x7ff0_0000_0000_0001n; // another
    if (kind === 2) return boxed([0x3f80_0000n, 0n, 0x7f80_0000n, 0x4640_e400n][random.below(4)]);
    // Near 1, so that sums are inexact and conversions to integers are in range.
    if (kind === 3) return 0x3ff0_0000_0000_0000n | any & 0x801f_ffff_ffff_ffffn;
    return kind < 6 ? any : boxed(any & 0xbfff_ffffn | 0x3000_0000n);
  }

  // Bytes of the window that the access takes.
  #range(): [number, number] {
    if (this.declared.memory === undefined) return [0, 0];
    const from = Number(this.address()) - WINDOW;
    return [from, from + this.declared.memory.size];
  }

  #evaluate(value: Value): bigint {
    switch (value.op) {
      case "x":
        return this.state.x[this.decoded[value.field]];
      case "imm":
        return BigInt(this.decoded.imm);
      case "add":
        return this.#evaluate(value.a) + this.#evaluate(value.b);
      default:
        throw new TypeError(`No address is made with "${value.op}" yet`);
    }
  }
}
