/**
 * The page that compiled code reached last through each base register: a copy of a TLB entry, at an
 * address that is known when the code is compiled.
 *
 * They are the running hart's, of one regime, and serve all compiled code. Whatever takes a
 * translation, or the right to store, away from a TLB forgets all of them.
 */
import { type I64, long, type Void } from "../wasm/code.ts";
import { when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import { MACHINE, PAGE_CACHES } from "./layout.ts";

export type AccessKind = "load" | "store";

const KINDS: readonly AccessKind[] = ["load", "store"];
const BASES = 32;
const CACHE_BYTES = 16;

/** Address of the page that accesses of a kind reach through a base register: a tag and an addend, as in a TLB. */
export function pageCache(kind: AccessKind, base: number): number {
  return PAGE_CACHES + (KINDS.indexOf(kind) * BASES + base) * CACHE_BYTES;
}

/** () forgets all of them: no address has the tag that is left. */
export function emitForgetPages(module: Module): WasmFunction<[], "void"> {
  const forget = module.function("forgetPages", [], "void");
  module.define(
    forget,
    () =>
      KINDS.flatMap((kind) =>
        Array.from({ length: BASES }, (_, base) => long(0).store64(long(-1), pageCache(kind, base)))
      ),
  );
  return forget;
}

/** From now on loads and stores use the TLB at an address. Pages of others are forgotten: another hart's, or of another regime. */
export function useTlb(tlb: I64, forgetPages: WasmFunction<[], "void">): Void {
  const machine = long(0);
  return when(machine.load64(MACHINE.tlb).ne(tlb), [
    forgetPages.call(),
    machine.store64(tlb, MACHINE.tlb),
  ]);
}
