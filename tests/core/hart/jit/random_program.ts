/**
 * Random programs for {@link ./differential.ts}: loops, branches and calls around all instructions
 * but those that would end the program, on memory and devices of many kinds, some of it faulting.
 */
import { accesses } from "../../../../core/isa/accesses.ts";
import { encode } from "../../../../core/isa/assemble.ts";
import { decode, type Decoded } from "../../../../core/isa/decode.ts";
import { extract } from "../../../../core/isa/encoding.ts";
import { COMPRESSED_FORMS, type Form, FORMS } from "../../../../core/isa/forms.ts";
import { INSTRUCTIONS } from "../../../../core/isa/isa.ts";
import { CSR_NUMBERS } from "../../../../core/isa/registers.ts";
import { Random } from "../../../../core/random.ts";

/** Registers that hold addresses, counters and what the trap handler needs; programs leave them be. */
export const REGISTER = {
  /** Compressed stores go there. */
  sp: 2,
  /** Data, the border between two pages of data, and a page that is mapped nowhere. */
  data: 18,
  border: 19,
  hole: 22,
  device: 20,
  /** The program itself. */
  code: 21,
  /** The words of {@link POOL}. */
  pool: 23,
  /** The page table entry of a page of data. */
  leaf: 16,
  counters: [24, 25, 26],
  address: 27,
  value: 28,
  start: 29,
} as const;

/** Offsets in the pool: instructions, values of `satp`, page table entries. Of 8 of each, 8 bytes. */
export const POOL = { words: 0, satp: 64, leaves: 128 } as const;

/** Registers of the device: see `Chaos` of differential.ts. */
export const DEVICE = { alarm: 0, clear: 4, dma: 8, patch: 12, cycle: 16, cut: 20 } as const;

const FREE = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MASKS = {
  /** FS; SUM, MXR, MPRV; MPP; MIE and SIE. */
  mstatus: [0x6000, 0x4_0000, 0x4_0000, 0x8_0000, 0x2_0000, 0x800, 0x1800, 8, 2],
  mip: [0x2, 0x2, 0x20, 0x200],
  mie: [0x2, 0x20, 0x80, 0x800],
} as const;
/** Where any value does. */
const PLAIN_CSRS = "fflags frm fcsr sscratch sepc scause stval mscratch minstret mcycle";
const READ_CSRS = "cycle time instret mcycle minstret mhartid misa mip sip mepc mstatus sstatus";
const csrs = (names: string) => names.split(" ").map((name) => CSR_NUMBERS.get(name)!);

type Kind = "integer" | "float" | "access" | "atomic" | "other";

function kindOf(form: Form): Kind {
  const list = accesses(INSTRUCTIONS[anyOf(form).index]);
  const { memory, pc, csrs } = list;
  if (memory.length > 0) {
    return memory[0].kind === "load" || memory[0].kind === "store" ? "access" : "atomic";
  }
  if (pc !== "next" || form.operands.some(({ kind }) => kind === "csr")) return "other";
  if (list.reads.f.length + list.writes.f.length > 0) return "float";
  return csrs.writes.length + csrs.reads.length > 0 || /fence|wfi/.test(form.mnemonic)
    ? "other"
    : "integer";
}

/** Any instruction of a form. */
function anyOf(form: Form): Decoded {
  const random = new Random(1);
  for (;;) {
    const word = randomWord(random, form);
    const decoded = word === undefined ? undefined : decode(word);
    if (decoded) return decoded;
  }
}

/** With random fields; `undefined` if that is another instruction, or none. */
function randomWord(
  random: Random,
  { mnemonic, encoding }: Form,
  change: (fields: Record<string, number>) => void = () => {},
): number | undefined {
  const fields: Record<string, number> = {};
  for (const field of encoding.fields) fields[field.name] = extract(field, random.next());
  change(fields);
  return encoding.fields.some(({ name, excluded }) => excluded.includes(fields[name]))
    ? undefined
    : encode(mnemonic, fields);
}

const byKind = (forms: readonly Form[]) => Map.groupBy(forms, kindOf);
const FULL = byKind(FORMS);
const SHORT = byKind(COMPRESSED_FORMS);

/** A program and what it was made for. */
export interface RandomProgram {
  readonly bytes: Uint8Array;
  /** Byte offsets of instructions of 4 bytes that stores may replace. */
  readonly patches: readonly number[];
}

/** @param privilege for which it is made; a few instructions do not care */
export function randomProgram(random: Random, privilege: number): RandomProgram {
  return new Generator(random, privilege).program();
}

/** A word of 4 bytes that does no harm anywhere. */
export function harmlessWord(random: Random): number {
  const forms = FULL.get("integer")!;
  return new Generator(random, 3).full(forms[random.below(forms.length)]);
}

class Generator {
  readonly #halves: number[] = [];
  readonly #patches: number[] = [];
  /** Calls whose functions come behind the program: byte offsets of `jal`s. */
  readonly #calls: number[] = [];
  #depth = 0;

  constructor(readonly random: Random, readonly privilege: number) {}

  program(): RandomProgram {
    const { random } = this;
    const pieces = 4 + random.below(12);
    for (let i = 0; i < pieces; i++) this.#piece();
    this.#jump("jal", { rd: 0 }, 0);
    while (this.#calls.length > 0) {
      const body = this.#at;
      for (const at of this.#calls.splice(0, 1 + random.below(3))) this.#link(at, body);
      this.#straight(1 + random.below(6));
      this.#put("jalr", { rd: 0, rs1: 1, imm: 0 });
    }
    const bytes = new Uint8Array(new Uint16Array(this.#halves).buffer);
    return { bytes, patches: this.#patches };
  }

  get #at(): number {
    return this.#halves.length * 2;
  }

  #piece(): void {
    const kind = this.random.below(10);
    if (kind < 4) this.#straight(1 + this.random.below(12));
    else if (kind < 7) this.#branch();
    else if (kind < 9 && this.#depth < REGISTER.counters.length) this.#loop();
    else this.#call();
  }

  // Over a few pieces, forward.
  #branch(): void {
    const at = this.#at;
    const names = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];
    const name = this.#pick(names);
    const fields = { rs1: this.#x(), rs2: this.#x() };
    this.#put(name, { ...fields, imm: 0 });
    this.#straight(1 + this.random.below(6));
    if (this.random.below(3) === 0) this.#piece();
    this.#replace(at, name, { ...fields, imm: this.#at - at });
  }

  #loop(): void {
    const counter = REGISTER.counters[this.#depth++];
    this.#put("addi", { rd: counter, rs1: 0, imm: 1 + this.random.below(12) });
    const head = this.#at;
    const pieces = 1 + this.random.below(2);
    for (let i = 0; i < pieces; i++) this.#piece();
    this.#put("addi", { rd: counter, rs1: counter, imm: -1 });
    this.#jump("bne", { rs1: counter, rs2: 0 }, head);
    this.#depth--;
  }

  #call(): void {
    if (this.random.below(3) > 0) {
      this.#calls.push(this.#at);
      this.#put("jal", { rd: 1, imm: 0 });
      return;
    }
    // Indirect, over an instruction or two.
    this.#put("auipc", { rd: 5, imm: 0 });
    this.#put("jalr", { rd: this.#pick([0, 1, 6]), rs1: 5, imm: 12 + this.random.below(2) * 4 });
    this.#put("addi", { rd: 10, rs1: 10, imm: 3 });
    this.#put("addi", { rd: 11, rs1: 11, imm: 5 });
  }

  #straight(count: number): void {
    for (let i = 0; i < count; i++) this.#instruction();
  }

  #instruction(): void {
    const kind = this.random.below(100);
    if (kind < 34) this.#integer();
    else if (kind < 48) this.#word(this.#oneOf(FULL, "float"));
    else if (kind < 66) this.#access();
    else if (kind < 72) this.#atomic();
    else if (kind < 83) this.#short();
    else if (kind < 91) this.#csr();
    else if (kind < 95) this.#onDevice();
    else if (kind < 97) this.#modify();
    else this.#rare();
  }

  #integer(): void {
    if (this.random.below(4) === 0) this.#patches.push(this.#at);
    this.#word(this.#oneOf(FULL, "integer"));
  }

  #word(form: Form): void {
    this.#emit(this.full(form), 4);
  }

  /** An instruction with random operands. */
  full(form: Form): number {
    const { random } = this;
    for (;;) {
      const word = randomWord(random, form, (fields) => {
        for (const { name, kind } of form.operands) {
          if (kind === "x") fields[name] = name === "rd" ? this.#destination() : this.#x();
        }
        // Reserved rounding modes are rare.
        if ("rm" in fields && random.below(20) > 0) fields.rm = this.#pick([0, 1, 2, 3, 4, 7, 7]);
      });
      if (word !== undefined) return word;
    }
  }

  #access(): void {
    const { random } = this;
    const form = this.#oneOf(FULL, "access");
    const bases = [REGISTER.data, REGISTER.data, REGISTER.data, REGISTER.border];
    const base = random.below(30) === 0
      ? this.#pick([REGISTER.hole, REGISTER.leaf, REGISTER.device, REGISTER.code, this.#x()])
      : this.#pick(bases);
    const isStore = form.operands.some(({ name }) => name === "rs2");
    // Neither its own code nor page tables are overwritten by chance.
    const rs1 = isStore && (base === REGISTER.code || base === REGISTER.leaf)
      ? REGISTER.data
      : base;
    let imm = base === REGISTER.border ? random.below(24) - 12 : random.below(4096) - 2048;
    if (random.below(3) > 0) imm &= ~7;
    const value = form.operands.find(({ name }) => name === (isStore ? "rs2" : "rd"))!;
    const register = value.kind === "f"
      ? random.below(32)
      : isStore
      ? this.#x()
      : this.#destination();
    this.#put(form.mnemonic, { rs1, imm, [value.name]: register });
  }

  #atomic(): void {
    const { random } = this;
    const base = random.below(20) === 0
      ? this.#pick([REGISTER.device, REGISTER.hole])
      : this.#pick([REGISTER.data, REGISTER.data, REGISTER.border]);
    const imm = random.below(12) === 0 ? random.below(16) : random.below(32) * 8;
    this.#put("addi", { rd: REGISTER.address, rs1: base, imm });
    const rs1 = REGISTER.address;
    if (random.below(3) === 0) {
      const size = this.#pick(["w", "d"]);
      this.#put(`lr.${size}`, { rd: this.#destination(), rs1, aq: 0, rl: 0 });
      if (random.below(2) === 0) this.#integer();
      if (random.below(4) === 0) this.#access();
      const fields = { rd: this.#destination(), rs1, rs2: this.#x(), aq: 0, rl: 0 };
      this.#put(`sc.${size}`, fields);
      return;
    }
    const form = this.#oneOf(FULL, "atomic");
    const fields: Record<string, number> = { rd: this.#destination(), rs1, aq: 0, rl: 0 };
    if (form.operands.some(({ name }) => name === "rs2")) fields.rs2 = this.#x();
    this.#put(form.mnemonic, fields);
  }

  #short(): void {
    const { random } = this;
    const kind = random.below(4) === 0 ? "access" : "integer";
    for (;;) {
      const form = this.#oneOf(SHORT, kind);
      const word = randomWord(random, form);
      const decoded = word === undefined ? undefined : decode(word);
      if (word === undefined || !decoded) continue;
      const { writes, memory } = accesses(INSTRUCTIONS[decoded.index]);
      const destination = writes.x.length === 0 || decoded.rd === 0 || FREE.includes(decoded.rd);
      if (!destination) continue;
      // By one of eight registers: it gets an address first.
      if (memory.length > 0 && decoded.rs1 !== REGISTER.sp) {
        const rs1 = random.below(5) === 0 ? REGISTER.device : REGISTER.data;
        this.#put("addi", { rd: decoded.rs1, rs1, imm: random.below(64) * 4 });
      }
      this.#emit(word, 2);
      return;
    }
  }

  #csr(): void {
    const { random } = this;
    const name = this.#pick(["csrrw", "csrrs", "csrrc"]);
    const rd = this.#destination();
    const kind = random.below(10);
    if (kind < 3) {
      const csr = this.#pick(csrs(READ_CSRS));
      this.#put("csrrs", { rd, csr, rs1: 0 });
    } else if (kind < 6) {
      const csr = this.#pick(csrs(PLAIN_CSRS));
      if (random.below(2) === 0) this.#put(name, { rd, csr, rs1: this.#x() });
      else this.#put(`${name}i`, { rd, csr, zimm: random.below(32) });
    } else if (kind < 8) {
      const which = this.#pick(["mip", "mie"] as const);
      this.#masked(which, rd, this.#pick([...MASKS[which]]), random.below(3) > 0);
    } else {
      this.#status(rd);
    }
  }

  // Switches a bit of the status; what depends on it follows at once, and maybe the way back.
  #status(rd: number): void {
    const { random } = this;
    const csr = this.privilege === 3 ? "mstatus" : "sstatus";
    const mask = this.#pick(MASKS.mstatus);
    const isFloat = mask === 0x6000;
    const sets = random.below(2) === 0;
    const use = () => isFloat ? this.#word(this.#oneOf(FULL, "float")) : this.#access();
    if (random.below(2) === 0) use();
    this.#masked(csr, rd, mask, sets);
    use();
    if (random.below(2) === 0) use();
    if (isFloat || random.below(2) === 0) this.#masked(csr, rd, mask, isFloat || !sets);
    use();
  }

  // Sets or clears bits of a CSR.
  #masked(csr: string, rd: number, mask: number, sets: boolean): void {
    const low = mask << 20 >> 20;
    this.#put("lui", { rd: REGISTER.value, imm: (mask - low) | 0 });
    this.#put("addi", { rd: REGISTER.value, rs1: REGISTER.value, imm: low });
    const fields = { rd, csr: CSR_NUMBERS.get(csr)!, rs1: REGISTER.value };
    this.#put(sets ? "csrrs" : "csrrc", fields);
  }

  #onDevice(): void {
    const { random } = this;
    const rs1 = REGISTER.device;
    const kind = random.below(6);
    if (kind < 3) {
      this.#put(this.#pick(["lw", "lwu"]), { rd: this.#destination(), rs1, imm: DEVICE.cycle });
    } else if (kind === 3) this.#put("sw", { rs1, rs2: this.#x(), imm: DEVICE.alarm });
    else if (kind === 4) this.#put("sw", { rs1, rs2: this.#x(), imm: DEVICE.dma });
    else this.#put("sw", { rs1, rs2: 0, imm: DEVICE.cut });
  }

  // Code, by a store of its own or through the device; a page table entry; the root of them all.
  #modify(): void {
    const { random } = this;
    const rd = REGISTER.value;
    const load = (from: number) =>
      this.#put("ld", { rd, rs1: REGISTER.pool, imm: from + 8 * random.below(8) });
    const kind = random.below(4);
    if (kind === 0 && this.#patches.length > 0) {
      const target = this.#pick(this.#patches);
      if (target > 2000) return;
      load(POOL.words);
      this.#put("sw", { rs1: REGISTER.code, rs2: rd, imm: target });
      if (random.below(2) === 0) this.#emit(0x0000_100f, 4); // fence.i
    } else if (kind === 1) {
      load(POOL.words);
      this.#put("sw", { rs1: REGISTER.device, rs2: rd, imm: DEVICE.patch });
    } else if (kind === 2) {
      load(POOL.leaves);
      this.#put("sd", { rs1: REGISTER.leaf, rs2: rd, imm: 8 * random.below(4) });
    } else {
      load(POOL.satp);
      this.#put("csrrw", { rd: 0, csr: CSR_NUMBERS.get("satp")!, rs1: rd });
    }
  }

  #rare(): void {
    const { random } = this;
    const words = [
      0x0000_0073, // ecall
      0x0010_0073, // ebreak
      0x1050_0073, // wfi
      0x1200_0073, // sfence.vma
      0x0000_100f, // fence.i
      0x0ff0_000f, // fence
      0xffff_ffff, // nothing
      0x5a80_2573, // a CSR that there is not
    ];
    this.#emit(words[random.below(words.length)], 4);
  }

  #x(): number {
    return this.random.below(12) === 0 ? 0 : this.#pick(FREE);
  }

  #destination(): number {
    return this.random.below(16) === 0 ? 0 : this.#pick(FREE);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  #oneOf(forms: ReadonlyMap<Kind, readonly Form[]>, kind: Kind): Form {
    return this.#pick(forms.get(kind)!);
  }

  #jump(name: string, fields: Record<string, number>, target: number): void {
    this.#put(name, { ...fields, imm: target - this.#at });
  }

  #link(at: number, target: number): void {
    this.#replace(at, "jal", { rd: 1, imm: target - at });
  }

  #put(name: string, fields: Record<string, number>): void {
    this.#emit(encode(name, fields), 4);
  }

  #replace(at: number, name: string, fields: Record<string, number>): void {
    const word = encode(name, fields);
    this.#halves[at / 2] = word & 0xffff;
    this.#halves[at / 2 + 1] = word >>> 16;
  }

  #emit(word: number, sizeBytes: 2 | 4): void {
    this.#halves.push(word & 0xffff);
    if (sizeBytes === 4) this.#halves.push(word >>> 16);
  }
}
