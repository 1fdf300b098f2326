/**
 * Tier 0: one loop over decoded records, one handler per instruction, an exact countdown.
 *
 * It is the reference of the engine and its exact single-stepper. Every dispatch is one cycle: an
 * instruction that retires, or one that traps.
 */
import {
  after,
  block,
  br,
  brIf,
  brTable,
  type I32,
  I64,
  int,
  type Label,
  Label as NewLabel,
  long,
  loop,
  memoryCopy,
  rarely,
  ret,
  Void,
  when,
} from "../wasm/code.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../wasm/module.ts";
import type { Effect, Field, SystemName, Value } from "../isa/effect.ts";
import { accesses } from "../isa/accesses.ts";
import { INSTRUCTIONS } from "../isa/isa.ts";
import { type Access, tlbEntry } from "./access.ts";
import { CSR_KIND, type CsrAccess } from "./csr.ts";
import type { FloatFunctions } from "./float/float.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  F,
  get,
  HART_BYTES,
  hartBase,
  type Layout,
  offsetOf,
  PC_SHIFT,
  put,
  RECORD,
  RECORD_BYTES,
  REGISTER_BYTES,
  RUNNING_REGISTERS,
  STRADDLE_RECORD,
  TLB_FETCH,
  TLB_READ,
  TLB_REGIME_BYTES,
  TLB_WRITE,
  tlbOffset,
  X,
} from "./layout.ts";
import { amoResult, lower, lowerCondition, type Target } from "./lower.ts";
import { type Handler, HANDLERS, UPPER_IMM } from "./ops.ts";
import { CAUSE, fault, faulted, MSTATUS } from "./translate.ts";
import { pendingInterrupts, type Traps } from "./trap.ts";

/** What the interpreter calls. */
export interface InterpreterParts {
  readonly layout: Layout;
  readonly access: Access;
  readonly csrAccess: CsrAccess;
  readonly traps: Traps;
  readonly float: FloatFunctions;
  /** (record number): decodes it. */
  readonly decodeRecord: WasmFunction<["i32"], "void">;
  /** (hart number, pc) → whether a breakpoint stops the hart here. */
  readonly breakHit: WasmFunction<["i32", "i64"], "i32">;
  /** (hart number, word): decodes it into the hart's straddle record. */
  readonly decodeWord: WasmFunction<["i32", "i32"], "void">;
}

/** (hart number, cycles) → cycles left. The hart's `granted` may have been cut meanwhile. */
export function emitInterpreter(module: Module, parts: InterpreterParts) {
  const single = emitSingle(module, parts);
  const wordAt = emitWordAt(module, parts);
  const run = module.function("run", ["i32", "i32"], "i32");
  module.define(
    run,
    (f, number, left) => new Interpreter(f, number, left, parts, single, wordAt).body(),
  );
  return run;
}

/** Emits the body of `run`. */
class Interpreter implements Target {
  readonly #hart: LocalOf<"i64">;
  readonly #left: LocalOf<"i32">;
  /** The current record's first word. */
  readonly #record: LocalOf<"i64">;
  /** Address of the current record. */
  readonly #ip: LocalOf<"i64">;
  /** pc = (ip >> PC_SHIFT) + delta */
  readonly #delta: LocalOf<"i64">;
  /** Virtual address of the current page; 1 where the next instruction must be fetched anew. */
  readonly #page: LocalOf<"i64">;
  readonly #pc: LocalOf<"i64">;
  readonly #tlb: LocalOf<"i64">;
  readonly #regime: LocalOf<"i32">;
  readonly #address: LocalOf<"i64">;
  readonly #entry: LocalOf<"i64">;
  readonly #value: LocalOf<"i64">;
  readonly #operand: LocalOf<"i64">;
  readonly #host: LocalOf<"i64">;
  readonly #rounding: LocalOf<"i32">;
  readonly #writes: LocalOf<"i32">;
  /** Temporaries of {@link once}, taken anew by each instruction. */
  readonly #temporaries: LocalOf<"i64">[] = [];
  #temporariesUsed = 0;
  /** The instruction whose handler is being emitted, and its length in bytes. */
  #index = 0;
  #length = 4;
  #exit!: Label;
  #check!: Label;
  #fault!: Label;
  #fetch!: Label;
  #next!: Label;

  constructor(
    readonly builder: FunctionBuilder,
    readonly number: LocalOf<"i32">,
    left: LocalOf<"i32">,
    readonly parts: InterpreterParts,
    readonly single: WasmFunction<["i64", "i64", "i32"], "void">,
    readonly wordAt: WasmFunction<["i64", "i64"], "i64">,
  ) {
    this.#left = left;
    this.#hart = builder.i64();
    this.#record = builder.i64();
    this.#ip = builder.i64();
    this.#delta = builder.i64();
    this.#page = builder.i64();
    this.#pc = builder.i64();
    this.#tlb = builder.i64();
    this.#regime = builder.i32();
    this.#address = builder.i64();
    this.#entry = builder.i64();
    this.#value = builder.i64();
    this.#operand = builder.i64();
    this.#host = builder.i64();
    this.#rounding = builder.i32();
    this.#writes = builder.i32();
  }

  body(): (Void | I32)[] {
    const hart = this.#hart;
    return [
      hart.set(this.number.extendU().mul(HART_BYTES).add(hartBase(0))),
      memoryCopy(long(RUNNING_REGISTERS), hart, long(REGISTER_BYTES)),
      put(hart, "granted", this.#left.extendU()),
      put(hart, "notRetired", 0),
      block((exit) => [loop((check) => {
        this.#exit = exit;
        this.#check = check;
        return [
          brIf(exit, this.#left.eqz()),
          // One cycle for taking an interrupt.
          when(pendingInterrupts(hart).and(get(hart, "mie")).ne(0), [
            when(this.parts.traps.interrupt.call(hart), [
              this.#left.set(this.#left.sub(1)),
              br(check),
            ]),
          ]),
          ...this.#chooseRegime(),
          this.#pc.set(get(hart, "pc")),
          block((fault) => [this.#fetchLoop(fault)]),
          // A trap: of the instruction at ip, or of the fetch at pc where ip is 0.
          ...this.#saveLeft(),
          this.parts.traps.enter.call(hart, this.#currentPc()),
          br(check),
        ];
      })]),
      memoryCopy(hart, long(RUNNING_REGISTERS), long(REGISTER_BYTES)),
      put(
        hart,
        "retired",
        get(hart, "retired").add(get(hart, "granted")).sub(get(hart, "notRetired"))
          .sub(this.#left.extendU()),
      ),
      this.#left,
    ];
  }

  // The regime of loads and stores, by privilege, MPRV and SUM.
  #chooseRegime(): Void[] {
    const status = this.#value;
    return [
      status.set(get(this.#hart, "mstatus")),
      this.#regime.set(get(this.#hart, "privilege").wrap()),
      when(this.#regime.eq(3).and(status.and(MSTATUS.MPRV).ne(0)), [
        this.#regime.set(status.shrU(11).and(3).wrap()),
      ]),
      when(this.#regime.eq(1), [
        this.#regime.set(status.shrU(18).and(1).wrap().add(1)),
      ]),
      this.#tlb.set(
        this.#hart.add(this.#regime.extendU().mul(TLB_REGIME_BYTES)).add(tlbOffset(0)),
      ),
    ];
  }

  // Finds the decoded page of pc.
  #fetchLoop(faultLabel: Label): Void {
    const { layout, access } = this.parts;
    const hart = this.#hart;
    const pc = this.#pc;
    const privilege = get(hart, "privilege");
    return loop((fetch) => {
      this.#fault = faultLabel;
      this.#fetch = fetch;
      return [
        rarely(this.#left.eqz(), [put(hart, "pc", pc), br(this.#exit)]),
        this.#entry.set(
          tlbEntry(layout, hart.add(privilege.mul(TLB_REGIME_BYTES)).add(tlbOffset(0)), pc),
        ),
        this.#page.set(pc.and(-4096)),
        when(this.#entry.load64(TLB_FETCH).eq(this.#page), [
          this.#ip.set(this.#entry.load64(TLB_FETCH + 8)),
        ], [
          this.#ip.set(access.fetchPage.call(hart, pc, privilege.wrap())),
          when(faulted(hart), this.#fetchFault()),
          when(this.#ip.eq(1), [
            this.single.call(hart, pc, privilege.wrap()),
            when(faulted(hart), this.#fetchFault()),
            ...this.#useSingle(),
          ]),
        ]),
        when(this.#page.ne(1), [
          this.#ip.set(this.#ip.add(pc.and(4095).shl(PC_SHIFT))),
        ]),
        this.#delta.set(pc.sub(this.#ip.shrU(PC_SHIFT))),
        this.#dispatchLoop(),
      ];
    });
  }

  // The trap of a fetch takes a cycle of its own.
  #fetchFault(): Void[] {
    return [
      this.#left.set(this.#left.sub(1)),
      this.#ip.set(long(0)),
      this.#delta.set(this.#pc),
      br(this.#fault),
    ];
  }

  // Goes on with the hart's own record, which holds a single instruction.
  #useSingle(): Void[] {
    return [this.#ip.set(this.#hart.add(STRADDLE_RECORD)), this.#page.set(long(1))];
  }

  #dispatchLoop(): Void {
    const handlers = this.#handlers();
    return loop((next) => {
      this.#next = next;
      const labels = handlers.map(() => new NewLabel("op"));
      const dispatch = new Void([
        rarely(this.#left.eqz(), [
          put(this.#hart, "pc", this.#currentPc()),
          br(this.#exit),
        ]),
        this.#left.set(this.#left.sub(1)),
        this.#record.set(this.#ip.load64()),
        brTable(this.#record.wrap().and(0xffff), labels, labels[3]),
      ]);
      return [
        labels.reduce<Void>(
          (inner, label, op) => {
            this.#temporariesUsed = 0;
            return new Void([
              0x02,
              0x40,
              { enter: label },
              inner,
              0x0b,
              { leave: true },
              ...handlers[op](),
            ]);
          },
          dispatch,
        ),
      ];
    });
  }

  // By op.
  #handlers(): (() => Void[])[] {
    return [
      () => this.#undecoded(),
      () => this.#pageEnd(),
      () => this.#straddle(),
      () => this.#illegal(),
      () => this.#breakpoint(),
      ...HANDLERS.map((handler) => () => this.#instruction(handler)),
    ];
  }

  #undecoded(): Void[] {
    return [
      this.#notACycle(),
      this.parts.decodeRecord.call(
        this.#ip.sub(this.parts.layout.decoded).divU(RECORD_BYTES).wrap(),
      ),
      br(this.#next),
    ];
  }

  #pageEnd(): Void[] {
    return [this.#notACycle(), this.#pc.set(this.#currentPc()), br(this.#fetch)];
  }

  // Stops before the instruction, or executes it from the hart's own record.
  #breakpoint(): Void[] {
    return [
      this.#pc.set(this.#currentPc()),
      ...this.#saveLeft(),
      when(this.parts.breakHit.call(get(this.#hart, "hartid").wrap(), this.#pc), [
        this.#notACycle(),
        put(this.#hart, "pc", this.#pc),
        br(this.#exit),
      ]),
      ...this.#straddle(),
    ];
  }

  #straddle(): Void[] {
    return [
      this.#pc.set(this.#currentPc()),
      this.single.call(this.#hart, this.#pc, get(this.#hart, "privilege").wrap()),
      brIf(this.#fault, faulted(this.#hart), false),
      this.#notACycle(),
      ...this.#useSingle(),
      this.#delta.set(this.#pc.sub(this.#ip.shrU(PC_SHIFT))),
      br(this.#next),
    ];
  }

  #notACycle(): Void {
    return this.#left.set(this.#left.add(1));
  }

  #illegal(): Void[] {
    return [
      ...fault(
        this.#hart,
        CAUSE.illegalInstruction,
        this.wordAt.call(this.#hart, this.#ip),
      ),
      br(this.#fault),
    ];
  }

  #instruction({ index, length, near }: Handler): Void[] {
    const out: Void[] = [];
    const instruction = INSTRUCTIONS[index];
    const { effects } = instruction;
    this.#index = index;
    this.#length = length;
    const text = JSON.stringify(
      effects,
      (_, value) => typeof value === "bigint" ? `${value}` : value,
    );
    const touchesFloat = /"op":"(f|float|setF)"/.test(text);
    if (touchesFloat) {
      out.push(rarely(get(this.#hart, "mstatus").and(MSTATUS.FS).eqz(), this.#illegal()));
    }
    if (instruction.encoding.split(" ").includes("rm")) out.push(...this.#chooseRounding());
    for (const effect of effects) {
      if (effect.op !== "jump" && effect.op !== "branch") out.push(...this.#effect(effect));
      // The target is read before rd is written.
      else if (effect.op === "jump" && !near) {
        out.push(this.#pc.set(lower(effect.target, this)));
      }
    }
    if (touchesFloat && accesses(instruction).csrs.writes.includes("mstatus")) {
      out.push(put(this.#hart, "mstatus", get(this.#hart, "mstatus").or(MSTATUS.FS)));
    }
    for (const effect of effects) {
      if (effect.op === "branch") out.push(...this.#branch(effect, near));
      if (effect.op === "jump") out.push(...(near ? this.#jumpNear() : this.#jump()));
    }
    if (/"op":"csr"/.test(text)) out.push(...this.#afterCsr());
    out.push(...this.#advance());
    return out;
  }

  #advance(): Void[] {
    return [this.#ip.set(this.#nextRecord()), br(this.#next)];
  }

  // Address of the record of the next instruction.
  #nextRecord(): I64 {
    return this.#ip.add(this.#length * (RECORD_BYTES / 2));
  }

  #effect(effect: Exclude<Effect, { op: "jump" | "branch" }>): Void[] {
    switch (effect.op) {
      case "setX": {
        // The value is computed first: its trap leaves rd as it was.
        const value = lower(effect.value, this);
        return [this.#register(RECORD.rd).store64(value, RUNNING_REGISTERS + X)];
      }
      case "setF":
        return [
          this.#register(RECORD.rd).store64(
            lower(effect.value, this),
            RUNNING_REGISTERS + F,
          ),
        ];
      case "store":
        return this.#store(effect);
      case "system":
        return this.#system(effect.name);
    }
  }

  #branch(effect: Extract<Effect, { op: "branch" }>, near: boolean): Void[] {
    return [
      when(
        lowerCondition(effect.condition, this),
        near ? this.#jumpNear() : [this.#pc.set(lower(effect.target, this)), ...this.#jump()],
      ),
    ];
  }

  // Near records hold the distance in bytes of records.
  #jumpNear(): Void[] {
    return [this.#ip.set(this.#ip.add(this.imm())), br(this.#next)];
  }

  #jump(): Void[] {
    return [
      brIf(this.#fetch, this.#pc.and(-4096).ne(this.#page)),
      this.#ip.set(this.#pc.sub(this.#delta).shl(PC_SHIFT)),
      br(this.#next),
    ];
  }

  // Rounding mode 7 is dynamic; from 5 up they are reserved (unprivileged spec, F, table 28).
  #chooseRounding(): Void[] {
    const rounding = this.#rounding;
    return [
      rounding.set(this.#field(RECORD.rm).wrap()),
      when(rounding.eq(7), [
        rounding.set(get(this.#hart, "frm").wrap()),
        when(rounding.gtU(4), this.#illegal()),
      ]),
    ];
  }

  #saveLeft(): Void[] {
    return [put(this.#hart, "left", this.#left.extendU())];
  }

  // After a call that may have trapped or cut the slice.
  #afterCall(): Void[] {
    return [
      this.#left.set(get(this.#hart, "left").wrap()),
      brIf(this.#fault, faulted(this.#hart), false),
    ];
  }

  #store(effect: Extract<Effect, { op: "store" }>): Void[] {
    const { layout, access } = this.parts;
    const { size } = effect;
    const address = this.#address;
    const value = this.#value;
    const host = address.add(this.#entry.load64(TLB_WRITE + 8));
    const stores = {
      1: () => host.store8(value),
      2: () => host.store16(value),
      4: () => host.store32(value),
      8: () => host.store64(value),
    };
    return [
      address.set(lower(effect.address, this)),
      value.set(lower(effect.value, this)),
      this.#entry.set(tlbEntry(layout, this.#tlb, address)),
      when(this.#hit(TLB_WRITE, size), [stores[size]()], [
        ...this.#saveLeft(),
        access.store.call(this.#hart, address, long(size), value, this.#regime),
        ...this.#afterCall(),
      ]),
    ];
  }

  // Tags have zero low bits, so an address that is not aligned never hits.
  #hit(kind: number, size: number): I32 {
    return this.#entry.load64(kind).eq(this.#address.and(-4096 | (size - 1)));
  }

  #system(name: SystemName): Void[] {
    const hart = this.#hart;
    const privilege = get(hart, "privilege");
    const status = (mask: bigint) => get(hart, "mstatus").and(mask).ne(0);
    switch (name) {
      // Memory is sequentially consistent, code and translations are coherent.
      case "fence":
      case "fence.i":
        return [];
      case "sfence.vma":
        return [
          when(
            privilege.eqz().or(privilege.eq(1).and(status(MSTATUS.TVM))),
            this.#illegal(),
          ),
        ];
      case "ecall":
        return [...fault(hart, privilege.add(CAUSE.userEcall), 0), br(this.#fault)];
      case "ebreak":
        return [...fault(hart, CAUSE.breakpoint, this.#currentPc()), br(this.#fault)];
      case "mret":
        return [
          when(privilege.ne(3), this.#illegal()),
          this.parts.traps.mret.call(hart),
          br(this.#check),
        ];
      case "sret":
        return [
          when(
            privilege.eqz().or(privilege.eq(1).and(status(MSTATUS.TSR))),
            this.#illegal(),
          ),
          this.parts.traps.sret.call(hart),
          br(this.#check),
        ];
      case "wfi":
        return [
          when(
            privilege.eqz().or(privilege.eq(1).and(status(MSTATUS.TW))),
            this.#illegal(),
          ),
          put(hart, "waiting", 1),
          this.#ip.set(this.#nextRecord()),
          put(hart, "pc", this.#currentPc()),
          br(this.#exit),
        ];
    }
  }

  // A CSR that was written may have enabled an interrupt or changed a translation.
  #afterCsr(): Void[] {
    return [
      when(this.#writes, [
        this.#ip.set(this.#nextRecord()),
        put(this.#hart, "pc", this.#currentPc()),
        br(this.#check),
      ]),
    ];
  }

  #currentPc(): I64 {
    return this.#ip.shrU(PC_SHIFT).add(this.#delta);
  }

  // The offset of a register in its file.
  #register(field: number): I64 {
    return this.#record.shrU(field * 8 - 3).and(0xff * 8);
  }

  // A byte of the record.
  #field(field: number): I64 {
    return this.#record.shrU(field * 8).and(0xff);
  }

  x(field: Field): I64 {
    return this.#register(RECORD[field]).load64(RUNNING_REGISTERS + X);
  }

  f(field: Field): I64 {
    return this.#register(RECORD[field]).load64(RUNNING_REGISTERS + F);
  }

  imm(): I64 {
    const imm = this.#record.shrS(RECORD.imm * 8);
    return UPPER_IMM[this.#index] ? imm.shl(12) : imm;
  }

  // It takes the place of rs1.
  zimm(): I64 {
    return this.#field(RECORD.rs1);
  }

  pc(): I64 {
    return this.#currentPc();
  }

  next(): I64 {
    return this.#nextRecord().shrU(PC_SHIFT).add(this.#delta);
  }

  once(value: I64, use: (value: I64) => I64): I64 {
    const local = this.#temporaries[this.#temporariesUsed++] ??= this.builder.i64();
    return after([local.set(value)], use(local));
  }

  load({ size, signed }: Extract<Value, { op: "load" }>, address: I64): I64 {
    const { layout, access } = this.parts;
    const host = this.#address.add(this.#entry.load64(TLB_READ + 8));
    const value = this.#value;
    const fast = {
      1: () => signed ? host.load8S() : host.load8U(),
      2: () => signed ? host.load16S() : host.load16U(),
      4: () => signed ? host.load32S() : host.load32U(),
      8: () => host.load64(),
    };
    const extend = {
      1: () => value.extend8(),
      2: () => value.extend16(),
      4: () => value.extend32(),
      8: () => value,
    };
    return after([
      this.#address.set(address),
      this.#entry.set(tlbEntry(layout, this.#tlb, this.#address)),
      when(this.#hit(TLB_READ, size), [value.set(fast[size]())], [
        ...this.#saveLeft(),
        value.set(access.load.call(this.#hart, this.#address, long(size), this.#regime)),
        ...this.#afterCall(),
        ...(signed && size < 8 ? [value.set(extend[size]())] : []),
      ]),
    ], value);
  }

  lr({ size }: Extract<Value, { op: "lr" }>, address: I64): I64 {
    const value = this.#value;
    return after([
      value.set(
        this.parts.access.loadReserved.call(this.#hart, address, long(size), this.#regime),
      ),
      brIf(this.#fault, faulted(this.#hart), false),
    ], size === 4 ? value.extend32() : value);
  }

  sc({ size }: Extract<Value, { op: "sc" }>, address: I64, stored: I64): I64 {
    const value = this.#value;
    return after([
      ...this.#saveLeft(),
      value.set(
        this.parts.access.storeConditional.call(
          this.#hart,
          address,
          long(size),
          stored,
          this.#regime,
        ),
      ),
      ...this.#afterCall(),
    ], value);
  }

  amo({ kind, size }: Extract<Value, { op: "amo" }>, address: I64, operand: I64): I64 {
    const { layout, access } = this.parts;
    const old = this.#value;
    const host = this.#host;
    const result = this.#entry;
    return after([
      this.#address.set(address),
      this.#operand.set(operand),
      this.#entry.set(tlbEntry(layout, this.#tlb, this.#address)),
      host.set(long(0)),
      when(this.#hit(TLB_WRITE, size), [
        host.set(this.#address.add(this.#entry.load64(TLB_WRITE + 8))),
        old.set(size === 4 ? host.load32S() : host.load64()),
      ], [
        ...this.#saveLeft(),
        old.set(access.amoLoad.call(this.#hart, this.#address, long(size), this.#regime)),
        ...this.#afterCall(),
        ...(size === 4 ? [old.set(old.extend32())] : []),
      ]),
      result.set(amoResult(kind, size, old, this.#operand)),
      when(host.ne(0), [
        size === 4 ? host.store32(result) : host.store64(result),
      ], [
        ...this.#saveLeft(),
        access.store.call(this.#hart, this.#address, long(size), result, this.#regime),
        ...this.#afterCall(),
      ]),
    ], old);
  }

  csr({ kind }: Extract<Value, { op: "csr" }>, operand: I64): I64 {
    const value = this.#value;
    return after([
      // `set` and `clear` do not write if their operand field is 0 (unprivileged spec, Zicsr).
      this.#writes.set(
        kind === "write" ? int(1) : this.#field(RECORD.rs1).ne(0),
      ),
      ...this.#saveLeft(),
      value.set(this.parts.csrAccess.call(
        this.#hart,
        this.#field(RECORD.rs2).wrap(),
        this.imm().wrap(),
        operand,
        int(CSR_KIND[kind]),
        this.#writes,
      )),
      this.#left.set(get(this.#hart, "left").wrap()),
      when(faulted(this.#hart), this.#illegal()),
    ], value);
  }

  float({ name, format }: Extract<Value, { op: "float" }>, operands: I64[]): I64 {
    return this.parts.float.call(
      name,
      format,
      operands,
      this.#rounding,
      this.#hart.add(offsetOf("fflags")),
    );
  }
}

// (hart, pc, privilege): fetches one instruction, half by half, into the hart's own record.
function emitSingle(module: Module, parts: InterpreterParts) {
  const single = module.function("fetchSingle", ["i64", "i64", "i32"], "void");
  module.define(single, (f, hart, pc, privilege) => {
    const word = f.i64();
    const half = f.i64();
    return [
      word.set(parts.access.fetchHalf.call(hart, pc, privilege)),
      when(faulted(hart), [ret()]),
      when(word.and(3).eq(3), [
        half.set(parts.access.fetchHalf.call(hart, pc.add(2), privilege)),
        when(faulted(hart), [ret()]),
        word.set(word.or(half.shl(16))),
      ]),
      when(get(hart, "straddleWord").ne(word), [
        put(hart, "straddleWord", word),
        parts.decodeWord.call(get(hart, "hartid").wrap(), word.wrap()),
      ]),
    ];
  });
  return single;
}

// (hart, record) → the instruction's bits, as an illegal-instruction trap reports them.
function emitWordAt(module: Module, { layout }: InterpreterParts) {
  const wordAt = module.function("wordAt", ["i64", "i64"], "i64");
  module.define(wordAt, (f, hart, ip) => {
    const page = f.i64();
    const word = f.i64();
    const slot = f.i64();
    return [
      when(ip.eq(hart.add(STRADDLE_RECORD)), [ret(get(hart, "straddleWord"))]),
      page.set(ip.sub(layout.decoded).divU(DECODED_BYTES)),
      slot.set(ip.sub(layout.decoded).sub(page.mul(DECODED_BYTES)).divU(RECORD_BYTES)),
      page.set(page.mul(DECODED_BYTES).add(layout.decoded).load32U(DECODED_HEADER)),
      word.set(page.shl(12).add(slot.shl(1)).add(layout.ram).load16U()),
      when(word.and(3).eq(3), [
        word.set(
          word.or(page.shl(12).add(slot.shl(1)).add(layout.ram).load16U(2).shl(16)),
        ),
      ]),
      word,
    ];
  });
  return wordAt;
}
