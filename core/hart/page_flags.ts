/** The flag byte of each physical page, and the blocks of the harts. */
import { type I64, long, type Void } from "../wasm/code.ts";
import { get, hartBase, type Layout, MACHINE, put } from "./layout.ts";

/** Where the pages of host addresses have what belongs to them. */
export function pageAddresses(layout: Layout) {
  return {
    /** The number of the page of a host address. */
    pageOf: (host: I64): I64 => host.sub(layout.ram).shrU(12),
    /** The address of a page's flag byte. */
    flagsAddress: (page: I64): I64 => page.add(layout.pageFlags),
  };
}

/** The blocks of all harts. */
export function hartBlocks(layout: Layout): I64[] {
  return Array.from({ length: layout.harts }, (_, hart) => long(hartBase(hart)));
}

/** Ends the slice after the current instruction, so that the next one is fetched afresh. */
export function cutSlice(hart: I64): Void[] {
  return [
    put(hart, "granted", get(hart, "granted").sub(get(hart, "left"))),
    put(hart, "left", 0),
    long(0).store32(1, MACHINE.cut),
  ];
}
