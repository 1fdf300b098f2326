/**
 * The rule of `fence.i`: a hart may go on with instructions that it has fetched before, whatever was
 * stored since. Source: RISC-V unprivileged specification, "Zifencei".
 *
 * Each hart has an instruction cache that forgets nothing but by `fence.i`. It holds the physical
 * pages that the hart has fetched from: hardware fetches ahead, by lines and more.
 */
import type { Engine } from "../hart/engine.ts";
import { DRAM } from "../hart/layout.ts";
import type { Report } from "./contract.ts";
import { type Change, Fences } from "./duty.ts";

const RULE = "RISC-V unprivileged, Zifencei";
const PAGE_BYTES = 4096;
const SLOTS = PAGE_BYTES / 2;

/** Two bytes that were stored to, after which a hart may still hold the old ones. */
interface Stale extends Change {
  readonly old: number;
}

/** What one hart may hold. */
class InstructionCache {
  /** Pages of RAM that it has fetched from. */
  readonly pages = new Set<number>();
  /** By place in RAM / 2. */
  readonly stale = new Map<number, Stale>();
}

export class Code {
  readonly #caches: readonly InstructionCache[];
  readonly #fences: readonly Fences<undefined>[];
  #order = 0;

  constructor(
    readonly engine: Engine,
    readonly cycle: () => number,
    readonly report: Report,
  ) {
    const harts = Array.from({ length: engine.layout.harts }, (_, hart) => hart);
    this.#caches = harts.map(() => new InstructionCache());
    this.#fences = harts.map((hart) => Fences.of(engine, hart));
  }

  /** See `Observer`. */
  fetchedPage(hart: number, page: number): void {
    this.#caches[hart].pages.add(page);
  }

  /** See `Observer`. */
  stored(hart: number, page: number, offset: number, sizeBytes: number): void {
    const first = page * SLOTS + (offset >> 1);
    const last = page * SLOTS + (offset + sizeBytes - 1 >> 1);
    const change = { hart, cycle: this.cycle(), order: ++this.#order };
    for (const { pages, stale } of this.#caches) {
      if (!pages.has(page)) continue;
      for (let half = first; half <= last; half++) {
        const old = stale.get(half)?.old ?? this.#half(half);
        stale.set(half, { ...change, old });
      }
    }
  }

  /** See `Observer`. */
  isSuspicious(page: number, slot: number): boolean {
    return this.#caches.some(({ stale }) => stale.has(page * SLOTS + slot));
  }

  /** See `Observer`. */
  fetchedHalf(hart: number, half: number): void {
    const { pages, stale } = this.#caches[hart];
    pages.add(Math.floor(half / SLOTS));
    const change = stale.get(half);
    if (!change || change.old === this.#half(half)) return;
    if (change.hart !== hart && !this.#fences[change.hart].isDone(change, () => true)) return;
    stale.delete(half);
    const physical = `0x${(DRAM + half * 2).toString(16)}`;
    const by = change.hart === hart ? "were stored" : `hart ${change.hart} stored`;
    this.report(
      hart,
      0,
      RULE,
      `a fetch at physical ${physical} may still see what was there before the bytes that ${by} ` +
        `at cycle ${change.cycle}: there was no fence.i`,
    );
  }

  /** See `Observer`. */
  fenced(hart: number): void {
    const { pages, stale } = this.#caches[hart];
    this.#fences[hart].add(++this.#order, undefined);
    pages.clear();
    const halves = [...stale.keys()];
    stale.clear();
    for (const half of halves) this.#clear(half);
    this.engine.forgetFetches(hart);
  }

  // Lets an instruction be decoded as any other, unless another hart must not use it.
  #clear(half: number): void {
    const [page, slot] = [Math.floor(half / SLOTS), half % SLOTS];
    if (this.isSuspicious(page, slot)) return;
    this.engine.forgetSuspicious(page, slot);
    if (slot > 0) this.engine.forgetSuspicious(page, slot - 1);
  }

  #half(half: number): number {
    return this.engine.u16[this.engine.layout.ram / 2 + half];
  }
}
