/** Physical pages: where they are, what must happen before a store to one, which ones were written. */
import { type I32, type I64, int, long, type Void } from "../wasm/code.ts";
import { block, br, loop, memoryFill, ret, when } from "../wasm/control.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../wasm/module.ts";
import { emitDecodedPages } from "./decoded_pages.ts";
import {
  DRAM,
  HART_BYTES,
  hartBase,
  type Layout,
  MACHINE,
  PAGE,
  put,
  ROM,
  ROM_BYTES,
  TLB_FETCH,
  TLB_WRITE,
  tlbOffset,
} from "./layout.ts";
import type { Lint } from "./linting.ts";
import { hartBlocks, pageAddresses } from "./page_flags.ts";
import { emitTranslations, type Translations } from "./translations.ts";

/** Kinds of an access to a watched page. `walk`: a page walk sets A or D. */
export const WATCH_KIND = { read: 0, write: 1, walk: 2 } as const;
/** (hart number, host address, virtual address, bytes, kind): an access to a watched page. */
export type Watch = WasmFunction<["i32", "i64", "i64", "i32", "i32"], "void">;

/** All that loads, stores and fetches ask of physical pages. */
export interface Pages extends Omit<Translations, "dropPte" | "setFlag"> {
  /** (physical address) → address in this memory, or 0 if it is neither RAM nor ROM. */
  readonly host: WasmFunction<["i64"], "i64">;
  /** (hart, host address, bytes): everything that a store within one page must do first. Returns 0 if the page is read-only. */
  readonly beforeStore: WasmFunction<["i64", "i64", "i64"], "i32">;
  /** (hart, host address): as beforeStore for 8 bytes, by a walk that sets A or D: translations stay. */
  readonly markedStore: WasmFunction<["i64", "i64"], "i32">;
  /** Drops the write entries of every hart and marks every page of the dirty list clean. */
  readonly cleanAll: WasmFunction<[], "void">;
  /** (host address within a page) → its decoded page, made if need be. */
  readonly decodedPage: WasmFunction<["i64"], "i64">;
  /** (hart, host address, bytes): a store by something that is not an instruction, such as DMA. */
  readonly externalStore: WasmFunction<["i64", "i64", "i64"], "void">;
  /** The flag byte of the page of a host address. */
  flags(host: I64): I32;
}

/** @param dropCompiled (number of a decoded page): forgets its compiled code */
export function emitPages(
  module: Module,
  layout: Layout,
  dropCompiled: WasmFunction<["i32"], "void">,
  lint: Lint | undefined,
): Pages {
  const { ram, memoryBytes } = layout;
  const { pageOf, flagsAddress } = pageAddresses(layout);
  const machine = long(0);
  const translations = emitTranslations(module, layout, lint);
  const { dropPte, markTable, flushHart, flushAll } = translations;
  const { decodedPage, dropRecords } = emitDecodedPages(
    module,
    layout,
    translations,
    dropCompiled,
    lint,
  );

  const host = module.function("host", ["i64"], "i64");
  module.define(host, (f, address) => {
    const offset = f.i64();
    return [
      when(offset.tee(address.sub(DRAM)).ltU(memoryBytes), [ret(offset.add(ram))]),
      when(offset.tee(address.sub(ROM)).ltU(ROM_BYTES), [ret(offset.add(ram + memoryBytes))]),
      long(0),
    ];
  });

  const cleanAll = module.function("cleanAll", [], "void");
  module.define(cleanAll, (f) => {
    const entry = f.i64();
    const end = f.i64();
    const address = f.i64();
    return [
      entry.set(long(layout.dirtyList)),
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
      translations.forgetPages.call(),
      ...hartBlocks(layout).flatMap((hart) =>
        [0, 1, 2, 3].map((regime) =>
          memoryFill(hart.add(tlbOffset(regime) + TLB_WRITE), 0xff, long(TLB_FETCH - TLB_WRITE))
        )
      ),
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
        long(layout.dirtyList).add(count.shl(2)).store32(page),
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
      other.set(long(hartBase(0))),
      loop((again) => [
        put(other, "reservation", -1),
        when(other.tee(other.add(HART_BYTES)).ltU(hartBase(layout.harts)), [br(again)]),
      ]),
    ];
  });

  return {
    host,
    forgetPages: translations.forgetPages,
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
