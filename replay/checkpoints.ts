/**
 * The checkpoints of one course of execution: sorted by cycle, and thinned to a budget so that the
 * gaps between them grow in proportion to the distance from where somebody is stepping.
 */
import { partitionPoint } from "../core/partition_point.ts";
import type { StateValue } from "../core/state.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { HeldBytes } from "./held_bytes.ts";
import type { PageStore } from "./pages.ts";

/** Thinning goes on until this much of the budget is in use, so that it is not done for each new one. */
const THINNED_TO = 0.9;

export class Checkpoints {
  readonly #list: Checkpoint[] = [];
  readonly #states = new HeldBytes();
  /** Cycles at which state was changed by hand, ascending: the checkpoints there hold the changes, and stay. */
  changes: readonly number[] = [];

  /**
   * @param budgetBytes asked before each thinning; the first checkpoint stays whatever it says
   * @param focuses positions, in work, around which checkpoints are kept dense
   * @param spacing gap, in work, below which nothing is gained
   */
  constructor(
    readonly store: PageStore,
    readonly budgetBytes: () => number,
    readonly focuses: () => readonly number[],
    readonly spacing: number,
  ) {}

  get size(): number {
    return this.#list.length;
  }

  get all(): readonly Checkpoint[] {
    return this.#list;
  }

  /** Of pages and states together; pages that machines hold count too. */
  get sizeBytes(): number {
    return this.store.sizeBytes + this.#states.sizeBytes;
  }

  /** The last one at or before a cycle. */
  atOrBefore(cycle: number): Checkpoint | undefined {
    return this.#list[this.#indexAbove(cycle) - 1];
  }

  /** The first one after a cycle. */
  after(cycle: number): Checkpoint | undefined {
    return this.#list[this.#indexAbove(cycle)];
  }

  /** Takes it over, unless there is one at its cycle already. */
  add(checkpoint: Checkpoint): void {
    const index = this.#indexAbove(checkpoint.cycle);
    if (this.#list[index - 1]?.cycle === checkpoint.cycle) {
      this.store.release(checkpoint.content);
      return;
    }
    this.#list.splice(index, 0, checkpoint);
    this.#states.hold(checkpoint.state as StateValue);
    this.thin();
  }

  /** Drops checkpoints until the budget is kept: those first that are least missed. */
  thin(): void {
    const budget = this.budgetBytes();
    if (this.sizeBytes <= budget) return;
    const focuses = this.focuses();
    while (this.sizeBytes > budget * THINNED_TO && this.#list.length > 1) {
      let least: number | undefined;
      let leastMissed = Infinity;
      for (let index = 1; index < this.#list.length; index++) {
        const missed = this.#missed(index, focuses);
        if (missed < leastMissed) [least, leastMissed] = [index, missed];
      }
      if (least === undefined) return;
      this.#drop(least);
    }
  }

  /** Drops all from a cycle on. */
  clear(from = 0): void {
    const index = this.#indexAbove(from - 1);
    while (this.#list.length > index) this.#drop(this.#list.length - 1);
    this.changes = this.changes.filter((cycle) => cycle < from);
  }

  // The replay that a drop would cost, in proportion to the distance from the nearest focus.
  #missed(index: number, focuses: readonly number[]): number {
    const { cycle, work } = this.#list[index];
    if (this.changes.includes(cycle)) return Infinity;
    const next = this.#list[index + 1]?.work ?? work + this.spacing;
    const gap = next - this.#list[index - 1].work;
    let distance = Infinity;
    for (const focus of focuses) distance = Math.min(distance, Math.abs(focus - work));
    return gap / ((distance === Infinity ? 0 : distance) + this.spacing);
  }

  #drop(index: number): void {
    const [checkpoint] = this.#list.splice(index, 1);
    this.store.release(checkpoint.content);
    this.#states.release(checkpoint.state as StateValue);
  }

  #indexAbove(cycle: number): number {
    return partitionPoint(this.#list.length, (index) => this.#list[index].cycle <= cycle);
  }
}
