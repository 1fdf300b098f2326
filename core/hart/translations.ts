/**
 * The TLBs, and what feeds them.
 *
 * Translations are coherent by definition: a page that a walk has read is marked, and a store to it
 * drops what was derived from the PTEs that it overwrites.
 */
import { type I64, int, long, type Void } from "../wasm/code.ts";
import { block, br, loop, memoryFill, ret, when } from "../wasm/control.ts";
import type { LocalOf, Module, WasmFunction } from "../wasm/module.ts";
import {
  HART_BYTES,
  hartBase,
  type Layout,
  LEAF_FILTER,
  LEAF_FILTER_BYTES,
  MACHINE,
  PAGE,
  REGIMES,
  TLB_FETCH,
  TLB_LEAVES,
  TLB_READ,
  TLB_REGIME_BYTES,
  TLB_WRITE,
  tlbOffset,
  WALK_CACHE,
  WALK_CACHE_ENTRIES,
} from "./layout.ts";
import type { Lint } from "./linting.ts";
import { emitForgetPages } from "./page_caches.ts";
import { cutSlice, hartBlocks, pageAddresses } from "./page_flags.ts";

export interface Translations {
  /** (host address): a walk reads a PTE there. */
  readonly markTable: WasmFunction<["i64"], "void">;
  /** (hart): drops its translations of virtual addresses. */
  readonly flushHart: WasmFunction<["i64"], "void">;
  /** Drops every TLB entry of every hart. */
  readonly flushAll: WasmFunction<[], "void">;
  /** (hart, PTE's host address): drops what the PTE, about to be overwritten, gave to the TLBs. */
  readonly dropPte: WasmFunction<["i64", "i64"], "void">;
  /** Drops the copies of TLB entries that compiled code uses. */
  readonly forgetPages: WasmFunction<[], "void">;
  /** Sets a flag, whose old byte is in `value`, of the page of a host address; no store may bypass it. */
  setFlag(host: I64, value: LocalOf<"i32">, flag: number): Void[];
}

/** Where a leaf PTE is remembered as the source of some TLB entry. */
export function leafFilterIndex(pte: I64): I64 {
  return pte.shrU(3).and(LEAF_FILTER_BYTES - 1);
}

/**
 * What the filter knows. `paged`: a PTE fed the entry whose number follows from the PTE's place in
 * its table, as one that maps a single page does. `spread`: one fed others, as a superpage does.
 */
const LEAF = { paged: 1, spread: 2 } as const;

/** Of the entry that a PTE feeds if it maps a single page: the place of its leaf among those of a TLB. */
function leafPosition(layout: Layout, pte: I64): I64 {
  return pte.and((layout.tlbEntries - 1) << 3);
}

/** Remembers that a leaf PTE feeds the TLB entry at an offset in its TLB. */
export function rememberLeaf(layout: Layout, hart: I64, pte: I64, entryOffset: I64): Void {
  const filter = hart.add(leafFilterIndex(pte));
  const isPaged = entryOffset.shrU(1).eq(leafPosition(layout, pte));
  return filter.storeI32As8(
    filter.loadI32From8U(LEAF_FILTER).or(isPaged.select(int(LEAF.paged), int(LEAF.spread))),
    LEAF_FILTER,
  );
}

export function emitTranslations(
  module: Module,
  layout: Layout,
  lint: Lint | undefined,
): Translations {
  const { pageOf, flagsAddress } = pageAddresses(layout);
  const machine = long(0);

  const forgetPages = emitForgetPages(module);

  // Drops the write entries of one page in every TLB.
  const dropWriters = module.function("dropWriters", ["i64"], "void");
  module.define(dropWriters, (f, page) => {
    const entry = f.i64();
    const end = f.i64();
    const hart = f.i64();
    const regime = f.i64();
    return [
      forgetPages.call(),
      hart.set(long(hartBase(0))),
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

  const setFlag = (host: I64, value: LocalOf<"i32">, flag: number) => [
    // A page with any flag has no write entries already.
    when(value.eqz(), [dropWriters.call(host.and(-4096))]),
    flagsAddress(pageOf(host)).storeI32As8(value.or(flag)),
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
        ...setFlag(hostAddress, value, PAGE.table),
        count.set(machine.load32U(MACHINE.tableCount)),
        long(layout.tableList).add(count.shl(2)).store32(page),
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
      entry.set(long(layout.tableList)),
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
    forgetPages.call(),
    fillTlb(hart, 0),
    fillTlb(hart, 1),
    fillTlb(hart, 2),
    memoryFill(hart.add(LEAF_FILTER), 0, long(LEAF_FILTER_BYTES)),
    memoryFill(hart.add(WALK_CACHE), 0xff, long(WALK_CACHE_ENTRIES * 16)),
    ...(layout.harts === 1 ? [forgetTables.call()] : []),
  ]);

  const flushAll = module.function("flushAll", [], "void");
  module.define(flushAll, () => [
    ...hartBlocks(layout).flatMap((hart) => [flushHart.call(hart), fillTlb(hart, 3)]),
    forgetTables.call(),
  ]);

  const dropPte = module.function("dropPte", ["i64", "i64"], "void");
  module.define(dropPte, (f, hart, pte) => {
    const old = f.i64();
    const found = f.i32();
    const leaf = f.i64();
    const end = f.i64();
    const other = f.i64();
    const accessed = 0x40;
    const drop = (regime: I64) => {
      // The entry is at twice its leaf's offset.
      const entry = leaf.sub(regime.add(TLB_LEAVES)).shl(1).add(regime);
      return when(leaf.load64().eq(pte), [entry.store64(-1), entry.store64(-1, 8)]);
    };
    const regimes = [0, 1, 2].map((regime) => other.add(tlbOffset(regime)));
    return [
      old.set(pte.load64()),
      // What is not valid, or never accessed, is in no TLB.
      when(old.and(1).eqz(), [ret()]),
      ...(lint ? [lint.pteStored(hart, pte)] : []),
      when(old.and(0xe).eqz(), [flushAll.call(), ...cutSlice(hart), ret()]),
      when(old.and(accessed).eqz(), [ret()]),
      other.set(long(hartBase(0))),
      loop((nextHart) => [
        when(found.tee(other.add(leafFilterIndex(pte)).loadI32From8U(LEAF_FILTER)), [
          forgetPages.call(),
          when(found.and(LEAF.spread), [
            ...regimes.flatMap((regime) => [
              leaf.set(regime.add(TLB_LEAVES)),
              end.set(regime.add(TLB_REGIME_BYTES)),
              loop((again) => [
                drop(regime),
                when(leaf.tee(leaf.add(8)).ltU(end), [br(again)]),
              ]),
            ]),
          ], [
            ...regimes.flatMap((regime) =>
              [TLB_READ, TLB_WRITE, TLB_FETCH].flatMap((kind) => [
                leaf.set(regime.add(TLB_LEAVES + kind / 2).add(leafPosition(layout, pte))),
                drop(regime),
              ])
            ),
          ]),
          // What is under execution must be fetched anew.
          when(machine.loadI32(MACHINE.inCompiled), [
            machine.storeI32(1, MACHINE.entriesDropped),
          ], cutSlice(hart)),
        ]),
        when(other.tee(other.add(HART_BYTES)).ltU(hartBase(layout.harts)), [br(nextHart)]),
      ]),
    ];
  });

  return { forgetPages, markTable, flushHart, flushAll, dropPte, setFlag };
}
