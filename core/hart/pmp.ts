/** Physical memory protection. Source: RISC-V privileged specification, 3.7. */
import { I32, type I64, int, long } from "../wasm/code.ts";
import { block, br, loop, memoryFill, ret, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import { DRAM, get, type Layout, offsetOf, PMP_HIGH, PMP_LOW, PMPADDR, put } from "./layout.ts";

/** Rights as PMP configurations and this engine write them. */
export const RIGHT = { read: 1, write: 2, execute: 4 } as const;
/** The access overlaps an entry but does not lie within it. */
export const PARTIAL = 8;

const ENTRIES = 16;
const OFF = 0;
const TOR = 1;
const NA4 = 2;
const LOCK = 0x80;
const MACHINE_MODE = 3;

export interface Pmp {
  /** (hart, physical address, bytes, privilege) → rights, or {@link PARTIAL}. */
  readonly rights: WasmFunction<["i64", "i64", "i64", "i32"], "i32">;
  /** (hart, physical address, privilege): rights of the whole page of 4 KiB, remembered per page of RAM. */
  readonly pageRights: WasmFunction<["i64", "i64", "i32"], "i32">;
  /** (hart): computes the entries' bounds again after a change of `pmpcfg` or `pmpaddr`. */
  readonly update: WasmFunction<["i64"], "void">;
}

export function emitPmp(module: Module, layout: Layout): Pmp {
  const remembered = (hart: I64) => get(hart, "hartid").mul(layout.pages).add(layout.pmpRights);
  const rights = module.function("pmpRights", ["i64", "i64", "i64", "i32"], "i32");
  module.define(rights, (f, hart, address, size, privilege) => {
    const entry = f.i64();
    const low = f.i64();
    const high = f.i64();
    const config = f.i32();
    const machine = privilege.eq(MACHINE_MODE);
    return [
      entry.set(long(0)),
      block((none) => [
        loop((again) => [
          when(entry.geU(get(hart, "pmpCount")), [br(none)]),
          low.set(hart.add(entry.shl(3)).load64(PMP_LOW)),
          high.set(hart.add(entry.shl(3)).load64(PMP_HIGH)),
          when(address.ltU(high).and(address.add(size).gtU(low)), [
            when(address.ltU(low).or(address.add(size).gtU(high)), [ret(int(PARTIAL))]),
            config.set(configByte(hart, entry)),
            // Entries that are not locked do not bind machine mode.
            when(machine.and(config.and(LOCK).eqz()), [ret(int(7))]),
            ret(config.and(7)),
          ]),
          entry.set(entry.add(1)),
          br(again),
        ]),
      ]),
      machine.select(int(7), int(0)),
    ];
  });

  const pageRights = module.function("pmpPageRights", ["i64", "i64", "i32"], "i32");
  module.define(pageRights, (f, hart, address, privilege) => {
    const page = f.i64();
    const slot = f.i64();
    const found = f.i32();
    const known = 0x80;
    return [
      page.set(address.and(-4096)),
      when(privilege.eq(MACHINE_MODE).or(page.sub(DRAM).geU(layout.memoryBytes)), [
        ret(rights.call(hart, page, long(4096), privilege)),
      ]),
      slot.set(remembered(hart).add(page.sub(DRAM).shrU(12))),
      found.set(slot.loadI32From8U()),
      when(found.eqz(), [
        found.set(rights.call(hart, page, long(4096), privilege)),
        slot.storeI32As8(found.or(known)),
      ]),
      found.and(~known),
    ];
  });

  const update = module.function("pmpUpdate", ["i64"], "void");
  module.define(update, (f, hart) => {
    const entry = f.i64();
    const slot = f.i64();
    const address = f.i64();
    const mask = f.i64();
    const low = f.i64();
    const high = f.i64();
    const mode = f.i32();
    return [
      memoryFill(remembered(hart), 0, long(layout.pages)),
      put(hart, "pmpCount", 0),
      entry.set(long(0)),
      loop((again) => [
        slot.set(hart.add(entry.shl(3))),
        mode.set(configByte(hart, entry).shrU(3).and(3)),
        address.set(slot.load64(PMPADDR)),
        low.set(long(0)),
        high.set(long(0)),
        when(mode.ne(OFF), [
          put(hart, "pmpCount", entry.add(1)),
          when(mode.eq(TOR), [
            // The lower bound is the previous entry's address, whatever its mode.
            when(entry.ne(0), [low.set(slot.sub(8).load64(PMPADDR).shl(2))]),
            high.set(address.shl(2)),
            when(low.geU(high), [low.set(long(0)), high.set(long(0))]),
          ], [
            // NA4: 4 bytes. NAPOT: the trailing ones of the address give the size.
            mask.set(mode.eq(NA4).select(long(0), address.xor(address.add(1)))),
            low.set(address.and(mask.not()).shl(2)),
            high.set(low.add(mask.add(1).shl(2))),
          ]),
        ]),
        slot.store64(low, PMP_LOW),
        slot.store64(high, PMP_HIGH),
        entry.set(entry.add(1)),
        when(entry.ne(ENTRIES), [br(again)]),
      ]),
    ];
  });
  return { rights, pageRights, update };
}

// pmpcfg0 and pmpcfg2 lie side by side: one byte per entry.
function configByte(hart: I64, entry: I64): I32 {
  return hart.add(entry).loadI32From8U(offsetOf("pmpcfg0"));
}
