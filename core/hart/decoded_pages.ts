/**
 * The decoded form of pages of code.
 *
 * Code is coherent by definition: a store to a page that has a decoded form drops the records that
 * cover the stored bytes, so that the next instruction is decoded from what memory holds.
 */
import { type I64, long } from "../wasm/code.ts";
import { br, loop, memoryFill, rarely, ret, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  DECODED_PAGES,
  HEADER,
  HEAT,
  type Layout,
  MACHINE,
  PAGE,
  RECORD_BYTES,
  SLOTS,
  TLB_FETCH,
  tlbOffset,
} from "./layout.ts";
import type { Lint } from "./linting.ts";
import { RUN_MAX } from "./fusions.ts";
import { OP_PAGE_END, OP_UNDECODED } from "./ops.ts";
import { cutSlice, hartBlocks, pageAddresses } from "./page_flags.ts";
import type { Translations } from "./translations.ts";

/** Stores to a page of code after which its decoded form is dropped as a whole. */
const CODE_STORES_MAX = 64;
/** The same where it must be known what is stored to code: enough for a page to be filled twice. */
const LINTED_CODE_STORES_MAX = 1024;

export interface DecodedPages {
  /** (host address within a page) → its decoded page, made if need be. */
  readonly decodedPage: WasmFunction<["i64"], "i64">;
  /** (hart, host address, bytes): forgets the records that cover bytes of a page of code. */
  readonly dropRecords: WasmFunction<["i64", "i64", "i64"], "void">;
}

export function emitDecodedPages(
  module: Module,
  layout: Layout,
  translations: Translations,
  dropCompiled: WasmFunction<["i32"], "void">,
  lint: Lint | undefined,
): DecodedPages {
  const { pageOf, flagsAddress } = pageAddresses(layout);
  const machine = long(0);
  const decodedAddress = (index: I64) => index.mul(DECODED_BYTES).add(layout.decoded);
  const codeMapAddress = (page: I64) => page.shl(2).add(layout.codeMap);

  // Compiled code is whole: a change to any of its instructions forgets all that the page has.
  const forgetCompiled = (index: I64) =>
    rarely(decodedAddress(index).loadI32(DECODED_HEADER + HEADER.compiled), [
      dropCompiled.call(index.wrap()),
    ]);

  // Forgets the decoded form of one page.
  const dropCode = module.function("dropCode", ["i64"], "void");
  module.define(dropCode, (f, page) => {
    const index = f.i64();
    const entry = f.i64();
    const end = f.i64();
    const flags = f.i64();
    return [
      index.set(codeMapAddress(page).load32U().sub(1)),
      forgetCompiled(index),
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
      decodedAddress(index).storeI32(
        machine.loadI32(MACHINE.decodedFree),
        DECODED_HEADER + HEADER.nextFree,
      ),
      machine.store32(index.add(1), MACHINE.decodedFree),
      ...hartBlocks(layout).flatMap((hart) =>
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

  const dropRecords = module.function("dropRecords", ["i64", "i64", "i64"], "void");
  module.define(dropRecords, (f, hart, hostAddress, size) => {
    const page = f.i64();
    const decoded = f.i64();
    const record = f.i64();
    const last = f.i64();
    const stores = f.i32();
    const storesMax = lint ? LINTED_CODE_STORES_MAX : CODE_STORES_MAX;
    return [
      ...(lint ? [lint.codeStored(hart, hostAddress, size)] : []),
      page.set(pageOf(hostAddress)),
      decoded.set(decodedAddress(codeMapAddress(page).load32U().sub(1))),
      stores.set(decoded.loadI32(DECODED_HEADER + HEADER.stores).add(1)),
      decoded.storeI32(stores, DECODED_HEADER + HEADER.stores),
      // A page that is written again and again is data now: let its stores be fast.
      when(stores.gtU(storesMax), [dropCode.call(page), ...cutSlice(hart), ret()]),
      rarely(decoded.loadI32(DECODED_HEADER + HEADER.compiled), [
        dropCompiled.call(codeMapAddress(page).load32U().sub(1).wrap()),
        ...cutSlice(hart),
      ]),
      // A run of instructions of 4 bytes may have the first stored one as its last but one.
      record.set(hostAddress.and(4095).sub(4 * RUN_MAX - 2)),
      when(record.ltS(0), [record.set(long(0))]),
      record.set(record.shrU(1).mul(RECORD_BYTES).add(decoded)),
      last.set(
        hostAddress.and(4095).add(size).sub(1).shrU(1).mul(RECORD_BYTES).add(decoded),
      ),
      loop((again) => [
        record.store16(OP_UNDECODED),
        when(record.tee(record.add(RECORD_BYTES)).leU(last), [br(again)]),
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
        machine.storeI32(
          decodedAddress(index).loadI32(DECODED_HEADER + HEADER.nextFree),
          MACHINE.decodedFree,
        ),
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
          machine.storeI32(
            decodedAddress(index).loadI32(DECODED_HEADER + HEADER.nextFree),
            MACHINE.decodedFree,
          ),
        ], [
          machine.store32(index.add(1), MACHINE.decodedCount),
        ]),
      ]),
      codeMapAddress(page).store32(index.add(1)),
      decodedAddress(index).store32(page, DECODED_HEADER),
      decodedAddress(index).store32(0, DECODED_HEADER + HEADER.stores),
      decodedAddress(index).store32(OP_PAGE_END, SLOTS * RECORD_BYTES),
      memoryFill(decodedAddress(index).add(HEAT), 0, long(SLOTS * RECORD_BYTES)),
      value.set(flagsAddress(page).loadI32From8U()),
      ...translations.setFlag(hostAddress, value, PAGE.code),
      decodedAddress(index),
    ];
  });

  return { decodedPage, dropRecords };
}
