/**
 * Control and status registers: one entry each.
 *
 * Source: RISC-V privileged specification, chapters 2, 3, 12 and Sstc; unprivileged specification,
 * Zicsr, Zicntr and F.
 */
import { type I32, type I64, Label, long, Void } from "../wasm/code.ts";
import { after, block, br, brTable, cascade, loop, ret, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import { get, type HartField, MACHINE, offsetOf, PMPADDR, put } from "./layout.ts";
import { cutSlice } from "./page_flags.ts";
import type { Pages } from "./pages.ts";
import type { Pmp } from "./pmp.ts";
import { ADUE, CAUSE, fault, MSTATUS } from "./translate.ts";
import { INTERRUPTS, pendingInterrupts, softwareInterrupts, STCE } from "./trap.ts";

/** A register, or several that behave alike. */
export interface Csr {
  readonly names: Readonly<Record<string, number>>;
  read(hart: I64): I64;
  /** What `csrrs` and `csrrc` combine their operand with, where it is not what they read. */
  modify?(hart: I64): I64;
  /** Absent: writes are ignored (a register whose number says read-only refuses them). */
  write?(hart: I64, value: I64): Void[];
  /** An access that is illegal beyond what the register's number says. */
  illegal?(hart: I64): I32;
}

/** (hart, position in CSRS, number, operand, kind, whether it writes) → the old value. */
export type CsrAccess = WasmFunction<["i64", "i32", "i32", "i64", "i32", "i32"], "i64">;
/** Values of `kind`. */
export const CSR_KIND = { write: 0, set: 1, clear: 2 } as const;

const bit = (code: number) => 1n << BigInt(code);
const UXL_SXL = (2n << 32n) | (2n << 34n);
const MSTATUS_WRITABLE = Object.values(MSTATUS).reduce((a, b) => a | b, 0n);
const SSTATUS_WRITABLE = MSTATUS.SIE | MSTATUS.SPIE | MSTATUS.SPP | MSTATUS.FS | MSTATUS.SUM |
  MSTATUS.MXR;
const SSTATUS_READABLE = SSTATUS_WRITABLE | (3n << 32n) | (1n << 63n);
const INTERRUPT_BITS = Object.values(INTERRUPTS).reduce((mask, code) => mask | bit(code), 0n);
const S_INTERRUPTS = bit(INTERRUPTS.SSI) | bit(INTERRUPTS.STI) | bit(INTERRUPTS.SEI);
// Environment calls from M mode cannot be delegated; those from S may.
const DELEGABLE = 0xb3ffn;
const MISA = (2n << 62n) | [..."IMAFDCSU"].reduce((m, c) => m | bit(c.charCodeAt(0) - 65), 0n);
const FIOM = 1n;
const COUNTERS = { cycle: 0, time: 1, instret: 2 };

/** The cycle of the instruction under way. */
export function currentCycle(hart: I64): I64 {
  return long(0).load64(MACHINE.sliceStart).add(get(hart, "granted")).sub(get(hart, "left")).sub(1);
}

const currentRetired = (hart: I64) =>
  get(hart, "retired").add(get(hart, "granted")).sub(get(hart, "left")).sub(1)
    .sub(get(hart, "notRetired"));
const mtime = (hart: I64) => currentCycle(hart).divU(100).add(long(0).load64(MACHINE.mtimeOffset));

const plain = (name: HartField, number: number, mask = -1n): Csr => ({
  names: { [name]: number },
  read: (hart) => get(hart, name),
  write: (hart, value) => [put(hart, name, value.and(mask))],
});
const fixed = (names: Readonly<Record<string, number>>, value: bigint): Csr => ({
  names,
  read: () => long(value),
});

// A trap vector keeps its value when the mode is reserved.
const vector = (name: "mtvec" | "stvec", number: number): Csr => ({
  ...plain(name, number),
  write: (hart, value) => [when(value.and(2).eqz(), [put(hart, name, value)])],
});

const counter = (index: number, now: (hart: I64) => I64, offset: HartField) => ({
  read: (hart: I64) =>
    inhibited(hart, index).choose(get(hart, offset), now(hart).add(get(hart, offset))),
  // The value counts from the instruction after the one that writes it.
  write: (hart: I64, value: I64) => [
    put(
      hart,
      offset,
      inhibited(hart, index).choose(value, value.sub(now(hart)).sub(1)),
    ),
  ],
});
const inhibited = (hart: I64, index: number) =>
  get(hart, "mcountinhibit").shrU(index).and(1).wrap();
const cycleCounter = counter(0, currentCycle, "cycleOffset");
const instretCounter = counter(2, currentRetired, "instretOffset");

const counterRefused = (index: number) => (hart: I64) =>
  get(hart, "privilege").ltU(3).and(get(hart, "mcounteren").shrU(index).and(1).eqz())
    .or(get(hart, "privilege").eqz().and(get(hart, "scounteren").shrU(index).and(1).eqz()));

const floatOff = (hart: I64) => get(hart, "mstatus").and(MSTATUS.FS).eqz();
const floatDirty = (hart: I64) => put(hart, "mstatus", get(hart, "mstatus").or(MSTATUS.FS));
const float = (name: string, number: number, read: Csr["read"], write: Csr["write"]): Csr => ({
  names: { [name]: number },
  read,
  write: (hart, value) => [...write!(hart, value), floatDirty(hart)],
  illegal: floatOff,
});

const numbered = (prefix: string, first: number, from: number, to: number) =>
  Object.fromEntries(
    Array.from({ length: to - from + 1 }, (_, i) => [`${prefix}${from + i}`, first + from + i]),
  );

function status(hart: I64): I64 {
  const value = get(hart, "mstatus");
  // SD summarises FS; there is no other extension state.
  const sd = value.and(MSTATUS.FS).eq(MSTATUS.FS).extendU().shl(63);
  return value.or(sd).or(UXL_SXL);
}

/** Everything that a CSR's behaviour may call. */
interface Actions {
  readonly setStatus: WasmFunction<["i64", "i64", "i64"], "void">;
  readonly setSatp: WasmFunction<["i64", "i64"], "void">;
  readonly setPmpConfig: WasmFunction<["i64", "i64", "i64"], "void">;
  readonly setPmpAddress: WasmFunction<["i64", "i64", "i64"], "void">;
  readonly setCountInhibit: WasmFunction<["i64", "i64"], "void">;
}

function csrs(actions: Actions): Csr[] {
  return [
    float("fflags", 0x001, (h) => get(h, "fflags"), (h, v) => [put(h, "fflags", v.and(31))]),
    float("frm", 0x002, (h) => get(h, "frm"), (h, v) => [put(h, "frm", v.and(7))]),
    float("fcsr", 0x003, (h) => get(h, "fflags").or(get(h, "frm").shl(5)), (h, v) => [
      put(h, "fflags", v.and(31)),
      put(h, "frm", v.shrU(5).and(7)),
    ]),
    { names: { cycle: 0xc00 }, read: cycleCounter.read, illegal: counterRefused(COUNTERS.cycle) },
    { names: { time: 0xc01 }, read: mtime, illegal: counterRefused(COUNTERS.time) },
    {
      names: { instret: 0xc02 },
      read: instretCounter.read,
      illegal: counterRefused(COUNTERS.instret),
    },
    // No event counters: hardwired to 0, each under its own enable bit.
    ...Array.from({ length: 29 }, (_, i): Csr => ({
      names: { [`hpmcounter${i + 3}`]: 0xc03 + i },
      read: () => long(0),
      illegal: counterRefused(i + 3),
    })),

    {
      names: { sstatus: 0x100 },
      read: (h) => status(h).and(SSTATUS_READABLE),
      write: (h, v) => [actions.setStatus.call(h, v, long(SSTATUS_WRITABLE))],
    },
    {
      names: { sie: 0x104 },
      read: (h) => get(h, "mie").and(get(h, "mideleg")),
      write: (h, v) => [
        put(
          h,
          "mie",
          get(h, "mie").and(get(h, "mideleg").not()).or(v.and(get(h, "mideleg"))),
        ),
      ],
    },
    vector("stvec", 0x105),
    plain("scounteren", 0x106, 0xffffffffn),
    plain("senvcfg", 0x10a, FIOM),
    plain("sscratch", 0x140),
    plain("sepc", 0x141, -2n),
    plain("scause", 0x142),
    plain("stval", 0x143),
    {
      names: { sip: 0x144 },
      read: (h) => pendingInterrupts(h).and(get(h, "mideleg")),
      modify: (h) => softwareInterrupts(h).and(get(h, "mideleg")),
      // Of the delegated bits only SSIP is the supervisor's to write.
      write: (h, v) => [
        put(
          h,
          "mipSoftware",
          get(h, "mipSoftware").and(get(h, "mideleg").and(bit(INTERRUPTS.SSI)).not())
            .or(v.and(get(h, "mideleg")).and(bit(INTERRUPTS.SSI))),
        ),
      ],
    },
    {
      names: { stimecmp: 0x14d },
      read: (h) => get(h, "stimecmp"),
      write: (h, v) => [put(h, "stimecmp", v), ...cutSlice(h)],
      illegal: (h) =>
        get(h, "privilege").ltU(3).and(
          get(h, "menvcfg").and(STCE).eqz().or(
            get(h, "mcounteren").shrU(COUNTERS.time).and(1).eqz(),
          ),
        ),
    },
    {
      names: { satp: 0x180 },
      read: (h) => get(h, "satp"),
      write: (h, v) => [actions.setSatp.call(h, v)],
      illegal: (h) => get(h, "privilege").eq(1).and(get(h, "mstatus").and(MSTATUS.TVM).ne(0)),
    },

    fixed({ mvendorid: 0xf11, marchid: 0xf12, mimpid: 0xf13, mconfigptr: 0xf15 }, 0n),
    { names: { mhartid: 0xf14 }, read: (h) => get(h, "hartid") },
    {
      names: { mstatus: 0x300 },
      read: status,
      write: (h, v) => [actions.setStatus.call(h, v, long(MSTATUS_WRITABLE))],
    },
    { names: { misa: 0x301 }, read: () => long(MISA), write: () => [] },
    plain("medeleg", 0x302, DELEGABLE),
    plain("mideleg", 0x303, S_INTERRUPTS),
    plain("mie", 0x304, INTERRUPT_BITS),
    vector("mtvec", 0x305),
    plain("mcounteren", 0x306, 0xffffffffn),
    {
      ...plain("menvcfg", 0x30a),
      write: (h, v) => [put(h, "menvcfg", v.and(STCE | ADUE | FIOM)), ...cutSlice(h)],
    },
    {
      names: { mcountinhibit: 0x320 },
      read: (h) => get(h, "mcountinhibit"),
      write: (h, v) => [actions.setCountInhibit.call(h, v.and(5))],
    },
    plain("mscratch", 0x340),
    plain("mepc", 0x341, -2n),
    plain("mcause", 0x342),
    plain("mtval", 0x343),
    {
      names: { mip: 0x344 },
      read: pendingInterrupts,
      modify: softwareInterrupts,
      write: (h, v) => [
        put(
          h,
          "mipSoftware",
          get(h, "menvcfg").and(STCE).ne(0).choose(
            v.and(S_INTERRUPTS & ~bit(INTERRUPTS.STI)).or(
              get(h, "mipSoftware").and(bit(INTERRUPTS.STI)),
            ),
            v.and(S_INTERRUPTS),
          ),
        ),
      ],
    },
    { names: { mcycle: 0xb00 }, ...cycleCounter },
    { names: { minstret: 0xb02 }, ...instretCounter },
    { ...fixed(numbered("mhpmcounter", 0xb00, 3, 31), 0n), write: () => [] },
    { ...fixed(numbered("mhpmevent", 0x320, 3, 31), 0n), write: () => [] },
    ...(["pmpcfg0", "pmpcfg2"] as const).map((name, index): Csr => ({
      names: { [name]: 0x3a0 + index * 2 },
      read: (h) => get(h, name),
      write: (h, v) => [actions.setPmpConfig.call(h, long(index * 8), v)],
    })),
    ...Array.from({ length: 16 }, (_, i): Csr => ({
      names: { [`pmpaddr${i}`]: 0x3b0 + i },
      read: (h) => h.load64(PMPADDR + i * 8),
      write: (h, v) => [actions.setPmpAddress.call(h, long(i), v)],
    })),
  ];
}

/** Names and numbers of all CSRs, and each number's position in the access function's table. */
export function csrNumbers(): { names: Map<string, number>; positions: Map<number, number> } {
  const names = new Map<string, number>();
  const positions = new Map<number, number>();
  // The names do not depend on what the entries would call.
  csrs({} as Actions).forEach((csr, position) => {
    for (const [name, number] of Object.entries(csr.names)) {
      names.set(name, number);
      positions.set(number, position);
    }
  });
  return { names, positions };
}

const { positions } = csrNumbers();
/** No position in the access function's table: an illegal access. */
export const NO_CSR = 0xff;

/** The position of a CSR in that table, if there is such a CSR. */
export function csrPosition(number: number): number | undefined {
  return positions.get(number);
}

export function emitCsrAccess(module: Module, pages: Pages, pmp: Pmp): CsrAccess {
  const table = csrs(emitActions(module, pages, pmp));
  const access: CsrAccess = module.function(
    "csrAccess",
    ["i64", "i32", "i32", "i64", "i32", "i32"],
    "i64",
  );
  module.define(access, (f, hart, position, number, operand, kind, writes) => {
    const old = f.i64();
    const base = f.i64();
    const combined = kind.eqz().select(
      operand,
      kind.eq(CSR_KIND.set).select(base.or(operand), base.and(operand.not())),
    );
    const entry = (csr: Csr, illegal: Label): Void[] => [
      ...(csr.illegal ? [when(csr.illegal(hart), [br(illegal)])] : []),
      old.set(csr.read(hart)),
      ...(csr.write
        ? [when(writes, [
          base.set(csr.modify ? csr.modify(hart) : old),
          base.set(combined),
          ...csr.write(hart, base),
        ])]
        : []),
      ret(old),
    ];
    return after(
      [
        block((illegal) => {
          const labels = table.map(() => new Label("csr"));
          // Bits 9:8 of a number are the lowest privilege, bits 11:10 are 3 where it is read-only.
          const refused = number.shrU(8).and(3).gtU(get(hart, "privilege").wrap())
            .or(writes.and(number.shrU(10).eq(3)));
          const dispatch = [when(refused, [br(illegal)]), brTable(position, labels, illegal)];
          return [cascade(labels, dispatch, (i) => entry(table[i], illegal))];
        }),
        ...fault(hart, CAUSE.illegalInstruction, 0),
      ],
      long(0),
    );
  });
  return access;
}

function emitActions(module: Module, pages: Pages, pmp: Pmp): Actions {
  const setStatus: Actions["setStatus"] = module.function(
    "setStatus",
    ["i64", "i64", "i64"],
    "void",
  );
  module.define(setStatus, (f, hart, value, mask) => {
    const old = f.i64();
    return [
      old.set(get(hart, "mstatus")),
      value.set(old.and(mask.not()).or(value.and(mask))),
      // MPP cannot hold 2, the hypervisor's reserved mode.
      when(value.and(MSTATUS.MPP).eq(2n << 11n), [
        value.set(value.and(~MSTATUS.MPP).or(old.and(MSTATUS.MPP))),
      ]),
      put(hart, "mstatus", value),
      when(old.xor(value).and(MSTATUS.MXR).ne(0), [pages.flushHart.call(hart)]),
    ];
  });

  const setSatp: Actions["setSatp"] = module.function("setSatp", ["i64", "i64"], "void");
  module.define(setSatp, (_, hart, value) => [
    // A mode that does not exist makes the whole write have no effect (12.1.11).
    when(value.shrU(60).eqz().or(value.shrU(60).sub(8).leU(2)), [
      when(get(hart, "satp").ne(value), [
        put(hart, "satp", value),
        pages.flushHart.call(hart),
      ]),
    ]),
  ]);

  const afterPmpChange = (hart: I64) => [pmp.update.call(hart), pages.flushAll.call()];
  const locked = (hart: I64, entry: I64) =>
    hart.add(entry).loadI32From8U(offsetOf("pmpcfg0")).and(0x80);

  const setPmpConfig: Actions["setPmpConfig"] = module.function(
    "setPmpConfig",
    ["i64", "i64", "i64"],
    "void",
  );
  module.define(setPmpConfig, (f, hart, first, value) => {
    const index = f.i64();
    const config = f.i64();
    return [
      index.set(long(0)),
      loop((again) => [
        config.set(value.shrU(index.shl(3)).and(0x9f)),
        // Locked entries stay; write without read is reserved and not taken.
        when(
          locked(hart, first.add(index)).eqz().and(config.and(3).ne(2)),
          [hart.add(first).add(index).store8(config, offsetOf("pmpcfg0"))],
        ),
        when(index.tee(index.add(1)).ne(8), [br(again)]),
      ]),
      ...afterPmpChange(hart),
    ];
  });

  const setPmpAddress: Actions["setPmpAddress"] = module.function(
    "setPmpAddress",
    ["i64", "i64", "i64"],
    "void",
  );
  module.define(setPmpAddress, (_, hart, entry, value) => [
    when(locked(hart, entry), [ret()]),
    // The address below a locked TOR entry is its lower bound, and locked with it.
    when(
      entry.ne(15).and(
        hart.add(entry).loadI32From8U(offsetOf("pmpcfg0") + 1).and(0x98).eq(0x88),
      ),
      [ret()],
    ),
    hart.add(entry.shl(3)).store64(value.and((1n << 54n) - 1n), PMPADDR),
    ...afterPmpChange(hart),
  ]);

  const setCountInhibit: Actions["setCountInhibit"] = module.function(
    "setCountInhibit",
    ["i64", "i64"],
    "void",
  );
  module.define(setCountInhibit, (f, hart, value) => {
    const cycles = f.i64();
    const instructions = f.i64();
    return [
      // They go on from what the next instruction would have read; this one counts if it began so.
      cycles.set(cycleCounter.read(hart).add(inhibited(hart, 0).eqz().extendU())),
      instructions.set(instretCounter.read(hart).add(inhibited(hart, 2).eqz().extendU())),
      put(hart, "mcountinhibit", value),
      ...cycleCounter.write(hart, cycles),
      ...instretCounter.write(hart, instructions),
    ];
  });
  return {
    setStatus,
    setSatp,
    setPmpConfig,
    setPmpAddress,
    setCountInhibit,
  };
}
