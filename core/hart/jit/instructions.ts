/** What each instruction does, in tier 1's terms. */
import type { Effect, Field, Value } from "../../isa/effect.ts";
import { INSTRUCTIONS } from "../../isa/isa.ts";
import { type I32, type I64, int, type Label, long, type Void } from "../../wasm/code.ts";
import { after, block, br, rarely, when } from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf } from "../../wasm/module.ts";
import { tlbEntry, tlbHit } from "../access.ts";
import { CSR_KIND, csrNumbers, csrPosition, NO_CSR } from "../csr.ts";
import {
  F,
  get,
  LEAVE,
  MACHINE,
  offsetOf,
  put,
  TLB_READ,
  TLB_WRITE,
  X,
  X0_SINK,
} from "../layout.ts";
import { amoResult, lower, lowerCondition, type Target } from "../lower.ts";
import { type AccessKind, pageCache } from "../page_caches.ts";
import { extendSized, loadSized, storeSized } from "../sized.ts";
import { TRAITS } from "../traits.ts";
import { MSTATUS } from "../translate.ts";
import { fenceRefused } from "../trap.ts";
import { CSR_LEAVE, CSR_WRITE } from "./interface.ts";
import type { RegionParts } from "./emit_region.ts";
import type { Placed } from "./region.ts";
import type { Registers } from "./registers.ts";

/** Locals of the function around. */
export interface Surroundings {
  readonly hart: LocalOf<"i64">;
  readonly left: LocalOf<"i32">;
  /** Virtual address of the page. */
  readonly page: LocalOf<"i64">;
}

/** CSRs on which nothing depends that a region takes for granted, or whose helper looks at it. */
const UNRELATED = new Set(
  [
    "fflags frm fcsr sstatus mstatus sie mie sip mip stvec mtvec sscratch mscratch sepc mepc",
    "scause mcause stval mtval stimecmp",
  ].flatMap((names) => names.split(" ").map((name) => csrNumbers().names.get(name)!)),
);

/** Emits instructions one after another; also their {@link Target}. */
export class Instructions implements Target {
  /** Where to go when a call has set `leave`, with {@link where} and {@link result}. */
  slow!: Label;
  /** Offset in the page, length << 12, slot of the destination register << 16. */
  readonly where: LocalOf<"i32">;
  /** What the destination gets. */
  readonly result: LocalOf<"i64">;
  /** Of an indirect jump. */
  readonly target: LocalOf<"i64">;
  /** Of the branch that was emitted last. */
  condition!: I32;
  readonly #address: LocalOf<"i64">;
  readonly #entry: LocalOf<"i64">;
  readonly #value: LocalOf<"i64">;
  readonly #operand: LocalOf<"i64">;
  readonly #rounding: LocalOf<"i32">;
  readonly #temporaries: LocalOf<"i64">[] = [];
  #temporariesUsed = 0;
  #placed!: Placed;
  /** Cycles of the block that follow the instruction's own. */
  #behind = 0;
  /** The value being computed for the destination. */
  #destination: { readonly slot: number; readonly value: Value | undefined } = {
    slot: X0_SINK,
    value: undefined,
  };
  /** In place of a memory access or CSR, when its value is in a local already. */
  #known: I64 | undefined;
  #floatChecked = false;
  #floatDirty = false;

  constructor(
    readonly builder: FunctionBuilder,
    readonly parts: RegionParts,
    readonly registers: Registers,
    readonly around: Surroundings,
  ) {
    this.where = builder.i32();
    this.result = builder.i64();
    this.target = builder.i64();
    this.#address = builder.i64();
    this.#entry = builder.i64();
    this.#value = builder.i64();
    this.#operand = builder.i64();
    this.#rounding = builder.i32();
  }

  beginBlock(): void {
    this.#forgetFloat();
    this.registers.beginBlock();
  }

  /** The statements of an instruction, without its jump or branch. */
  emit(placed: Placed, behind: number): Void[] {
    this.#begin(placed, behind);
    const { effects } = INSTRUCTIONS[placed.decoded.index];
    const { float, dirtiesFloat, rounds, mayLeave } = TRAITS[placed.decoded.index];
    const stores = mayLeave ? this.registers.flush() : [];
    const code: Void[] = [];
    if (float && !this.#floatChecked) {
      code.push(this.#illegalIf(get(this.around.hart, "mstatus").and(MSTATUS.FS).eqz()));
      this.#floatChecked = true;
    }
    if (rounds && placed.decoded.rm === 7) code.push(...this.#dynamicRounding());
    for (const effect of effects) code.push(...this.#effect(effect));
    if (dirtiesFloat && !this.#floatDirty) {
      const { hart } = this.around;
      code.push(put(hart, "mstatus", get(hart, "mstatus").or(MSTATUS.FS)));
      this.#floatDirty = true;
    }
    return [...stores, ...this.registers.takeLoads(), ...code];
  }

  once(value: I64, use: (value: I64) => I64): I64 {
    const local = this.#temporaries[this.#temporariesUsed++] ??= this.builder.i64();
    return after([local.set(value)], use(local));
  }

  x(field: Field): I64 {
    return this.registers.readX(this.#placed.decoded[field]);
  }

  f(field: Field): I64 {
    return this.registers.readF(this.#placed.decoded[field]);
  }

  imm(): I64 {
    return long(this.#placed.decoded.imm);
  }

  zimm(): I64 {
    return long(this.#placed.decoded.rs1);
  }

  pc(): I64 {
    return this.around.page.add(this.#placed.offset);
  }

  next(): I64 {
    return this.around.page.add(this.#placed.offset + this.#placed.decoded.length);
  }

  load({ size, signed }: Extract<Value, { op: "load" }>, address: I64): I64 {
    if (this.#known) return this.#known;
    const value = this.#value;
    const fast = (addend: I64) => loadSized(this.#address.add(addend), size, signed);
    const slow = [
      value.set(
        this.parts.helpers.load.call(
          this.around.hart,
          this.#address,
          long(size),
          this.#leftNow(),
        ),
      ),
      ...(signed && size < 8 ? [value.set(extendSized(value, size))] : []),
      ...this.#leaveIfTold(value),
    ];
    return after([
      this.#address.set(address),
      ...this.#reach("load", size, (addend) => [value.set(fast(addend))], slow),
    ], value);
  }

  lr({ size }: Extract<Value, { op: "lr" }>, address: I64): I64 {
    if (this.#known) return this.#known;
    const value = this.#value;
    return after([
      value.set(
        this.parts.helpers.loadReserved.call(
          this.around.hart,
          address,
          long(size),
          this.#leftNow(),
        ),
      ),
      ...(size === 4 ? [value.set(value.extend32())] : []),
      ...this.#leaveIfTold(value),
    ], value);
  }

  sc({ size }: Extract<Value, { op: "sc" }>, address: I64, stored: I64): I64 {
    if (this.#known) return this.#known;
    const value = this.#value;
    return after([
      value.set(
        this.parts.helpers.storeConditional.call(
          this.around.hart,
          address,
          long(size),
          stored,
          this.#leftNow(),
        ),
      ),
      ...this.#leaveIfTold(value),
    ], value);
  }

  amo({ kind, size }: Extract<Value, { op: "amo" }>, address: I64, operand: I64): I64 {
    if (this.#known) return this.#known;
    const old = this.#value;
    const entry = this.#entry;
    const changed = amoResult(kind, size, old, this.#operand);
    return after([
      this.#address.set(address),
      this.#operand.set(operand),
      ...this.#findEntry(),
      when(tlbHit(this.#entry.load64(TLB_WRITE), this.#address, size), [
        entry.set(this.#address.add(entry.load64(TLB_WRITE + 8))),
        old.set(size === 4 ? entry.load32S() : entry.load64()),
        size === 4 ? entry.store32(changed) : entry.store64(changed),
      ], [
        old.set(
          this.parts.helpers.amo(kind, size).call(
            this.around.hart,
            this.#address,
            this.#operand,
            this.#leftNow(),
          ),
        ),
        ...this.#leaveIfTold(old),
      ]),
    ], old);
  }

  csr({ kind }: Extract<Value, { op: "csr" }>, operand: I64): I64 {
    if (this.#known) return this.#known;
    const { decoded, word } = this.#placed;
    // `set` and `clear` do not write if their operand field is 0 (unprivileged spec, Zicsr).
    const writes = kind === "write" || decoded.rs1 !== 0;
    const value = this.#value;
    // Whether floating point is on may have changed.
    if (writes) this.#forgetFloat();
    return after([
      value.set(this.parts.helpers.csr.call(
        this.around.hart,
        int(csrPosition(decoded.imm) ?? NO_CSR),
        int(decoded.imm),
        operand,
        int(CSR_KIND[kind]),
        int(writes ? CSR_WRITE | (UNRELATED.has(decoded.imm) ? 0 : CSR_LEAVE) : 0),
        long(word),
        this.#leftNow(),
      )),
      ...this.#leaveIfTold(value),
    ], value);
  }

  float({ name, format }: Extract<Value, { op: "float" }>, operands: I64[]): I64 {
    const { rm } = this.#placed.decoded;
    return this.parts.float.call(
      name,
      format,
      operands,
      rm === 7 ? this.#rounding : int(rm),
      this.around.hart.add(offsetOf("fflags")),
    );
  }

  #forgetFloat(): void {
    this.#floatChecked = false;
    this.#floatDirty = false;
  }

  #begin(placed: Placed, behind: number): void {
    this.#placed = placed;
    this.#behind = behind;
    this.#temporariesUsed = 0;
    this.#destination = { slot: X0_SINK, value: undefined };
  }

  #effect(effect: Effect): Void[] {
    const { rd } = this.#placed.decoded;
    switch (effect.op) {
      case "setX": {
        this.#destination = { slot: rd === 0 ? X0_SINK : rd, value: effect.value };
        const value = lower(effect.value, this);
        const local = this.registers.writeX(rd);
        return [local ? local.set(value) : this.result.set(value)];
      }
      case "setF": {
        this.#destination = { slot: F / 8 - X / 8 + rd, value: effect.value };
        const value = lower(effect.value, this);
        return [this.registers.writeF(rd).set(value)];
      }
      case "store":
        return this.#store(effect);
      case "jump":
        // The target is read before rd is written.
        return effect.target.op === "add" && effect.target.a.op === "pc"
          ? []
          : [this.target.set(lower(effect.target, this))];
      case "branch":
        this.condition = lowerCondition(effect.condition, this);
        return [];
      case "system":
        // Memory is sequentially consistent, code and translations are coherent.
        return effect.name === "sfence.vma"
          ? [this.#illegalIf(fenceRefused(this.around.hart))]
          : [];
    }
  }

  #store({ size, address, value }: Extract<Effect, { op: "store" }>): Void[] {
    const stored = this.#value;
    const fast = (addend: I64) => storeSized(this.#address.add(addend), size, stored);
    const slow = [
      this.parts.helpers.store.call(
        this.around.hart,
        this.#address,
        long(size),
        stored,
        this.#leftNow(),
      ),
      ...this.#leaveIfTold(undefined),
    ];
    return [
      this.#address.set(lower(address, this)),
      stored.set(lower(value, this)),
      ...this.#reach("store", size, (addend) => [fast(addend)], slow),
    ];
  }

  // An access to the current address: by the page cache of its base, by the TLB, or by a call.
  #reach(
    kind: AccessKind,
    size: number,
    access: (addend: I64) => Void[],
    slow: Void[],
  ): Void[] {
    const tlb = kind === "load" ? TLB_READ : TLB_WRITE;
    const isIn = (tag: I64) => tlbHit(tag, this.#address, size);
    const cache = long(pageCache(kind, this.#placed.decoded.rs1));
    return [
      block((done) => [
        rarely(isIn(cache.load64()).eqz(), [
          ...this.#findEntry(),
          when(isIn(this.#entry.load64(tlb)), [
            cache.store64(this.#entry.load64(tlb)),
            cache.store64(this.#entry.load64(tlb + 8), 8),
          ], [...slow, br(done)]),
        ]),
        ...access(cache.load64(8)),
      ]),
    ];
  }

  #findEntry(): Void[] {
    const tlb = long(0).load64(MACHINE.tlb);
    return [this.#entry.set(tlbEntry(this.parts.layout, tlb, this.#address))];
  }

  // Cycles that remain behind the instruction.
  #leftNow(): I32 {
    return this.around.left.add(this.#behind);
  }

  // After a call: the rest of the instruction, and out.
  #leaveIfTold(value: I64 | undefined): Void[] {
    const { slot, value: whole } = this.#destination;
    const { offset, decoded } = this.#placed;
    this.#known = value;
    const result = value && whole ? [this.result.set(lower(whole, this))] : [];
    this.#known = undefined;
    if (TRAITS[decoded.index].dirtiesFloat && !this.#floatDirty) {
      const { hart } = this.around;
      const dirty = put(hart, "mstatus", get(hart, "mstatus").or(MSTATUS.FS));
      result.push(when(get(hart, "leave").eq(LEAVE.cut), [dirty]));
    }
    return [
      rarely(get(this.around.hart, "leave").wrap(), [
        ...result,
        this.where.set(int(offset | decoded.length << 12 | slot << 16)),
        br(this.slow),
      ]),
    ];
  }

  #illegalIf(condition: I32): Void {
    return rarely(condition, [
      this.parts.helpers.illegal.call(
        this.around.hart,
        long(this.#placed.word),
        this.#leftNow(),
      ),
      ...this.#leaveIfTold(undefined),
    ]);
  }

  // Rounding mode 7 is dynamic; from 5 up they are reserved (unprivileged spec, F, table 28).
  #dynamicRounding(): Void[] {
    return [
      this.#rounding.set(get(this.around.hart, "frm").wrap()),
      this.#illegalIf(this.#rounding.gtU(4)),
    ];
  }
}
