/** One instruction, run alone from a random state, and what it was seen to do. */
import type { Device, Width } from "../../../core/device.ts";
import { hartBase, type HartField, PMPADDR } from "../../../core/hart/layout.ts";
import { accesses, type MemoryAccess } from "../../../core/isa/accesses.ts";
import { decode, type Decoded, ENCODINGS } from "../../../core/isa/decode.ts";
import type { Field, Value } from "../../../core/isa/effect.ts";
import { mnemonicOf } from "../../../core/isa/expansion.ts";
import type { Instruction } from "../../../core/isa/instruction.ts";
import { CSR_NAMES, CSR_NUMBERS } from "../../../core/isa/registers.ts";
import { Random } from "../../../core/random.ts";
import { DRAM, Rig } from "./rig.ts";
import { CSR_CHOICE, CSR_FIELDS, FIELDS, randomField, type TrialField } from "./trial_csrs.ts";

const CODE = DRAM + 0x1000;
const WINDOW = DRAM + 0x1_0000;
const WINDOW_BYTES = 128;
const PROBE = 0x1000_0000;
const PROBE_BYTES = 0x1000;
const C_NOP = 0x0001;

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

/** What a run of a trial was seen to do. */
export interface Observed {
  readonly trapped: boolean;
  readonly pc: bigint;
  /** The address of the instruction after it. */
  readonly next: bigint;
  readonly changes: readonly {
    readonly name: string;
    readonly detail: string;
    /** A trap changes this by itself. */
    readonly byTrap: boolean;
  }[];
  /** What it left behind, as one text. */
  readonly outputs: string;
  /** Of `fcsr`, before and after. */
  readonly flags: readonly [bigint, bigint];
  readonly busAccesses: readonly string[];
  readonly busExpected: readonly string[];
}

const BY_TRAP: readonly string[] = ["mstatus", "privilege"].concat(
  ...["m", "s"].map((mode) => ["epc", "cause", "tval"].map((name) => mode + name)),
);
const WATCHED: readonly HartField[] = [...FIELDS, "privilege", "waiting", "reservation"];

/** The machine that runs trials. */
export class TrialRig {
  private constructor(readonly rig: Rig, readonly probe: Probe) {}

  static async create(): Promise<TrialRig> {
    const probe = new Probe();
    const board = () => [{ base: PROBE, device: probe }];
    return new TrialRig(await Rig.create({ board }), probe);
  }

  async run(trial: Trial): Promise<Observed> {
    const { rig, probe } = this;
    this.#apply(trial);
    const before = this.#fields();
    await rig.run(1);
    const after = this.#fields();
    const trapped = after.get("retired") === before.get("retired");
    const seen = {
      trapped,
      pc: rig.get("pc"),
      next: BigInt(trial.pc + 4),
      changes: [...this.#changes(trial, before, after)],
      flags: [before.get("fflags")!, after.get("fflags")!] as const,
      busAccesses: probe.log,
      busExpected: trapped ? [] : expectedOnBus(trial),
    };
    // Whether `wfi` waits shows in the cycle after it.
    if (trial.declared.mnemonic === "wfi") await rig.run(1);
    return { ...seen, outputs: this.#outputs(trial, seen, after) };
  }

  #apply({ state, pc, word, privilege }: Trial): void {
    const { rig } = this;
    const bytes = new Uint8Array(6);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, word, true);
    view.setUint16(4, C_NOP, true);
    rig.write(pc, bytes);
    rig.write(WINDOW, state.window);
    state.x.forEach((value, i) => rig.setX(i, value));
    state.f.forEach((value, i) => rig.setF(i, value));
    for (const [field, value] of state.fields) rig.set(field, value);
    rig.setPmp(3, 0, state.pmpaddr);
    rig.set("reservation", state.reservation);
    rig.set("reservationHost", this.#hostOf(state.reservation));
    this.probe.log = [];
    rig.start(pc, privilege);
  }

  #hostOf(address: bigint): bigint {
    return address - BigInt(DRAM) + BigInt(this.rig.machine.engine.layout.ram);
  }

  #fields(): Map<string, bigint> {
    const { rig } = this;
    const map = new Map<string, bigint>(WATCHED.map((field) => [field, rig.get(field)]));
    map.set("pmpaddr", rig.machine.engine.u64[(hartBase(0) + PMPADDR) / 8 + 3]);
    return map;
  }

  *#changes(trial: Trial, before: Map<string, bigint>, after: Map<string, bigint>) {
    const { rig } = this;
    const { declared, decoded, state } = trial;
    const change = (name: string, detail: unknown, byTrap = false) => ({
      name,
      detail: ` (${detail})`,
      byTrap,
    });
    const nameOf = (file: "x" | "f", register: number) =>
      declared.writes.has(`${file} rd`) && register === decoded.rd
        ? `${file} rd`
        : `${file}${register}`;
    for (let i = 0; i < 32; i++) {
      if (rig.x(i) !== state.x[i]) yield change(nameOf("x", i), rig.x(i));
      if (rig.f(i) !== state.f[i]) yield change(nameOf("f", i), rig.f(i));
    }
    const written = (field: string) =>
      declared.csrsWritten.find((csr) =>
        trial.fieldsOf(csr, "writes").includes(field as TrialField)
      );
    for (const [field, value] of after) {
      if (value === before.get(field) || field === "retired") continue;
      const csr = written(field);
      // An SC gives its reservation up, whatever comes of it (unprivileged spec, A).
      const givenUp = field === "reservation" && declared.memory?.kind === "sc";
      const byTrap = BY_TRAP.includes(field) || givenUp;
      yield change(csr === undefined ? field : `csr ${csr}`, field, byTrap);
    }
    const memory = rig.machine.memory.view(WINDOW - 4096, 3 * 4096)!;
    const stored = declared.memory === undefined ? -1n : trial.address();
    for (let i = 0; i < memory.length; i++) {
      const at = i - 4096;
      const old = at >= 0 && at < WINDOW_BYTES ? state.window[at] : 0;
      if (memory[i] === old) continue;
      const offset = BigInt(WINDOW + at) - stored;
      const inside = offset >= 0n && offset < BigInt(declared.memory?.size ?? 0);
      yield change(inside ? "memory" : `memory at 0x${(WINDOW + at).toString(16)}`, memory[i]);
    }
  }

  #outputs(
    trial: Trial,
    seen: Omit<Observed, "outputs">,
    after: Map<string, bigint>,
  ): string {
    const { rig } = this;
    const { declared, decoded } = trial;
    if (seen.trapped) {
      const mode = after.get("privilege") === 3n ? "m" : "s";
      return `trap ${after.get(`${mode}cause`)} ${after.get(`${mode}tval`)}`;
    }
    const out = [`pc ${seen.pc}`, `privilege ${after.get("privilege")}`, ...seen.busAccesses];
    for (const name of declared.writes) {
      if (name === "x rd" && decoded.rd !== 0) out.push(`x ${rig.x(decoded.rd)}`);
      if (name === "f rd") out.push(`f ${rig.f(decoded.rd)}`);
      if (name === "waiting") out.push(`waiting ${rig.get("waiting")}`);
      if (name === "reservation") out.push(`reservation ${after.get(name)}`);
      if (name === "memory") out.push(...this.#stored(trial));
    }
    for (const csr of declared.csrsWritten) {
      for (const field of trial.fieldsOf(csr, "writes")) {
        if (csr === "fflags") continue; // they accumulate: see `flags`
        out.push(`${field} ${after.get(field)}`);
      }
    }
    return out.join("\n");
  }

  // What memory holds where the access went, and where that is.
  #stored(trial: Trial): string[] {
    const { size } = trial.declared.memory!;
    const address = Number(trial.address());
    const bytes = this.rig.machine.memory.view(address, size);
    return bytes === undefined ? [] : [`0x${address.toString(16)}: ${bytes}`];
  }
}

/** The accesses to the probe that a load or store declares, if its address is there. */
function expectedOnBus(trial: Trial): string[] {
  const { memory } = trial.declared;
  if (memory === undefined || (memory.kind !== "load" && memory.kind !== "store")) return [];
  const offset = Number(trial.address()) - PROBE;
  if (offset < 0 || offset + memory.size > PROBE_BYTES) return [];
  const width = memory.size === 8 ? 4 : memory.size;
  const offsets = memory.size === 8 ? [offset, offset + 4] : [offset];
  return offsets.map((each) => `${memory.kind} ${width} at ${each}`);
}

/** A device that notes what reaches it. */
class Probe implements Device {
  readonly id = "probe";
  readonly sizeBytes = PROBE_BYTES;
  readonly widths: readonly Width[] = [1, 2, 4, 8];
  log: string[] = [];

  read(offset: number, width: Width): number {
    this.log.push(`load ${width} at ${offset}`);
    return Math.imul(offset + 1, 0x9e3779b1) >>> (32 - 8 * width);
  }

  write(offset: number, width: Width, _value: number): void {
    this.log.push(`store ${width} at ${offset}`);
  }

  save() {
    return { version: 1 };
  }

  restore(): void {}
}
