/**
 * What one hart may hold of page tables: a TLB that forgets nothing but what a fence tells it to.
 *
 * It holds every leaf PTE and every pointer that one of the hart's walks has read, by ASID, or for
 * all of them where the mapping is global. Source: RISC-V privileged specification, 12.2.1.
 */
import {
  GLOBAL,
  has,
  isCovered,
  isPointer,
  LEVELS_MAX,
  type Satp,
  type Step,
} from "./page_tables.ts";

/** A PTE that the hart has read. */
export interface Held extends Step {
  /** The table at which the walk began. */
  readonly root: number;
  /** When, in the order of all that the contract is told. */
  readonly order: number;
}

/** What an `sfence.vma` covers: all where nothing is given. */
export interface Scope {
  readonly page: number | undefined;
  readonly asid: number | undefined;
}

/** PTEs, or fences, that are remembered at most; then all is forgotten. */
const HELD_MAX = 1 << 18;

export class Tlb {
  readonly #spaces = new Map<number, Map<number, Held>>();
  readonly #global = new Map<number, Held>();
  /** By page and level: when a fence for all ASIDs last covered it. */
  readonly #fenced = new Map<number, number>();
  #count = 0;

  /** Whether so much is held that it should be {@link clear}ed. */
  get isFull(): boolean {
    return this.#count > HELD_MAX || this.#fenced.size > HELD_MAX;
  }

  /** Takes the steps of a walk. */
  hold({ asid, root }: Satp, page: number, steps: readonly Step[], order: number): void {
    let space = this.#spaces.get(asid);
    if (!space) this.#spaces.set(asid, space = new Map());
    for (const step of steps) {
      const isGlobal = !isPointer(step.pte) && has(step.pte, GLOBAL);
      this.#put(isGlobal ? this.#global : space, keyOf(step.level, page), {
        ...step,
        root,
        order,
      });
    }
  }

  /** All that may be used for a page under an ASID, the largest first. */
  *find(asid: number, page: number): Generator<Held> {
    const space = this.#spaces.get(asid);
    for (let level = LEVELS_MAX - 1; level >= 0; level--) {
      const key = keyOf(level, page);
      for (const held of [space?.get(key), this.#global.get(key)]) {
        if (held && !this.#isFenced(key, held)) yield held;
      }
    }
  }

  forget(asid: number, page: number, held: Held): void {
    const key = keyOf(held.level, page);
    for (const space of [this.#spaces.get(asid), this.#global]) {
      if (space?.get(key) === held && space.delete(key)) this.#count--;
    }
  }

  clear(): void {
    this.#spaces.clear();
    this.#global.clear();
    this.#fenced.clear();
    this.#count = 0;
  }

  /** Global mappings stay where an ASID is given, pointers where a page is. */
  fence({ page, asid }: Scope, order: number): void {
    if (page === undefined) return asid === undefined ? this.clear() : this.#drop(asid);
    for (let level = 0; level < LEVELS_MAX; level++) {
      const key = keyOf(level, page);
      if (asid === undefined) this.#fenced.set(key, order);
      else this.#dropLeaf(asid, key);
    }
  }

  // What is held stays until a fence, unless the new PTE does all that it does.
  #put(space: Map<number, Held>, key: number, held: Held): void {
    const old = space.get(key);
    if (!old) this.#count++;
    else if (!this.#isFenced(key, old) && !isCovered(old.pte, held.pte)) return;
    space.set(key, held);
  }

  #drop(asid: number): void {
    this.#count -= this.#spaces.get(asid)?.size ?? 0;
    this.#spaces.delete(asid);
  }

  #dropLeaf(asid: number, key: number): void {
    const space = this.#spaces.get(asid);
    const held = space?.get(key);
    if (held && !isPointer(held.pte) && space!.delete(key)) this.#count--;
  }

  #isFenced(key: number, { pte, order }: Held): boolean {
    return !isPointer(pte) && (this.#fenced.get(key) ?? 0) > order;
  }
}

// What a PTE of a level maps, as one number: 45 bits of page, 3 of level.
function keyOf(level: number, page: number): number {
  return Math.floor(page / 512 ** level) * 8 + level;
}
