/**
 * Tier 0: one loop over decoded records, one handler per instruction, an exact countdown.
 *
 * It is the reference of the engine and its exact single-stepper. Every dispatch is one cycle: an
 * instruction that retires, or one that traps.
 */
import { type I32, type I64, int, Label, long, Void } from "../../wasm/code.ts";
import {
  block,
  br,
  brIf,
  brTable,
  callIndirect,
  labelled,
  loop,
  memoryCopy,
  rarely,
  when,
} from "../../wasm/control.ts";
import type { LocalOf, Module } from "../../wasm/module.ts";
import { tlbEntry } from "../access.ts";
import {
  BLOCK_CYCLES_MAX,
  ENTRY,
  ENTRY_BITS,
  get,
  HART_BYTES,
  hartBase,
  MACHINE,
  OP_COMPILED,
  PC_SHIFT,
  put,
  RECORD_BYTES,
  REGISTER_BYTES,
  REGISTERS_OF_HART_0,
  RUNNING_REGISTERS,
  TLB_FETCH,
  TLB_REGIME_BYTES,
  tlbOffset,
} from "../layout.ts";
import { REGION } from "../jit/interface.ts";
import { RUNS } from "../fusions.ts";
import { HANDLERS, OP_UNDECODED } from "../ops.ts";
import { useTlb } from "../page_caches.ts";
import { faulted } from "../translate.ts";
import { hasPending } from "../trap.ts";
import { Frame, type InterpreterParts } from "./frame.ts";
import { Handlers } from "./handlers.ts";

/** (hart number, cycles) → cycles left. The hart's `granted` may have been cut meanwhile. */
export function emitInterpreter(module: Module, parts: InterpreterParts) {
  const run = module.function("run", ["i32", "i32"], "i32");
  module.define(
    run,
    (builder, number, left) => new Interpreter(new Frame(builder, left, parts), number).body(),
  );
  return run;
}

/** Emits the body of `run`. */
class Interpreter {
  readonly handlers: Handlers;

  constructor(readonly frame: Frame, readonly number: LocalOf<"i32">) {
    this.handlers = new Handlers(frame);
  }

  body(): (Void | I32)[] {
    const hart = this.frame.hart;
    return [
      hart.set(this.number.extendU().mul(HART_BYTES).add(hartBase(0))),
      this.#unlessHart0([
        memoryCopy(long(REGISTERS_OF_HART_0), long(RUNNING_REGISTERS), long(REGISTER_BYTES)),
        memoryCopy(long(RUNNING_REGISTERS), hart, long(REGISTER_BYTES)),
      ]),
      put(hart, "granted", this.frame.left.extendU()),
      this.frame.resumes.set(int(1)),
      put(hart, "notRetired", 0),
      block((exit) => [loop((check) => {
        this.frame.exit = exit;
        this.frame.check = check;
        return [
          brIf(exit, this.frame.left.eqz()),
          // One cycle for taking an interrupt.
          when(hasPending(hart), [
            when(this.frame.parts.traps.interrupt.call(hart), [
              this.frame.left.set(this.frame.left.sub(1)),
              br(check),
            ]),
          ]),
          ...this.#chooseRegime(),
          this.frame.pc.set(get(hart, "pc")),
          block((fault) => [this.#fetchLoop(fault)]),
          // A trap: of the instruction at ip, or of the fetch at pc where ip is 0.
          ...this.frame.saveLeft(),
          this.frame.parts.traps.enter.call(hart, this.frame.currentPc()),
          br(check),
        ];
      })]),
      this.#unlessHart0([
        memoryCopy(hart, long(RUNNING_REGISTERS), long(REGISTER_BYTES)),
        memoryCopy(long(RUNNING_REGISTERS), long(REGISTERS_OF_HART_0), long(REGISTER_BYTES)),
      ]),
      put(
        hart,
        "retired",
        get(hart, "retired").add(get(hart, "granted")).sub(get(hart, "notRetired"))
          .sub(this.frame.left.extendU()),
      ),
      this.frame.left,
    ];
  }

  // Its registers are where those of the running hart belong.
  #unlessHart0(then: Void[]): Void {
    return when(this.number, then);
  }

  #chooseRegime(): Void[] {
    return [
      this.frame.regime.set(this.frame.parts.dataRegime.call(this.frame.hart)),
      // Fetches use the regime whose number is the privilege.
      this.frame.fetchTlb.set(
        this.frame.hart.add(get(this.frame.hart, "privilege").mul(TLB_REGIME_BYTES))
          .add(tlbOffset(0)),
      ),
      this.frame.tlb.set(
        this.frame.hart.add(this.frame.regime.extendU().mul(TLB_REGIME_BYTES)).add(tlbOffset(0)),
      ),
      useTlb(this.frame.tlb, this.frame.parts.forgetPages),
      put(this.frame.hart, "regime", this.frame.regime.extendU()),
      long(0).store64(this.frame.fetchTlb, MACHINE.fetchTlb),
    ];
  }

  // Finds the decoded page of pc.
  #fetchLoop(fault: Label): Void {
    const { layout, access } = this.frame.parts;
    const hart = this.frame.hart;
    const pc = this.frame.pc;
    const privilege = get(hart, "privilege");
    const offset = pc.and(4095).shl(PC_SHIFT);
    return loop((fetch) => {
      this.frame.fault = fault;
      this.frame.fetch = fetch;
      return [
        rarely(this.frame.left.eqz(), [put(hart, "pc", pc), br(this.frame.exit)]),
        this.frame.entry.set(tlbEntry(layout, this.frame.fetchTlb, pc)),
        this.frame.page.set(pc.and(-4096)),
        when(this.frame.entry.load64(TLB_FETCH).eq(this.frame.page), [
          this.frame.ip.set(this.frame.entry.load64(TLB_FETCH + 8).add(offset)),
          ...this.#countArrival(),
        ], [
          ...this.frame.saveLeft(),
          this.frame.ip.set(access.fetchPage.call(hart, pc, privilege.wrap())),
          ...this.#afterFetch(),
          when(this.frame.ip.ne(1), [
            this.frame.ip.set(this.frame.ip.add(offset)),
            ...this.#countArrival(),
          ], [
            this.frame.parts.single.call(hart, pc, privilege.wrap()),
            ...this.#afterFetch(),
            ...this.frame.useSingle(),
          ]),
        ]),
        this.frame.delta.set(pc.sub(this.frame.ip.shrU(PC_SHIFT))),
        this.frame.record.set(this.frame.ip.load64()),
        this.#dispatchLoop(),
      ];
    });
  }

  // Where a slice goes on nobody jumps.
  #countArrival(): Void[] {
    return [
      when(this.frame.resumes, [this.frame.resumes.set(int(0))], this.frame.countJump("far")),
    ];
  }

  // A fetch takes no cycle, unless it traps. If it cut the slice it is made again in the next one.
  #afterFetch(): Void[] {
    const { hart } = this.frame;
    return [
      this.frame.restoreLeft(),
      rarely(this.frame.left.eqz(), [
        put(hart, "fault", 0),
        put(hart, "pc", this.frame.pc),
        br(this.frame.exit),
      ]),
      rarely(faulted(hart), this.#fetchFault()),
    ];
  }

  // A breakpoint stops before the trap, as before any other cycle of the hart.
  #fetchFault(): Void[] {
    const { hart, pc, parts } = this.frame;
    return [
      when(parts.breakHit.call(get(hart, "hartid").wrap(), pc), [
        put(hart, "fault", 0),
        put(hart, "pc", pc),
        br(this.frame.exit),
      ]),
      this.frame.left.set(this.frame.left.sub(1)),
      this.frame.ip.set(long(0)),
      this.frame.delta.set(this.frame.pc),
      br(this.frame.fault),
    ];
  }

  #dispatchLoop(): Void {
    const { frame } = this;
    const { hart, left, record } = frame;
    const handlers = this.#handlers();
    const labels = handlers.map(() => new Label("op"));
    const compiled = new Label("compiled");
    frame.labels = labels;
    // Those of runs come first: they may go on to those of single instructions.
    const ops = handlers.map((_, op) => op);
    const order = [...ops.slice(-RUNS.length), ...ops.slice(0, -RUNS.length)];
    return loop((next) => {
      frame.next = next;
      const choice = new Void([
        labelled(compiled, [
          rarely(left.eqz(), [put(hart, "pc", frame.currentPc()), br(frame.exit)]),
          left.set(left.sub(1)),
          brTable(record.wrap().and(0xffff), labels, compiled),
        ]),
        ...this.#enterCompiled(),
        // There it might overrun the slice: the instruction is executed here.
        brTable(record.wrap().and(OP_COMPILED - 1), labels, labels[OP_UNDECODED]),
      ]);
      return [
        order.reduce<Void>(
          (inner, op) => new Void([labelled(labels[op], [inner]), ...handlers[op]()]),
          choice,
        ),
      ];
    });
  }

  // Goes on in tier 1 if that cannot overrun the slice.
  #enterCompiled(): Void[] {
    const { hart, left, ip } = this.frame;
    const entry = ip.loadI32(ENTRY);
    return [
      when(left.geU(BLOCK_CYCLES_MAX - 1), [
        this.frame.notACycle(),
        ...increase(MACHINE.compiledCycles, left.extendU().sub(get(hart, "granted"))),
        ...increase(MACHINE.compiledCalls, long(1)),
        long(0).store32(ip, MACHINE.lastEntry),
        left.set(callIndirect(
          REGION,
          entry.shrU(ENTRY_BITS),
          hart,
          this.frame.currentPc(),
          left,
          entry.and((1 << ENTRY_BITS) - 1),
        )),
        ...increase(MACHINE.compiledCycles, get(hart, "granted").sub(left.extendU())),
        rarely(faulted(hart), [
          ip.set(long(0)),
          this.frame.delta.set(get(hart, "pc")),
          br(this.frame.fault),
        ]),
        br(this.frame.check),
      ]),
    ];
  }

  // By op.
  #handlers(): (() => Void[])[] {
    return [
      () => this.#undecoded(),
      () => this.#pageEnd(),
      () => this.#straddle(),
      () => this.frame.illegal(),
      () => this.#breakpoint(),
      ...HANDLERS.map((handler) => () => this.handlers.instruction(handler)),
      ...RUNS.map((run) => () => this.handlers.run(run)),
    ];
  }

  #undecoded(): Void[] {
    return [
      this.frame.notACycle(),
      this.frame.parts.decodeRecord.call(
        this.frame.ip.sub(this.frame.parts.layout.decoded).divU(RECORD_BYTES).wrap(),
      ),
      ...this.frame.dispatch(),
    ];
  }

  #pageEnd(): Void[] {
    return [
      this.frame.notACycle(),
      this.frame.pc.set(this.frame.currentPc()),
      br(this.frame.fetch),
    ];
  }

  // Stops before the instruction, or executes it from the hart's own record.
  #breakpoint(): Void[] {
    return [
      this.frame.pc.set(this.frame.currentPc()),
      ...this.frame.saveLeft(),
      when(this.frame.parts.breakHit.call(get(this.frame.hart, "hartid").wrap(), this.frame.pc), [
        this.frame.notACycle(),
        put(this.frame.hart, "pc", this.frame.pc),
        br(this.frame.exit),
      ]),
      ...this.#straddle(),
    ];
  }

  #straddle(): Void[] {
    return [
      this.frame.pc.set(this.frame.currentPc()),
      ...this.frame.saveLeft(),
      this.frame.parts.single.call(
        this.frame.hart,
        this.frame.pc,
        get(this.frame.hart, "privilege").wrap(),
      ),
      ...this.frame.afterCall(),
      this.frame.notACycle(),
      ...this.frame.useSingle(),
      this.frame.delta.set(this.frame.pc.sub(this.frame.ip.shrU(PC_SHIFT))),
      ...this.frame.dispatch(),
    ];
  }
}

function increase(field: number, by: I64): Void[] {
  return [long(0).store64(long(0).load64(field).add(by), field)];
}
