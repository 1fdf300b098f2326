/** How compiled code is called, and what it calls. */
import { AMO_KINDS, type AmoKind } from "../../isa/effect.ts";
import { type I32, type I64, int, long, type Void } from "../../wasm/code.ts";
import { sequence, when } from "../../wasm/control.ts";
import type { Module, WasmFunction } from "../../wasm/module.ts";
import type { Access } from "../access.ts";
import type { CsrAccess } from "../csr.ts";
import { get, LEAVE, MACHINE, put } from "../layout.ts";
import { amoResult } from "../lower.ts";
import { CAUSE, fault, faulted, MSTATUS } from "../translate.ts";
import { hasPending } from "../trap.ts";

/**
 * A region: compiled code of one physical page. (hart, pc, cycles left, entry) → cycles left, with
 * pc in the hart, and the trap if there is one. It retires at least one instruction.
 */
export const REGION = {
  parameters: ["i64", "i64", "i32", "i32"],
  result: "i32",
} as const;

/**
 * What compiled code calls beyond its fast paths. Each takes the hart first and last the cycles
 * that remain after the instruction under way, and sets the hart's `leave`.
 */
export interface Helpers {
  /** (hart, address, bytes, left) → the value, zero-extended. */
  readonly load: WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, bytes, value, left). */
  readonly store: WasmFunction<["i64", "i64", "i64", "i64", "i32"], "void">;
  readonly loadReserved: WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, bytes, value, left) → 0 if it stored, else 1. */
  readonly storeConditional: WasmFunction<["i64", "i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, operand, left) → the old value, sign-extended. */
  amo(kind: AmoKind, size: 4 | 8): WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, position in the table, number, operand, kind, {@link CSR_WRITE} or 0, the instruction, left) → the old value. */
  readonly csr: WasmFunction<
    ["i64", "i32", "i32", "i64", "i32", "i32", "i64", "i32"],
    "i64"
  >;
  /** (hart, the instruction, left): an illegal-instruction trap. */
  readonly illegal: WasmFunction<["i64", "i64", "i32"], "void">;
}

/** The instruction writes the CSR; its region cannot go on. */
export const CSR_WRITE = 1;
export const CSR_LEAVE = 2;
/** What of `mstatus` decides how loads and stores are translated. */
const TRANSLATION = MSTATUS.MPRV | MSTATUS.SUM | MSTATUS.MXR | MSTATUS.MPP;

export function emitHelpers(
  module: Module,
  access: Access,
  csrAccess: CsrAccess,
): Helpers {
  const regime = (hart: I64) => get(hart, "regime").wrap();
  const machine = long(0);
  const begin = (hart: I64, left: I32) =>
    sequence(
      put(hart, "left", left.extendU()),
      machine.storeI32(0, MACHINE.entriesDropped),
      machine.storeI32(1, MACHINE.inCompiled),
    );
  const outcome = (hart: I64, left: I32, alsoCut: I32 = int(0)): I32 =>
    faulted(hart).choose(
      int(LEAVE.fault),
      get(hart, "left").wrap().ne(left).or(machine.loadI32(MACHINE.entriesDropped)).or(alsoCut)
        .select(int(LEAVE.cut), int(LEAVE.stay)),
    );
  const end = (hart: I64, left: I32, alsoCut?: I32): Void =>
    sequence(
      machine.storeI32(0, MACHINE.inCompiled),
      put(hart, "leave", outcome(hart, left, alsoCut).extendU()),
    );

  // (hart, address, bytes, left) → what an access function gives.
  const reading = (name: string, access: Access["load"]): Helpers["load"] => {
    const fn: Helpers["load"] = module.function(name, ["i64", "i64", "i64", "i32"], "i64");
    module.define(fn, (f, hart, address, size, left) => {
      const value = f.i64();
      return [
        begin(hart, left),
        value.set(access.call(hart, address, size, regime(hart))),
        end(hart, left),
        value,
      ];
    });
    return fn;
  };
  const load = reading("compiledLoad", access.load);

  const store: Helpers["store"] = module.function(
    "compiledStore",
    ["i64", "i64", "i64", "i64", "i32"],
    "void",
  );
  module.define(store, (_, hart, address, size, value, left) => [
    begin(hart, left),
    access.store.call(hart, address, size, value, regime(hart)),
    end(hart, left),
  ]);

  const loadReserved = reading("compiledLoadReserved", access.loadReserved);

  const storeConditional: Helpers["storeConditional"] = module.function(
    "compiledStoreConditional",
    ["i64", "i64", "i64", "i64", "i32"],
    "i64",
  );
  module.define(storeConditional, (f, hart, address, size, stored, left) => {
    const value = f.i64();
    return [
      begin(hart, left),
      value.set(access.storeConditional.call(hart, address, size, stored, regime(hart))),
      end(hart, left),
      value,
    ];
  });

  const storeUnlessFaulted = (hart: I64, address: I64, size: number, value: I64): Void[] => [
    when(faulted(hart).eqz(), [
      access.store.call(hart, address, long(size), value, regime(hart)),
    ]),
  ];

  const amos = new Map<string, WasmFunction<["i64", "i64", "i64", "i32"], "i64">>();
  for (const kind of AMO_KINDS) {
    for (const size of [4, 8] as const) {
      const amo = module.function(
        `compiledAmo.${kind}.${size}`,
        ["i64", "i64", "i64", "i32"],
        "i64",
      );
      amos.set(`${kind}.${size}`, amo as WasmFunction<["i64", "i64", "i64", "i32"], "i64">);
      module.define(amo, (f, hart, address, operand, left) => {
        const old = f.i64();
        return [
          begin(hart, left),
          old.set(access.amoLoad.call(hart, address, long(size), regime(hart))),
          ...(size === 4 ? [old.set(old.extend32())] : []),
          ...storeUnlessFaulted(hart, address, size, amoResult(kind, size, old, operand)),
          end(hart, left),
          old,
        ];
      });
    }
  }
  const csr: Helpers["csr"] = module.function(
    "compiledCsr",
    ["i64", "i32", "i32", "i64", "i32", "i32", "i64", "i32"],
    "i64",
  );
  module.define(csr, (f, hart, position, number, operand, kind, how, word, left) => {
    const value = f.i64();
    const status = f.i64();
    return [
      begin(hart, left),
      status.set(get(hart, "mstatus")),
      value.set(
        csrAccess.call(hart, position, number, operand, kind, how.and(CSR_WRITE)),
      ),
      when(faulted(hart), [...fault(hart, CAUSE.illegalInstruction, word)]),
      end(
        hart,
        left,
        how.and(CSR_WRITE).and(
          hasPending(hart).or(status.xor(get(hart, "mstatus")).and(TRANSLATION).ne(0)),
        ).or(how.and(CSR_LEAVE)),
      ),
      value,
    ];
  });

  const illegal: Helpers["illegal"] = module.function(
    "compiledIllegal",
    ["i64", "i64", "i32"],
    "void",
  );
  module.define(illegal, (_, hart, word, left) => [
    begin(hart, left),
    ...fault(hart, CAUSE.illegalInstruction, word),
    end(hart, left),
  ]);
  const amo = (kind: AmoKind, size: 4 | 8) => amos.get(`${kind}.${size}`)!;
  return { load, store, loadReserved, storeConditional, amo, csr, illegal };
}
