/**
 * When a hart that changed what others may hold has done its duty to them.
 *
 * Between a change and the remote fence that follows it, another hart may still go by what was there
 * before: no fault of anybody. So such a use counts only once the hart that made the change is done
 * with it: it has executed a fence of its own that covers the change, and gone back to user mode,
 * which kernels do after their remote fences, not before.
 */

import type { Engine } from "../hart/engine.ts";

/** A store that something held in a cache depended on. */
export interface Change {
  /** Whose store it was. */
  readonly hart: number;
  readonly cycle: number;
  /** In the order of everything that the contract was told. */
  readonly order: number;
}

/** A fence, and what it covers. */
interface Fence<T> {
  readonly order: number;
  /** Returns to user mode before it. */
  readonly userReturns: number;
  readonly what: T;
}

/** Fences of a hart that are remembered. */
const FENCES_MAX = 64;

/** The latest fences of one hart. */
export class Fences<T> {
  readonly #latest: Fence<T>[] = [];

  /** @param userReturns of the hart, so far */
  constructor(readonly userReturns: () => number) {}

  static of<T>(engine: Engine, hart: number): Fences<T> {
    const index = engine.index32(hart, "userReturns");
    return new Fences(() => engine.i32[index]);
  }

  add(order: number, what: T): void {
    if (this.#latest.length === FENCES_MAX) this.#latest.shift();
    this.#latest.push({ order, userReturns: this.userReturns(), what });
  }

  /** Whether the hart is done with what it changed. @param covers whether a fence covers the change */
  isDone({ order }: Change, covers: (what: T) => boolean): boolean {
    const fence = this.#latest.find((fence) => fence.order > order && covers(fence.what));
    return fence !== undefined && this.userReturns() > fence.userReturns;
  }
}
