/** Traps, interrupts and returns from them. Source: RISC-V privileged specification, 3.1.6 to 3.1.9, 3.3.2, 10.1. */
import { type I32, type I64, int, long, type Void } from "../wasm/code.ts";
import { ret, sequence, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import { get, type HartField, put } from "./layout.ts";
import type { Lint } from "./linting.ts";
import { MSTATUS } from "./translate.ts";

/** Interrupt codes, which are also bit numbers of `mip`, from the highest priority to the lowest. */
export const INTERRUPTS = { MEI: 11, MSI: 3, MTI: 7, SEI: 9, SSI: 1, STI: 5 } as const;
/** `menvcfg.STCE`: `stimecmp` drives STIP. */
export const STCE = 1n << 63n;

export interface Traps {
  /** (hart, pc): enters the trap noted in the hart. */
  readonly enter: WasmFunction<["i64", "i64"], "void">;
  /** (hart) → 1 if it took an interrupt. */
  readonly interrupt: WasmFunction<["i64"], "i32">;
  /** (hart): `mret` and `sret`, once allowed. */
  readonly mret: WasmFunction<["i64"], "void">;
  readonly sret: WasmFunction<["i64"], "void">;
}

/** `mip` as software reads it. */
export function pendingInterrupts(hart: I64): I64 {
  return get(hart, "mipLines").or(softwareInterrupts(hart));
}

/** Whether an interrupt is pending and enabled by itself, whatever the global enables say. */
export function hasPending(hart: I64): I32 {
  return pendingInterrupts(hart).and(get(hart, "mie")).ne(0);
}

/** The bits of `mip` that software set and that still count: with STCE, STIP is the timer's alone. */
export function softwareInterrupts(hart: I64): I64 {
  const stip = get(hart, "menvcfg").shrU(63).shl(INTERRUPTS.STI);
  return get(hart, "mipSoftware").and(stip.not());
}

/** Whether `sfence.vma` is illegal now. Source: privileged specification, 3.1.6.5. */
export function fenceRefused(hart: I64): I32 {
  const privilege = get(hart, "privilege");
  return privilege.eqz().or(
    privilege.eq(1).and(get(hart, "mstatus").and(MSTATUS.TVM).ne(0)),
  );
}

/** What a trap saves and where it goes, in machine and in supervisor mode. */
interface Level {
  readonly privilege: number;
  readonly epc: HartField;
  readonly cause: HartField;
  readonly tval: HartField;
  readonly tvec: HartField;
  readonly ie: bigint;
  readonly pie: bigint;
  /** The previous-privilege field: its mask and lowest bit. */
  readonly pp: bigint;
  readonly ppShift: number;
}

const MACHINE_LEVEL: Level = {
  privilege: 3,
  epc: "mepc",
  cause: "mcause",
  tval: "mtval",
  tvec: "mtvec",
  ie: MSTATUS.MIE,
  pie: MSTATUS.MPIE,
  pp: MSTATUS.MPP,
  ppShift: 11,
};
/** An environment call from supervisor mode. */
const SUPERVISOR_ECALL = 9;
const SUPERVISOR_LEVEL: Level = {
  privilege: 1,
  epc: "sepc",
  cause: "scause",
  tval: "stval",
  tvec: "stvec",
  ie: MSTATUS.SIE,
  pie: MSTATUS.SPIE,
  pp: MSTATUS.SPP,
  ppShift: 8,
};

export function emitTraps(module: Module, lint: Lint | undefined): Traps {
  // (hart, pc, cause, tval, whether to add 4 * code in vectored mode)
  const enterLevel = (level: Level) => {
    const fn = module.function(
      level === MACHINE_LEVEL ? "trapToMachine" : "trapToSupervisor",
      ["i64", "i64", "i64", "i64"],
      "void",
    );
    module.define(fn, (f, hart, pc, cause, tval) => {
      const status = f.i64();
      const tvec = f.i64();
      return [
        put(hart, level.epc, pc),
        put(hart, level.cause, cause),
        put(hart, level.tval, tval),
        status.set(get(hart, "mstatus")),
        put(
          hart,
          "mstatus",
          status.and(~(level.ie | level.pie | level.pp))
            .or(status.and(level.ie).ne(0).select(long(level.pie), long(0)))
            .or(get(hart, "privilege").shl(level.ppShift)),
        ),
        put(hart, "privilege", level.privilege),
        tvec.set(get(hart, level.tvec)),
        put(hart, "pc", tvec.and(-4)),
        // Vectored: interrupts, whose cause has its highest bit set, go to base + 4 * code.
        when(tvec.and(1).ne(0).and(cause.ltS(0)), [
          put(hart, "pc", tvec.and(-4).add(cause.and(63).shl(2))),
        ]),
        put(hart, "notRetired", get(hart, "notRetired").add(1)),
      ];
    });
    return fn;
  };
  const toMachine = enterLevel(MACHINE_LEVEL);
  const toSupervisor = enterLevel(SUPERVISOR_LEVEL);

  const enter: Traps["enter"] = module.function("enterTrap", ["i64", "i64"], "void");
  module.define(enter, (f, hart, pc) => {
    const cause = f.i64();
    return [
      put(hart, "fault", 0),
      cause.set(get(hart, "faultCause")),
      when(
        get(hart, "privilege").leU(1).and(
          get(hart, "medeleg").shrU(cause).and(1).wrap(),
        ),
        [toSupervisor.call(hart, pc, cause, get(hart, "faultTval"))],
        [
          toMachine.call(hart, pc, cause, get(hart, "faultTval")),
          ...(lint ? [when(cause.eq(SUPERVISOR_ECALL), [lint.called(hart)])] : []),
        ],
      ),
    ];
  });

  const interrupt: Traps["interrupt"] = module.function("interrupt", ["i64"], "i32");
  module.define(interrupt, (f, hart) => {
    const pending = f.i64();
    const candidates = f.i64();
    const privilege = f.i64();
    const status = f.i64();
    const take = (code: number, target: typeof toMachine): Void =>
      when(candidates.shrU(code).and(1).wrap(), [
        target.call(hart, get(hart, "pc"), long((1n << 63n) | BigInt(code)), long(0)),
        put(hart, "interrupted", get(hart, "interrupted").add(1)),
        ret(int(1)),
      ]);
    const byPriority = (target: typeof toMachine) =>
      sequence(...Object.values(INTERRUPTS).map((code) => take(code, target)));
    return [
      pending.set(pendingInterrupts(hart).and(get(hart, "mie"))),
      when(pending.eqz(), [ret(int(0))]),
      privilege.set(get(hart, "privilege")),
      status.set(get(hart, "mstatus")),
      candidates.set(pending.and(get(hart, "mideleg").not())),
      when(privilege.ltU(3).or(status.and(MSTATUS.MIE).ne(0)), [byPriority(toMachine)]),
      candidates.set(pending.and(get(hart, "mideleg"))),
      when(
        privilege.eqz().or(privilege.eq(1).and(status.and(MSTATUS.SIE).ne(0))),
        [byPriority(toSupervisor)],
      ),
      int(0),
    ];
  });

  const returnFrom = (name: string, level: Level) => {
    const fn = module.function(name, ["i64"], "void");
    module.define(fn, (f, hart) => {
      const status = f.i64();
      const previous = f.i64();
      return [
        status.set(get(hart, "mstatus")),
        previous.set(status.and(level.pp).shrU(level.ppShift)),
        put(hart, "privilege", previous),
        ...(lint ? noteReturn(lint, hart, level, previous) : []),
        status.set(
          status.and(~(level.ie | level.pp))
            .or(status.and(level.pie).ne(0).select(long(level.ie), long(0)))
            .or(level.pie),
        ),
        when(previous.ne(3), [status.set(status.and(~MSTATUS.MPRV))]),
        put(hart, "mstatus", status),
        put(hart, "pc", get(hart, level.epc)),
      ];
    });
    return fn;
  };
  return {
    enter,
    interrupt,
    mret: returnFrom("mret", MACHINE_LEVEL),
    sret: returnFrom("sret", SUPERVISOR_LEVEL),
  };
}

function noteReturn(lint: Lint, hart: I64, level: Level, to: I64): Void[] {
  return [
    when(to.eqz(), [put(hart, "userReturns", get(hart, "userReturns").add(1))]),
    ...(level === MACHINE_LEVEL ? [when(to.eq(1), [lint.returned(hart)])] : []),
  ];
}
