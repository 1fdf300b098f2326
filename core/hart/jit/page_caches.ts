/**
 * The last page that was reached through each base register: a TLB entry in two locals.
 *
 * They stay right while a region runs: whatever takes a translation or a right to store away makes
 * the region end (see `leave`), and locals begin anew with the next call.
 */
import { long, type Void } from "../../wasm/code.ts";
import type { FunctionBuilder, LocalOf } from "../../wasm/module.ts";
import { TRAITS } from "../traits.ts";
import type { Region } from "./region.ts";

/** Accesses through a base register from which on a cache for it pays. */
const ACCESSES_MIN = 2;

export type AccessKind = "load" | "store";

/** A page: what an address in it has in its upper bits, and what leads from there to this memory. */
export interface PageCache {
  readonly tag: LocalOf<"i64">;
  readonly addend: LocalOf<"i64">;
}

/** The page caches of a region. */
export class PageCaches {
  readonly #counts = new Map<string, number>();
  readonly #caches = new Map<string, PageCache>();
  /** Base registers that follow a list: where they lead is another page each time. */
  readonly #chased = new Set<number>();

  constructor(readonly builder: FunctionBuilder, { blocks }: Region) {
    for (const { instructions } of blocks.values()) {
      for (const { decoded } of instructions) {
        const kind = TRAITS[decoded.index].memory;
        if (!kind) continue;
        if (kind === "load" && decoded.rd === decoded.rs1) this.#chased.add(decoded.rs1);
        const key = `${kind} ${decoded.rs1}`;
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      }
    }
  }

  /** The cache of accesses of a kind through a base register; undefined if there is none. */
  of(kind: AccessKind, base: number): PageCache | undefined {
    const key = `${kind} ${base}`;
    if (this.#chased.has(base) || (this.#counts.get(key) ?? 0) < ACCESSES_MIN) return undefined;
    let cache = this.#caches.get(key);
    if (!cache) {
      cache = { tag: this.builder.i64(), addend: this.builder.i64() };
      this.#caches.set(key, cache);
    }
    return cache;
  }

  /** No address has this tag. Only once all of the region has been emitted. */
  clear(): Void[] {
    return [...this.#caches.values()].map(({ tag }) => tag.set(long(-1)));
  }
}
