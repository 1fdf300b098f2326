/** Page tables for test guests. Source: RISC-V privileged specification, 12.3 to 12.6. */
import type { Segment } from "./guest_cases.ts";

/** Bits of a page-table entry. */
export const PTE = {
  V: 1n,
  R: 2n,
  W: 4n,
  X: 8n,
  U: 16n,
  G: 32n,
  A: 64n,
  D: 128n,
} as const;

/** A translation scheme: the number of levels, and its code in `satp`. */
export const SCHEMES = {
  Sv39: { levels: 3, mode: 8n },
  Sv48: { levels: 4, mode: 9n },
  Sv57: { levels: 5, mode: 10n },
} as const;

export type Scheme = keyof typeof SCHEMES;

const PAGE_SIZE = 4096;

/** Tables under construction, from an address upward. */
export class PageTables {
  readonly #pages = new Map<number, BigUint64Array>();
  readonly #scheme: Scheme;
  readonly #root: number;
  #next: number;

  constructor(scheme: Scheme, address: number) {
    this.#scheme = scheme;
    this.#root = this.#next = address;
    this.#page();
  }

  /** What `satp` must hold. */
  get satp(): bigint {
    return SCHEMES[this.#scheme].mode << 60n | BigInt(this.#root / PAGE_SIZE);
  }

  get segments(): Segment[] {
    return [...this.#pages].map(([address, entries]) => ({
      address,
      bytes: new Uint8Array(entries.buffer),
    }));
  }

  /**
   * Puts an entry for a virtual address.
   * @param physical of the page or table; its low bits may make a superpage misaligned
   * @param level 0 for a page of 4 KiB, 1 for 2 MiB, …
   * @returns the address of the entry
   */
  put(virtual: bigint, physical: number, bits: bigint, level = 0): number {
    let table = this.#root;
    for (let at = SCHEMES[this.#scheme].levels - 1; at > level; at--) {
      const index = this.#index(virtual, at);
      const entries = this.#pages.get(table)!;
      if (entries[index] === 0n) {
        const next = this.#page();
        entries[index] = pte(next, PTE.V);
      }
      table = Number(entries[index] >> 10n) * PAGE_SIZE;
    }
    const index = this.#index(virtual, level);
    this.#pages.get(table)![index] = pte(physical, bits);
    return table + index * 8;
  }

  #index(virtual: bigint, level: number): number {
    return Number(virtual >> BigInt(12 + 9 * level) & 511n);
  }

  #page(): number {
    const address = this.#next;
    this.#next += PAGE_SIZE;
    this.#pages.set(address, new BigUint64Array(PAGE_SIZE / 8));
    return address;
  }
}

/** An entry that points at an address. */
export function pte(physical: number, bits: bigint): bigint {
  return BigInt(Math.floor(physical / PAGE_SIZE)) << 10n | bits;
}
