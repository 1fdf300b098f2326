/**
 * What is derived from physical pages: decoded code, TLB entries, the dirty list.
 *
 * Translations and code are coherent by definition: a store to a page that fed either drops what
 * was derived from it, so no guest can see that anything is cached.
 */
import {
  block,
  br,
  type I32,
  type I64,
  int,
  long,
  loop,
  memoryFill,
  ret,
  type Void,
  when,
} from "../wasm/code.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../wasm/module.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  DECODED_PAGES,
  DRAM,
  get,
  HART_BYTES,
  hartBase,
  type Layout,
  LEAF_FILTER,
  LEAF_FILTER_BYTES,
  MACHINE,
  PAGE,
  put,
  RECORD_BYTES,
  REGIMES,
  ROM,
  ROM_BYTES,
  SLOTS,
  TLB_FETCH,
  TLB_LEAVES,
  TLB_REGIME_BYTES,
  TLB_WRITE,
  tlbOffset,
} from "./layout.ts";

import { OP_PAGE_END, OP_UNDECODED } from "./ops.ts";

/** Stores to a page of code after which its decoded form is dropped as a whole. */
const CODE_STORES_MAX = 64;

/** Kinds of an access to a watched page. `walk`: a page walk sets A or D. */
export const WATCH_KIND = { read: 0, write: 1, walk: 2 } as const;
/** (hart number, host address, virtual address, bytes, kind): an access to a watched page. */
export type Watch = WasmFunction<["i32", "i64", "i64", "i32", "i32"], "void">;

export interface Pages {
  /** (physical address) → address in this memory, or 0 if it is neither RAM nor ROM. */
  readonly host: WasmFunction<["i64"], "i64">;
  /** (hart, host address, bytes): everything that a store within one page must do first. Returns 0 if the page is read-only. */
  readonly beforeStore: WasmFunction<["i64", "i64", "i64"], "i32">;
  /** (hart, host address): as beforeStore for 8 bytes, by a walk that sets A or D: translations stay. */
  readonly markedStore: WasmFunction<["i64", "i64"], "i32">;
  /** (host address): a walk reads a PTE there. */
  readonly markTable: WasmFunction<["i64"], "void">;
  /** (hart): drops its translations of virtual addresses. */
  readonly flushHart: WasmFunction<["i64"], "void">;
  /** Drops every TLB entry of every hart. */
  readonly flushAll: WasmFunction<[], "void">;
  /** Drops the write entries of every hart and marks every page of the dirty list clean. */
  readonly cleanAll: WasmFunction<[], "void">;
  /** (host address within a page) → its decoded page, made if need be. */
  readonly decodedPage: WasmFunction<["i64"], "i64">;
  /** (hart, host address, bytes): a store by something that is not an instruction, such as DMA. */
  readonly externalStore: WasmFunction<["i64", "i64", "i64"], "void">;
  /** The flag byte of the page of a host address. */
  flags(host: I64): I32;
}

/** Ends the slice after the current instruction, so that the next one is fetched afresh. */
export function cutSlice(hart: I64): Void[] {
  return [
    put(hart, "granted", get(hart, "granted").sub(get(hart, "left"))),
    put(hart, "left", 0),
  ];
}

export function emitPages(module: Module, layout: Layout): Pages {
  const { ram, memoryBytes } = layout;
  const at = (address: number) => long(address);
  const pageOf = (host: I64) => host.sub(ram).shrU(12);
  const flagsAddress = (page: I64) => page.add(layout.pageFlags);
  const machine = long(0);

  const host = module.function("host", ["i64"], "i64");
  module.define(host, (f, address) => {
    const offset = f.i64();
    return [
      when(offset.tee(address.sub(DRAM)).ltU(memoryBytes), [ret(offset.add(ram))]),
      when(offset.tee(address.sub(ROM)).ltU(ROM_BYTES), [ret(offset.add(ram + memoryBytes))]),
      long(0),
    ];
  });

  // Drops the write entries of one page in every TLB.
  const dropWriters = module.function("dropWriters", ["i64"], "void");
  module.define(dropWriters, (f, page) => {
    const entry = f.i64();
    const end = f.i64();
    const hart = f.i64();
    const regime = f.i64();
    return [
      hart.set(at(hartBase(0))),
      loop((nextHart) => [
        regime.set(long(0)),
        loop((nextRegime) => [
          entry.set(hart.add(regime.mul(TLB_REGIME_BYTES)).add(tlbOffset(0) + TLB_WRITE)),
          end.set(entry.add(layout.tlbEntries * 16)),
          loop((again) => [
            when(entry.load64().add(entry.load64(8)).and(-4096).eq(page), [
              entry.store64(-1),
              entry.store64(-1, 8),
            ]),
            when(entry.tee(entry.add(16)).ltU(end), [br(again)]),
          ]),
          when(regime.tee(regime.add(1)).ltU(REGIMES), [br(nextRegime)]),
        ]),
        when(hart.tee(hart.add(HART_BYTES)).ltU(hartBase(layout.harts)), [br(nextHart)]),
      ]),
    ];
  });

  const setFlag = (
    f: { address: I64; value: { set(v: I32): Void } & I32 },
    host: I64,
    flag: number,
  ) => [
    // A page with any flag has no write entries already.
    when(f.value.eqz(), [dropWriters.call(host.and(-4096))]),
    f.address.storeI32As8(f.value.or(flag)),
  ];

  const markTable = module.function("markTable", ["i64"], "void");
  module.define(markTable, (f, hostAddress) => {
    const page = f.i64();
    const value = f.i32();
    const count = f.i64();
    return [
      page.set(pageOf(hostAddress)),
      value.set(flagsAddress(page).loadI32From8U()),
      when(value.and(PAGE.table).eqz(), [
        ...setFlag({ address: flagsAddress(page), value }, hostAddress, PAGE.table),
        count.set(machine.load32U(MACHINE.tableCount)),
        at(layout.tableList).add(count.shl(2)).store32(page),
        machine.store32(count.add(1), MACHINE.tableCount),
      ]),
    ];
  });

  const fillTlb = (hart: I64, regime: number) =>
    memoryFill(hart.add(tlbOffset(regime)), 0xff, long(TLB_LEAVES));

  // Once no TLB holds a translation, no page feeds any.
  const forgetTables = module.function("forgetTables", [], "void");
  module.define(forgetTables, (f) => {
    const entry = f.i64();
    const end = f.i64();
    const address = f.i64();
    return [
      entry.set(at(layout.tableList)),
      end.set(entry.add(machine.load32U(MACHINE.tableCount).shl(2))),
      block((done) => [
        loop((again) => [
          when(entry.geU(end), [br(done)]),
          address.set(flagsAddress(entry.load32U())),
          address.storeI32As8(address.loadI32From8U().and(~PAGE.table)),
          entry.set(entry.add(4)),
          br(again),
        ]),
      ]),
      machine.store32(0, MACHINE.tableCount),
    ];
  });

  const flushHart = module.function("flushHart", ["i64"], "void");
  module.define(flushHart, (_, hart) => [
    fillTlb(hart, 0),
    fillTlb(hart, 1),
    fillTlb(hart, 2),
    memoryFill(hart.add(LEAF_FILTER), 0, long(LEAF_FILTER_BYTES)),
    ...(layout.harts === 1 ? [forgetTables.call()] : []),
  ]);

  const flushAll = module.function("flushAll", [], "void");
  module.define(flushAll, () => [
    ...harts(layout).flatMap((hart) => [flushHart.call(hart), fillTlb(hart, 3)]),
    forgetTables.call(),
  ]);

  const cleanAll = module.function("cleanAll", [], "void");
  module.define(cleanAll, (f) => {
    const entry = f.i64();
    const end = f.i64();
    const address = f.i64();
    return [
      entry.set(at(layout.dirtyList)),
      end.set(entry.add(machine.load32U(MACHINE.dirtyCount).shl(2))),
      block((done) => [
        loop((again) => [
          when(entry.geU(end), [br(done)]),
          address.set(flagsAddress(entry.load32U())),
          address.storeI32As8(address.loadI32From8U().or(PAGE.clean)),
          entry.set(entry.add(4)),
          br(again),
        ]),
      ]),
      machine.store32(0, MACHINE.dirtyCount),
      ...harts(layout).flatMap((hart) =>
        [0, 1, 2, 3].map((regime) =>
          memoryFill(hart.add(tlbOffset(regime) + TLB_WRITE), 0xff, long(TLB_FETCH - TLB_WRITE))
        )
      ),
    ];
  });

  // Drops what one PTE, about to be overwritten, gave to the TLBs.
  const dropPte = module.function("dropPte", ["i64", "i64"], "void");
  module.define(dropPte, (f, hart, pte) => {
    const old = f.i64();
    const entry = f.i64();
    const end = f.i64();
    const other = f.i64();
    const regime = f.i64();
    const accessed = 0x40;
    return [
      old.set(pte.load64()),
      // What is not valid, or never accessed, is in no TLB.
      when(old.and(1).eqz(), [ret()]),
      when(old.and(0xe).eqz(), [flushAll.call(), ...cutSlice(hart), ret()]),
      when(old.and(accessed).eqz(), [ret()]),
      other.set(at(hartBase(0))),
      loop((nextHart) => [
        when(other.add(leafFilterIndex(pte)).loadI32From8U(LEAF_FILTER), [
          regime.set(other.add(tlbOffset(0))),
          loop((nextRegime) => [
            entry.set(regime.add(TLB_LEAVES)),
            end.set(regime.add(TLB_REGIME_BYTES)),
            loop((again) => [
              when(entry.load64().eq(pte), [
                // The entry is at twice its leaf's offset.
                entry.sub(regime.add(TLB_LEAVES)).shl(1).add(regime).store64(-1),
                entry.sub(regime.add(TLB_LEAVES)).shl(1).add(regime).store64(-1, 8),
              ]),
              when(entry.tee(entry.add(8)).ltU(end), [br(again)]),
            ]),
            when(regime.tee(regime.add(TLB_REGIME_BYTES)).ltU(other.add(tlbOffset(3))), [
              br(nextRegime),
            ]),
          ]),
          ...cutSlice(hart),
        ]),
        when(other.tee(other.add(HART_BYTES)).ltU(hartBase(layout.harts)), [br(nextHart)]),
      ]),
    ];
  });

  const decodedAddress = (index: I64) => index.mul(DECODED_BYTES).add(layout.decoded);
  const codeMapAddress = (page: I64) => page.shl(2).add(layout.codeMap);

  // Forgets the decoded form of one page.
  const dropCode = module.function("dropCode", ["i64"], "void");
  module.define(dropCode, (f, page) => {
    const index = f.i64();
    const entry = f.i64();
    const end = f.i64();
    const flags = f.i64();
    return [
      index.set(codeMapAddress(page).load32U().sub(1)),
      codeMapAddress(page).store32(0),
      flags.set(flagsAddress(page)),
      flags.storeI32As8(flags.loadI32From8U().and(~PAGE.code)),
      // Only the op: the hart may be executing the store that is in this very page.
      entry.set(decodedAddress(index)),
      end.set(entry.add(SLOTS * RECORD_BYTES)),
      loop((again) => [
        entry.store16(OP_UNDECODED),
        when(entry.tee(entry.add(RECORD_BYTES)).ltU(end), [br(again)]),
      ]),
      decodedAddress(index).storeI32(machine.loadI32(MACHINE.decodedFree), DECODED_HEADER + 8),
      machine.store32(index.add(1), MACHINE.decodedFree),
      ...harts(layout).flatMap((hart) =>
        [0, 1, 3].flatMap((regime) => [
          entry.set(hart.add(tlbOffset(regime) + TLB_FETCH)),
          end.set(entry.add(layout.tlbEntries * 16)),
          loop((again) => [
            when(entry.load64(8).eq(decodedAddress(index)), [entry.store64(-1)]),
            when(entry.tee(entry.add(16)).ltU(end), [br(again)]),
          ]),
        ])
      ),
    ];
  });

  // Marks the records that cover stored bytes as not decoded.
  const dropRecords = module.function("dropRecords", ["i64", "i64", "i64"], "void");
  module.define(dropRecords, (f, hart, hostAddress, size) => {
    const page = f.i64();
    const decoded = f.i64();
    const record = f.i64();
    const last = f.i64();
    const stores = f.i32();
    return [
      page.set(pageOf(hostAddress)),
      decoded.set(decodedAddress(codeMapAddress(page).load32U().sub(1))),
      stores.set(decoded.loadI32(DECODED_HEADER + 4).add(1)),
      decoded.storeI32(stores, DECODED_HEADER + 4),
      // A page that is written again and again is data now: let its stores be fast.
      when(stores.gtU(CODE_STORES_MAX), [dropCode.call(page), ...cutSlice(hart), ret()]),
      // An instruction of 4 bytes may begin 2 bytes before the first stored one.
      record.set(hostAddress.and(4095).sub(2)),
      when(record.ltS(0), [record.set(long(0))]),
      record.set(record.shrU(1).mul(RECORD_BYTES).add(decoded)),
      last.set(
        hostAddress.and(4095).add(size).sub(1).shrU(1).mul(RECORD_BYTES).add(decoded),
      ),
      loop((again) => [
        record.store16(0),
        when(record.tee(record.add(RECORD_BYTES)).leU(last), [br(again)]),
      ]),
    ];
  });

  // What every store to a page with flags must do, whatever it derives.
  const mark = (
    f: FunctionBuilder,
    hart: I64,
    hostAddress: I64,
    size: I64,
    value: LocalOf<"i32">,
  ): Void[] => {
    const page = f.i64();
    const count = f.i64();
    return [
      page.set(pageOf(hostAddress)),
      value.set(flagsAddress(page).loadI32From8U()),
      when(value.eqz(), [ret(int(1))]),
      when(value.and(PAGE.readOnly), [ret(int(0))]),
      when(value.and(PAGE.clean), [
        flagsAddress(page).storeI32As8(value.and(~PAGE.clean)),
        count.set(machine.load32U(MACHINE.dirtyCount)),
        at(layout.dirtyList).add(count.shl(2)).store32(page),
        machine.store32(count.add(1), MACHINE.dirtyCount),
      ]),
      when(value.and(PAGE.code), [dropRecords.call(hart, hostAddress, size)]),
    ];
  };

  const markedStore = module.function("markedStore", ["i64", "i64"], "i32");
  module.define(markedStore, (f, hart, hostAddress) => {
    const value = f.i32();
    return [...mark(f, hart, hostAddress, long(8), value), int(1)];
  });

  const beforeStore = module.function("beforeStore", ["i64", "i64", "i64"], "i32");
  module.define(beforeStore, (f, hart, hostAddress, size) => {
    const value = f.i32();
    const first = f.i64();
    const last = f.i64();
    return [
      ...mark(f, hart, hostAddress, size, value),
      when(value.and(PAGE.table), [
        first.set(hostAddress.and(-8)),
        last.set(hostAddress.add(size).sub(1).and(-8)),
        loop((again) => [
          dropPte.call(hart, first),
          when(first.tee(first.add(8)).leU(last), [br(again)]),
        ]),
      ]),
      int(1),
    ];
  });

  const externalStore = module.function("externalStore", ["i64", "i64", "i64"], "void");
  module.define(externalStore, (f, hart, hostAddress, size) => {
    const other = f.i64();
    return [
      when(beforeStore.call(hart, hostAddress, size).eqz(), [ret()]),
      // A write by another master ends every reservation.
      other.set(at(hartBase(0))),
      loop((again) => [
        put(other, "reservation", -1),
        when(other.tee(other.add(HART_BYTES)).ltU(hartBase(layout.harts)), [br(again)]),
      ]),
    ];
  });

  const decodedPage = module.function("decodedPage", ["i64"], "i64");
  module.define(decodedPage, (f, hostAddress) => {
    const page = f.i64();
    const index = f.i64();
    const value = f.i32();
    const victim = f.i64();
    return [
      page.set(pageOf(hostAddress)),
      index.set(codeMapAddress(page).load32U()),
      when(index.ne(0), [ret(decodedAddress(index.sub(1)))]),
      index.set(machine.load32U(MACHINE.decodedFree)),
      when(index.ne(0), [
        index.set(index.sub(1)),
        machine.storeI32(decodedAddress(index).loadI32(DECODED_HEADER + 8), MACHINE.decodedFree),
      ], [
        index.set(machine.load32U(MACHINE.decodedCount)),
        when(index.geU(DECODED_PAGES), [
          // Full: drop all of them, from the last to the first, and take the first again.
          victim.set(long(DECODED_PAGES)),
          loop((again) => [
            victim.set(victim.sub(1)),
            dropCode.call(decodedAddress(victim).load32U(DECODED_HEADER)),
            when(victim.ne(0), [br(again)]),
          ]),
          index.set(long(0)),
          machine.storeI32(decodedAddress(index).loadI32(DECODED_HEADER + 8), MACHINE.decodedFree),
        ], [
          machine.store32(index.add(1), MACHINE.decodedCount),
        ]),
      ]),
      codeMapAddress(page).store32(index.add(1)),
      decodedAddress(index).store32(page, DECODED_HEADER),
      decodedAddress(index).store32(0, DECODED_HEADER + 4),
      decodedAddress(index).store32(OP_PAGE_END, SLOTS * RECORD_BYTES),
      value.set(flagsAddress(page).loadI32From8U()),
      ...setFlag({ address: flagsAddress(page), value }, hostAddress, PAGE.code),
      decodedAddress(index),
    ];
  });

  return {
    host,
    beforeStore,
    markedStore,
    markTable,
    flushHart,
    flushAll,
    cleanAll,
    decodedPage,
    externalStore,
    flags: (hostAddress) => flagsAddress(pageOf(hostAddress)).loadI32From8U(),
  };
}

/** Where a leaf PTE is remembered as the source of some TLB entry. */
export function leafFilterIndex(pte: I64): I64 {
  return pte.shrU(3).and(LEAF_FILTER_BYTES - 1);
}

function harts(layout: Layout): I64[] {
  return Array.from({ length: layout.harts }, (_, hart) => long(hartBase(hart)));
}
