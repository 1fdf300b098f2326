/**
 * Loads, stores and atomics beyond the TLB: translation, protection, misalignment, MMIO.
 *
 * Source: RISC-V privileged specification, 3.6 and 3.7; unprivileged specification, 2.6 and A.
 */
import { type I32, type I64, int, long, type Void } from "../wasm/code.ts";
import { after, br, loop, ret, when } from "../wasm/control.ts";
import type { LocalOf, Module, WasmFunction } from "../wasm/module.ts";
import {
  get,
  type Layout,
  MACHINE,
  PAGE,
  put,
  TLB_FETCH,
  TLB_LEAVES,
  TLB_READ,
  TLB_REGIME_BYTES,
  TLB_WRITE,
  tlbOffset,
} from "./layout.ts";
import type { Lint } from "./linting.ts";
import { type Pages, type Watch, WATCH_KIND } from "./pages.ts";
import { rememberLeaf } from "./translations.ts";
import { PARTIAL, type Pmp, RIGHT } from "./pmp.ts";
import { accessCause, CAUSE, fault, faulted, privilegeOf, type Translate } from "./translate.ts";

/** Functions of the bus that the engine imports: 32-bit physical addresses, 1, 2 or 4 bytes at most. */
export interface BusImports {
  /** (address, bytes) → low 32 bits; the rest and success are in the machine's block. */
  readonly load: WasmFunction<["i32", "i32"], "i32">;
  /** (address, bytes, low half, high half). */
  readonly store: WasmFunction<["i32", "i32", "i32", "i32"], "void">;
}

/** All take the hart first and the regime last; a trap is noted in the hart. */
export interface Access {
  /** (hart, address, bytes, regime) → the value, zero-extended. */
  readonly load: WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, bytes, value, regime). */
  readonly store: WasmFunction<["i64", "i64", "i64", "i64", "i32"], "void">;
  /** (hart, address, bytes, regime): the read half of an AMO → the old value, zero-extended. */
  readonly amoLoad: WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, bytes, regime) → the value, zero-extended. */
  readonly loadReserved: WasmFunction<["i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, bytes, value, regime) → 0 if it stored, else 1. */
  readonly storeConditional: WasmFunction<["i64", "i64", "i64", "i64", "i32"], "i64">;
  /** (hart, address, 2 bytes): an instruction's half; protected and translated afresh. */
  readonly fetchHalf: WasmFunction<["i64", "i64", "i32"], "i64">;
  /** (hart, address, regime) → decoded page of the address, or 0 after a trap, or 1 where only single instructions can be fetched. */
  readonly fetchPage: WasmFunction<["i64", "i64", "i32"], "i64">;
}

/** Address of the TLB entry of a virtual address, without the TLB's own offset. */
export function tlbEntry(layout: Layout, regimeTlb: I64, address: I64): I64 {
  return regimeTlb.add(address.shrU(8).and((layout.tlbEntries - 1) << 4));
}

/** Whether the entry with this tag holds an address. Tags have zero low bits: one that is not aligned never hits. */
export function tlbHit(tag: I64, address: I64, size: number): I32 {
  return tag.eq(address.and(-4096 | (size - 1)));
}

/** Reads a value of 1, 2, 4 or 8 bytes, zero-extended. */
export function loadBytes(address: I64, size: I64): I64 {
  return size.eq(8).choose(
    address.load64(),
    size.eq(4).choose(
      address.load32U(),
      size.eq(2).choose(address.load16U(), address.load8U()),
    ),
  );
}

/** Writes the low 1, 2, 4 or 8 bytes of a value. */
export function storeBytes(address: I64, size: I64, value: I64): Void {
  return when(size.eq(8), [address.store64(value)], [
    when(size.eq(4), [address.store32(value)], [
      when(size.eq(2), [address.store16(value)], [address.store8(value)]),
    ]),
  ]);
}

export function emitAccess(
  module: Module,
  layout: Layout,
  bus: BusImports,
  pages: Pages,
  pmp: Pmp,
  translate: Translate,
  watch: Watch,
  lint: Lint | undefined,
): Access {
  const regimeTlb = (hart: I64, regime: I32) =>
    hart.add(regime.extendU().mul(TLB_REGIME_BYTES)).add(tlbOffset(0));
  const stopIfFaulted = (hart: I64, value?: I64) =>
    when(faulted(hart), [value ? ret(value) : ret()]);

  const observe = (hart: I64, host: I64, address: I64, size: I64, kind: number) =>
    when(
      pages.flags(host).and(PAGE.watched),
      [watch.call(get(hart, "hartid").wrap(), host, address, size.wrap(), int(kind))],
      undefined,
      false,
    );

  // Makes an entry of a TLB, and remembers the PTE that it came from.
  const install = (
    hart: I64,
    regime: I32,
    address: I64,
    kind: number,
    addend: I64,
    entry: { set(value: I64): Void } & I64,
  ) => [
    entry.set(address.shrU(8).and((layout.tlbEntries - 1) << 4)),
    rememberLeaf(layout, hart, get(hart, "leafPte"), entry),
    entry.set(entry.add(kind)),
    regimeTlb(hart, regime).add(TLB_LEAVES).add(entry.shrU(1)).store64(get(hart, "leafPte")),
    entry.set(entry.add(regimeTlb(hart, regime))),
    entry.store64(address.and(-4096)),
    entry.store64(addend, 8),
  ];

  /** (hart, physical address, bytes, right, regime) → 1 if the whole page has the right, 2 if just these bytes have it; else 0 and a trap for `address`. */
  const allowed = module.function("allowed", ["i64", "i64", "i64", "i64", "i32", "i32"], "i32");
  module.define(allowed, (f, hart, physical, address, size, right, regime) => {
    const rights = f.i32();
    const refuse = [...fault(hart, accessCause(right), address), ret(int(0))];
    return [
      rights.set(pmp.pageRights.call(hart, physical, privilegeOf(regime))),
      when(rights.and(PARTIAL).eqz(), [
        when(rights.and(right).eq(right), [ret(int(1))]),
        ...refuse,
      ]),
      rights.set(pmp.rights.call(hart, physical, size, privilegeOf(regime))),
      when(rights.and(PARTIAL).eqz().and(rights.and(right).eq(right)), [ret(int(2))]),
      ...refuse,
      int(0),
    ];
  });

  // The bus takes aligned accesses below 4 GiB.
  const notOnBus = (physical: I64, size: I64) =>
    physical.shrU(32).ne(0).or(physical.and(size.sub(1)).ne(0));

  // Returns with a trap, which names the first byte that has one, unless all bytes are in memory and
  // may be accessed: devices take no access that crosses a page.
  const inMemory = (
    hart: I64,
    address: I64,
    size: I64,
    right: number,
    regime: I32,
    physical: LocalOf<"i64">,
    index: LocalOf<"i64">,
    value?: I64,
  ) => {
    const leave = () => value ? ret(value) : ret();
    const byte = address.add(index);
    return [
      index.set(long(0)),
      loop((again) => [
        physical.set(translate.call(hart, byte, int(right), regime)),
        stopIfFaulted(hart, value),
        when(allowed.call(hart, physical, byte, long(1), int(right), regime).eqz(), [leave()]),
        when(pages.host.call(physical).eqz(), [
          ...fault(hart, accessCause(int(right)), byte),
          leave(),
        ]),
        when(index.tee(index.add(1)).ltU(size), [br(again)]),
      ]),
    ];
  };

  // A misaligned access finds its page here, which no inlined look into the TLB does.
  const isMapped = (entry: LocalOf<"i64">, address: I64, kind: number) =>
    entry.load64(kind).eq(address.and(-4096));

  const load: Access["load"] = module.function("load", ["i64", "i64", "i64", "i32"], "i64");
  module.define(load, (f, hart, address, size, regime) => {
    const physical = f.i64();
    const host = f.i64();
    const entry = f.i64();
    const value = f.i64();
    const index = f.i64();
    const permission = f.i32();
    return [
      when(address.and(4095).add(size).gtU(4096), [
        // Across two pages: byte by byte.
        ...inMemory(hart, address, size, RIGHT.read, regime, physical, index, long(0)),
        value.set(long(0)),
        index.set(long(0)),
        loop((again) => [
          value.set(
            value.or(load.call(hart, address.add(index), long(1), regime).shl(index.shl(3))),
          ),
          stopIfFaulted(hart, long(0)),
          when(index.tee(index.add(1)).ltU(size), [br(again)]),
        ]),
        ret(value),
      ]),
      entry.set(tlbEntry(layout, regimeTlb(hart, regime), address)),
      when(isMapped(entry, address, TLB_READ), [
        ret(loadBytes(address.add(entry.load64(TLB_READ + 8)), size)),
      ]),
      physical.set(translate.call(hart, address, int(RIGHT.read), regime)),
      stopIfFaulted(hart, long(0)),
      permission.set(allowed.call(hart, physical, address, size, int(RIGHT.read), regime)),
      when(permission.eqz(), [ret(long(0))]),
      host.set(pages.host.call(physical)),
      when(host.eqz(), [
        when(notOnBus(physical, size), [...fault(hart, CAUSE.loadAccess, address), ret(long(0))]),
        value.set(bus.load.call(physical.wrap(), size.wrap()).extendU()),
        when(long(0).loadI32(MACHINE.mmioFault), [...fault(hart, CAUSE.loadAccess, address)]),
        ret(value.or(long(0).load32U(MACHINE.mmioHigh).shl(32))),
      ]),
      observe(hart, host, address, size, WATCH_KIND.read),
      when(permission.eq(1).and(pages.flags(host).and(PAGE.watched).eqz()), [
        ...install(hart, regime, address, TLB_READ, host.sub(address), entry),
      ]),
      loadBytes(host, size),
    ];
  });

  const store: Access["store"] = module.function(
    "store",
    ["i64", "i64", "i64", "i64", "i32"],
    "void",
  );
  module.define(store, (f, hart, address, size, value, regime) => {
    const physical = f.i64();
    const host = f.i64();
    const entry = f.i64();
    const index = f.i64();
    const permission = f.i32();
    return [
      when(address.and(4095).add(size).gtU(4096), [
        // Both pages must take the store before either is changed.
        ...inMemory(hart, address, size, RIGHT.write, regime, physical, index),
        index.set(long(0)),
        loop((again) => [
          store.call(hart, address.add(index), long(1), value.shrU(index.shl(3)), regime),
          // The first bytes may have unmapped the second page.
          stopIfFaulted(hart),
          when(index.tee(index.add(1)).ltU(size), [br(again)]),
        ]),
        ret(),
      ]),
      entry.set(tlbEntry(layout, regimeTlb(hart, regime), address)),
      when(isMapped(entry, address, TLB_WRITE), [
        storeBytes(address.add(entry.load64(TLB_WRITE + 8)), size, value),
        ret(),
      ]),
      physical.set(translate.call(hart, address, int(RIGHT.write), regime)),
      stopIfFaulted(hart),
      permission.set(allowed.call(hart, physical, address, size, int(RIGHT.write), regime)),
      when(permission.eqz(), [ret()]),
      host.set(pages.host.call(physical)),
      when(host.eqz(), [
        when(notOnBus(physical, size), [...fault(hart, CAUSE.storeAccess, address), ret()]),
        bus.store.call(
          physical.wrap(),
          size.wrap(),
          value.wrap(),
          value.shrU(32).wrap(),
        ),
        when(long(0).loadI32(MACHINE.mmioFault), [...fault(hart, CAUSE.storeAccess, address)]),
        ret(),
      ]),
      observe(hart, host, address, size, WATCH_KIND.write),
      when(pages.beforeStore.call(hart, host, size), [storeBytes(host, size, value)]),
      when(permission.eq(1).and(pages.flags(host).eqz()), [
        ...install(hart, regime, address, TLB_WRITE, host.sub(address), entry),
      ]),
    ];
  });

  // Atomics are aligned, and only memory takes them.
  const atomic = (
    hart: I64,
    address: I64,
    size: I64,
    regime: I32,
    right: number,
    misaligned: number,
    access: number,
    host: { set(value: I64): Void } & I64,
  ) => [
    when(address.and(size.sub(1)).ne(0), [...fault(hart, misaligned, address), ret(long(1))]),
    host.set(translate.call(hart, address, int(right), regime)),
    stopIfFaulted(hart, long(1)),
    when(
      allowed.call(hart, host, address, size, int(right), regime).eqz(),
      [ret(long(1))],
    ),
    host.set(pages.host.call(host)),
    when(host.eqz(), [...fault(hart, access, address), ret(long(1))]),
  ];

  const amoLoad: Access["amoLoad"] = module.function(
    "amoLoad",
    ["i64", "i64", "i64", "i32"],
    "i64",
  );
  module.define(amoLoad, (f, hart, address, size, regime) => {
    const host = f.i64();
    return [
      ...atomic(
        hart,
        address,
        size,
        regime,
        RIGHT.write,
        CAUSE.storeMisaligned,
        CAUSE.storeAccess,
        host,
      ),
      observe(hart, host, address, size, WATCH_KIND.read),
      loadBytes(host, size),
    ];
  });

  const loadReserved: Access["loadReserved"] = module.function(
    "loadReserved",
    ["i64", "i64", "i64", "i32"],
    "i64",
  );
  module.define(loadReserved, (f, hart, address, size, regime) => {
    const host = f.i64();
    return [
      ...atomic(
        hart,
        address,
        size,
        regime,
        RIGHT.read,
        CAUSE.loadMisaligned,
        CAUSE.loadAccess,
        host,
      ),
      observe(hart, host, address, size, WATCH_KIND.read),
      put(hart, "reservation", address),
      put(hart, "reservationPage", host.sub(layout.ram).shrU(12)),
      loadBytes(host, size),
    ];
  });

  const storeConditional: Access["storeConditional"] = module.function(
    "storeConditional",
    ["i64", "i64", "i64", "i64", "i32"],
    "i64",
  );
  module.define(storeConditional, (f, hart, address, size, value, regime) => {
    const host = f.i64();
    const reserved = f.i64();
    return [
      when(address.and(size.sub(1)).ne(0), [
        ...fault(hart, CAUSE.storeMisaligned, address),
        ret(long(1)),
      ]),
      reserved.set(get(hart, "reservation")),
      put(hart, "reservation", -1),
      when(reserved.ne(address), [ret(long(1))]),
      ...atomic(
        hart,
        address,
        size,
        regime,
        RIGHT.write,
        CAUSE.storeMisaligned,
        CAUSE.storeAccess,
        host,
      ),
      when(host.sub(layout.ram).shrU(12).ne(get(hart, "reservationPage")), [ret(long(1))]),
      observe(hart, host, address, size, WATCH_KIND.write),
      when(pages.beforeStore.call(hart, host, size), [storeBytes(host, size, value)]),
      long(0),
    ];
  });

  const fetchHalf: Access["fetchHalf"] = module.function("fetchHalf", ["i64", "i64", "i32"], "i64");
  module.define(fetchHalf, (f, hart, address, regime) => {
    const host = f.i64();
    return [
      host.set(translate.call(hart, address, int(RIGHT.execute), regime)),
      stopIfFaulted(hart, long(0)),
      when(
        allowed.call(hart, host, address, long(2), int(RIGHT.execute), regime).eqz(),
        [ret(long(0))],
      ),
      host.set(pages.host.call(host)),
      when(host.eqz(), [...fault(hart, CAUSE.fetchAccess, address), ret(long(0))]),
      ...(lint ? [lint.fetchedHalf(hart, host)] : []),
      host.load16U(),
    ];
  });

  const fetchPage: Access["fetchPage"] = module.function("fetchPage", ["i64", "i64", "i32"], "i64");
  module.define(fetchPage, (f, hart, address, regime) => {
    const host = f.i64();
    const decoded = f.i64();
    const entry = f.i64();
    const permission = f.i32();
    return [
      host.set(translate.call(hart, address, int(RIGHT.execute), regime)),
      stopIfFaulted(hart, long(0)),
      permission.set(allowed.call(hart, host, address, long(2), int(RIGHT.execute), regime)),
      when(permission.eqz(), [ret(long(0))]),
      when(permission.eq(2), [ret(long(1))]),
      host.set(pages.host.call(host)),
      when(host.eqz(), [...fault(hart, CAUSE.fetchAccess, address), ret(long(0))]),
      ...(lint ? [lint.fetchedPage(hart, host)] : []),
      decoded.set(pages.decodedPage.call(host)),
      after(
        install(hart, regime, address, TLB_FETCH, decoded, entry),
        decoded,
      ),
    ];
  });
  return { load, store, amoLoad, loadReserved, storeConditional, fetchHalf, fetchPage };
}
