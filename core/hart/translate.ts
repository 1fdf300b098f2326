/** Address translation: Sv39, Sv48 and Sv57. Source: RISC-V privileged specification, 12.3 to 12.6. */
import { type I32, type I64, int, long, type Void } from "../wasm/code.ts";
import { block, br, brIf, loop, ret, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import {
  get,
  MACHINE,
  PAGE,
  put,
  REGIME,
  TABLE_PAGES,
  WALK_CACHE,
  WALK_CACHE_ENTRIES,
} from "./layout.ts";
import type { Lint } from "./linting.ts";
import { cutSlice } from "./page_flags.ts";
import { type Pages, type Watch, WATCH_KIND } from "./pages.ts";
import { PARTIAL, type Pmp, RIGHT } from "./pmp.ts";

/** Bits of a page table entry. */
export const PTE = {
  valid: 1,
  read: 2,
  write: 4,
  execute: 8,
  user: 0x10,
  accessed: 0x40,
  dirty: 0x80,
} as const;
/** Svnapot, Svpbmt and bits 60 to 54 are not implemented: they must be 0. */
export const PTE_RESERVED = 0xffc0_0000_0000_0000n;
/** The physical page number in `satp`, and in a PTE once shifted down by 10. */
export const PPN_MASK = 0xfff_ffff_ffffn;

/** Exception codes. Source: privileged specification, table 14. */
export const CAUSE = {
  fetchAccess: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadAccess: 5,
  storeMisaligned: 6,
  storeAccess: 7,
  userEcall: 8,
  fetchPage: 12,
  loadPage: 13,
  storePage: 15,
} as const;

/** `mstatus` bits that the engine looks at. */
export const MSTATUS = {
  SIE: 1n << 1n,
  MIE: 1n << 3n,
  SPIE: 1n << 5n,
  MPIE: 1n << 7n,
  SPP: 1n << 8n,
  MPP: 3n << 11n,
  FS: 3n << 13n,
  MPRV: 1n << 17n,
  SUM: 1n << 18n,
  MXR: 1n << 19n,
  TVM: 1n << 20n,
  TW: 1n << 21n,
  TSR: 1n << 22n,
} as const;

/** `menvcfg.ADUE`: hardware updates A and D bits. */
export const ADUE = 1n << 61n;

/** Notes a trap for the instruction under way. */
export function fault(hart: I64, cause: I64 | number, tval: I64 | number): Void[] {
  return [put(hart, "fault", 1), put(hart, "faultCause", cause), put(hart, "faultTval", tval)];
}

/** Whether the last access found a trap. */
export function faulted(hart: I64): I32 {
  return get(hart, "fault").wrap();
}

/** The exception codes of an access: page fault and access fault, by right (1, 2 or 4). */
export function pageCause(right: I32): I64 {
  // 1 → 13, 2 → 15, 4 → 12
  return right.eq(RIGHT.execute).select(long(CAUSE.fetchPage), right.extendU().shl(1).add(11));
}

/** As {@link pageCause}, for access faults: 5, 7, 1. */
export function accessCause(right: I32): I64 {
  return right.eq(RIGHT.execute).select(long(CAUSE.fetchAccess), right.extendU().shl(1).add(3));
}

/** The privilege of a regime: 0, 1, 1, 3. */
export function privilegeOf(regime: I32): I32 {
  return regime.eq(REGIME.supervisorSum).select(int(1), regime);
}

/** (hart) → the regime of its loads and stores: by privilege, MPRV and SUM. */
export function emitDataRegime(module: Module): WasmFunction<["i64"], "i32"> {
  const dataRegime = module.function("dataRegime", ["i64"], "i32");
  module.define(dataRegime, (f, hart) => {
    const status = f.i64();
    const privilege = f.i32();
    return [
      status.set(get(hart, "mstatus")),
      privilege.set(get(hart, "privilege").wrap()),
      when(privilege.eq(3).and(status.and(MSTATUS.MPRV).ne(0)), [
        privilege.set(status.shrU(11).and(3).wrap()),
      ]),
      when(privilege.eq(1), [privilege.set(status.shrU(18).and(1).wrap().add(1))]),
      privilege,
    ];
  });
  return dataRegime;
}

/** (hart, virtual address, right, regime) → physical address; a trap is noted in the hart. */
export type Translate = WasmFunction<["i64", "i64", "i32", "i32"], "i64">;

export function emitTranslate(
  module: Module,
  pages: Pages,
  pmp: Pmp,
  watch: Watch,
  lint: Lint | undefined,
): Translate {
  const translate: Translate = module.function("translate", ["i64", "i64", "i32", "i32"], "i64");
  module.define(translate, (f, hart, address, right, regime) => {
    const satp = f.i64();
    const level = f.i64();
    const pte = f.i64();
    const pteAddress = f.i64();
    const pteHost = f.i64();
    const table = f.i64();
    const cached = f.i64();
    const shift = f.i64();
    const wanted = f.i64();
    const rights = f.i32();
    const user = pte.and(PTE.user);
    const none = long(0);
    const accessFault = () => [...fault(hart, accessCause(right), address), ret(none)];
    return [
      put(hart, "leafPte", 0),
      satp.set(get(hart, "satp")),
      when(regime.eq(REGIME.machine).or(satp.shrU(60).eqz()), [ret(address)]),
      when(long(0).load32U(MACHINE.tableCount).geU(TABLE_PAGES - 8), [
        pages.flushAll.call(),
        // The page under execution, too, must be found by a walk again.
        ...cutSlice(hart),
      ]),
      block((pageFault) => [
        cached.set(walkCacheEntry(hart, address)),
        when(cached.load64().eq(address.and(-REGION_BYTES)), [
          // The steps down to this table would be the same.
          level.set(cached.load64(8).and(4095).add(1)),
          table.set(cached.load64(8).and(-4096)),
        ], [
          // Mode 8, 9, 10: 3, 4, 5 levels.
          level.set(satp.shrU(60).sub(5)),
          // Bits above the address's width must all equal its highest bit.
          shift.set(long(52).sub(level.mul(9))),
          brIf(pageFault, address.shl(shift).shrS(shift).ne(address)),
          table.set(satp.and(PPN_MASK).shl(12)),
        ]),
        loop((next) => [
          level.set(level.sub(1)),
          shift.set(level.mul(9).add(12)),
          pteAddress.set(table.add(address.shrU(shift).and(511).shl(3))),
          // Implicit accesses are checked as the supervisor's.
          rights.set(pmp.pageRights.call(hart, pteAddress, int(1))),
          when(rights.and(PARTIAL), [
            rights.set(pmp.rights.call(hart, pteAddress, long(8), int(1))),
          ]),
          when(rights.and(PARTIAL | RIGHT.read).ne(RIGHT.read), accessFault()),
          pteHost.set(pages.host.call(pteAddress)),
          when(pteHost.eqz(), accessFault()),
          pages.markTable.call(pteHost),
          pte.set(pteHost.load64()),
          brIf(pageFault, pte.and(PTE.valid).eqz()),
          brIf(pageFault, pte.and(PTE.read | PTE.write).eq(PTE.write)),
          brIf(pageFault, pte.and(PTE_RESERVED).ne(0)),
          when(pte.and(PTE.read | PTE.execute).eqz(), [
            // D, A and U of a pointer are reserved.
            brIf(pageFault, pte.and(PTE.user | PTE.accessed | PTE.dirty).ne(0)),
            brIf(pageFault, level.eqz()),
            table.set(pte.shrU(10).and(PPN_MASK).shl(12)),
            br(next),
          ]),
        ]),
        cached.store64(address.and(-REGION_BYTES)),
        cached.store64(table.or(level), 8),
        when(regime.eq(REGIME.user), [
          brIf(pageFault, user.eqz()),
        ], [
          brIf(
            pageFault,
            user.ne(0).and(regime.ne(REGIME.supervisorSum).or(right.eq(RIGHT.execute))),
          ),
        ]),
        // The right's bits lie one higher in a PTE; with MXR what can be executed can be read.
        wanted.set(right.extendU().shl(1)),
        when(right.eq(RIGHT.read).and(get(hart, "mstatus").and(MSTATUS.MXR).ne(0)), [
          wanted.set(long(PTE.read | PTE.execute)),
        ]),
        brIf(pageFault, pte.and(wanted).eqz()),
        // A superpage is aligned to its size.
        brIf(
          pageFault,
          pte.shrU(10).and(long(1).shl(level.mul(9)).sub(1)).ne(0),
        ),
        wanted.set(
          right.eq(RIGHT.write).select(long(PTE.accessed | PTE.dirty), long(PTE.accessed)),
        ),
        when(pte.and(wanted).ne(wanted), [
          brIf(pageFault, get(hart, "menvcfg").and(ADUE).eqz()),
          when(
            pmp.rights.call(hart, pteAddress, long(8), int(1)).and(PARTIAL | RIGHT.write).ne(
              RIGHT.write,
            ),
            accessFault(),
          ),
          when(pages.flags(pteHost).and(PAGE.watched), [
            watch.call(get(hart, "hartid").wrap(), pteHost, address, int(8), int(WATCH_KIND.walk)),
          ]),
          // A and D only rise here, so nothing derived from the entry becomes wrong.
          when(pages.markedStore.call(hart, pteHost), [pteHost.store64(pte.or(wanted))]),
        ]),
        ...(lint ? [lint.walk(hart, address, pte, pte.or(wanted), right, regime)] : []),
        put(hart, "leafPte", pteHost),
        shift.set(long(1).shl(shift).sub(1)),
        ret(pte.shrU(10).and(PPN_MASK).shl(12).and(shift.not()).or(address.and(shift))),
      ]),
      ...(lint ? [lint.walkFailed(hart, address, right, regime)] : []),
      ...fault(hart, pageCause(right), address),
      none,
    ];
  });
  return translate;
}

/** What one entry of the walk cache covers: all that a table of the lowest level maps. */
const REGION_BYTES = 1 << 21;

function walkCacheEntry(hart: I64, address: I64): I64 {
  return hart.add(address.shrU(21).and(WALK_CACHE_ENTRIES - 1).shl(4)).add(WALK_CACHE);
}
