/** The locals of `run` while it is being emitted, and what every handler says with them. */
import { type I32, type I64, type Label, long, type Void } from "../../wasm/code.ts";
import { after, br, brIf, rarely, when } from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf, WasmFunction } from "../../wasm/module.ts";
import type { Access } from "../access.ts";
import type { CsrAccess } from "../csr.ts";
import type { FloatFunctions } from "../float/float.ts";
import {
  get,
  HEAT,
  JUMPED_FAR,
  type Layout,
  PC_SHIFT,
  put,
  RECORD_BYTES,
  STRADDLE_RECORD,
} from "../layout.ts";
import type { Lint } from "../linting.ts";
import { cutSlice } from "../page_flags.ts";
import { CAUSE, fault, faulted } from "../translate.ts";
import type { Traps } from "../trap.ts";

/** One of so many jumps is counted; a power of two. */
const SAMPLED_JUMPS = 16;

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
  /** (hart, pc, privilege): fetches one instruction into the hart's own record. */
  readonly single: WasmFunction<["i64", "i64", "i32"], "void">;
  /** (record number): tier 0 has jumped there often → 1: whoever compiles waits for the slice to end. */
  readonly hot: WasmFunction<["i32"], "i32">;
  /** How often is often, a power of two; 0 where there is no tier 1. */
  readonly threshold: number;
  /** (hart) → the regime of its loads and stores. */
  readonly dataRegime: WasmFunction<["i64"], "i32">;
  /** () forgets the page caches. */
  readonly forgetPages: WasmFunction<[], "void">;
  /** (hart, record) → the instruction's bits, as an illegal-instruction trap reports them. */
  readonly wordAt: WasmFunction<["i64", "i64"], "i64">;
  readonly lint: Lint | undefined;
}

/** Locals and labels of `run`. */
export class Frame {
  readonly hart: LocalOf<"i64">;
  /** The current record. */
  readonly record: LocalOf<"i64">;
  /** The record behind the instructions under way, where it is loaded ahead. */
  readonly ahead: LocalOf<"i64">;
  /** Address of {@link record}. */
  readonly ip: LocalOf<"i64">;
  /** pc = (ip >> PC_SHIFT) + delta */
  readonly delta: LocalOf<"i64">;
  /** Virtual address of the current page; 1 where the next instruction must be fetched anew. */
  readonly page: LocalOf<"i64">;
  readonly pc: LocalOf<"i64">;
  /** The data TLBs of the regime of loads and stores. */
  readonly tlb: LocalOf<"i64">;
  readonly regime: LocalOf<"i32">;
  /** The TLBs of the regime of fetches. */
  readonly fetchTlb: LocalOf<"i64">;
  /** Of the access under way. */
  readonly address: LocalOf<"i64">;
  readonly entry: LocalOf<"i64">;
  readonly value: LocalOf<"i64">;
  readonly operand: LocalOf<"i64">;
  readonly host: LocalOf<"i64">;
  readonly rounding: LocalOf<"i32">;
  readonly heat: LocalOf<"i32">;
  readonly jumps: LocalOf<"i32">;
  /** Whether nothing has been fetched in this slice. */
  readonly resumes: LocalOf<"i32">;
  /** Whether a CSR instruction writes. */
  readonly writes: LocalOf<"i32">;
  /** Left with pc in the hart and what remains in {@link left}. */
  exit!: Label;
  /** Goes on at the hart's pc after looking for interrupts. */
  check!: Label;
  /** Takes the trap noted in the hart, at ip. */
  fault!: Label;
  /** Goes on at {@link pc}. */
  fetch!: Label;
  /** Goes on at {@link ip}. */
  next!: Label;
  /** The instruction whose handler is being emitted: into INSTRUCTIONS, and its length in bytes. */
  index = 0;
  length = 4;
  /** Where set: what else than a fast path of a load or store is done. */
  slowly: readonly Void[] | undefined;
  /** Of the handlers, by op. */
  labels: readonly Label[] = [];
  readonly #temporaries: LocalOf<"i64">[] = [];
  #temporariesUsed = 0;

  /** @param left cycles that remain, those of the instruction under way not among them */
  constructor(
    readonly builder: FunctionBuilder,
    readonly left: LocalOf<"i32">,
    readonly parts: InterpreterParts,
  ) {
    this.hart = builder.i64();
    this.record = builder.i64();
    this.ahead = builder.i64();
    this.ip = builder.i64();
    this.delta = builder.i64();
    this.page = builder.i64();
    this.pc = builder.i64();
    this.tlb = builder.i64();
    this.regime = builder.i32();
    this.fetchTlb = builder.i64();
    this.address = builder.i64();
    this.entry = builder.i64();
    this.value = builder.i64();
    this.operand = builder.i64();
    this.host = builder.i64();
    this.rounding = builder.i32();
    this.heat = builder.i32();
    this.jumps = builder.i32();
    this.resumes = builder.i32();
    this.writes = builder.i32();
  }

  /** Begins a handler: its temporaries may be those of the one before. */
  begin(index: number, length: number): void {
    this.index = index;
    this.length = length;
    this.#temporariesUsed = 0;
  }

  /** See Target.once. */
  once(value: I64, use: (value: I64) => I64): I64 {
    const local = this.#temporaries[this.#temporariesUsed++] ??= this.builder.i64();
    return after([local.set(value)], use(local));
  }

  currentPc(): I64 {
    return this.ip.shrU(PC_SHIFT).add(this.delta);
  }

  /**
   * Counts a jump to {@link ip}: what is often jumped to is worth compiling. Only every n-th jump is
   * counted, n times: counts lie far from the records, in memory that is seldom in a cache.
   */
  countJump(from: "near" | "far"): Void[] {
    const { hot, layout, threshold } = this.parts;
    if (threshold === 0) return [];
    const sampled = Math.min(SAMPLED_JUMPS, threshold);
    const counted = this.heat.add(sampled);
    const count = [
      this.heat.set(this.ip.loadI32(HEAT)),
      this.ip.storeI32(from === "far" ? counted.or(JUMPED_FAR) : counted, HEAT),
      rarely(counted.and(threshold - 1).eqz(), [
        ...this.saveLeft(),
        when(hot.call(this.ip.sub(layout.decoded).divU(RECORD_BYTES).wrap()), cutSlice(this.hart)),
        this.restoreLeft(),
      ]),
    ];
    if (sampled === 1) return count;
    return [rarely(this.jumps.tee(this.jumps.add(1)).and(sampled - 1).eqz(), count)];
  }

  /** Address of the record of the next instruction. */
  nextRecord(): I64 {
    return this.ip.add(this.length * (RECORD_BYTES / 2));
  }

  advance(): Void[] {
    return [this.ip.set(this.nextRecord()), ...this.dispatch()];
  }

  /** Goes on at {@link ip}. */
  dispatch(): Void[] {
    return [this.record.set(this.ip.load64()), br(this.next)];
  }

  /**
   * Loads the record that comes after so many bytes of instructions, where nothing that these do can
   * change it. The jump to its handler is hard to foretell: the sooner it is known the better.
   */
  loadAhead(length: number): Void {
    return this.ahead.set(this.ip.load64(length * (RECORD_BYTES / 2)));
  }

  /** Goes on with {@link ahead}. */
  advanceToAhead(): Void[] {
    return [this.ip.set(this.nextRecord()), this.record.set(this.ahead), br(this.next)];
  }

  /** A byte of the record. */
  field(field: number): I64 {
    return this.record.shrU(field * 8).and(0xff);
  }

  /** The offset of a register in its file. */
  register(field: number): I64 {
    return this.record.shrU(field * 8 - 3).and(0xff * 8);
  }

  /** Must precede a call that looks at time or may cut the slice. */
  saveLeft(): Void[] {
    return [put(this.hart, "left", this.left.extendU())];
  }

  /** After such a call. */
  restoreLeft(): Void {
    return this.left.set(get(this.hart, "left").wrap());
  }

  /** After a call that may have trapped or cut the slice. */
  afterCall(): Void[] {
    return [this.restoreLeft(), brIf(this.fault, faulted(this.hart), false)];
  }

  /** What has been dispatched was no instruction. */
  notACycle(): Void {
    return this.left.set(this.left.add(1));
  }

  /** Goes on with the hart's own record, which holds a single instruction. */
  useSingle(): Void[] {
    return [this.ip.set(this.hart.add(STRADDLE_RECORD)), this.page.set(long(1))];
  }

  illegal(): Void[] {
    return [
      ...fault(
        this.hart,
        CAUSE.illegalInstruction,
        this.parts.wordAt.call(this.hart, this.ip),
      ),
      br(this.fault),
    ];
  }

  /** Traps as an illegal instruction if the condition holds. */
  illegalIf(condition: I32): Void {
    return rarely(condition, this.illegal());
  }
}
