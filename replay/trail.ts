/** Which hart acted when, over one span of cycles. */
import { partitionPoint } from "../core/partition_point.ts";

/** A stretch of cycles in each of which one hart acted. */
export interface Span {
  readonly hart: number;
  readonly from: number;
  /** The cycle after the last one. */
  readonly to: number;
}

/** A stretch, and what happened in it. */
export interface Acted extends Span {
  /** In how many of them it trapped, and in how many it took an interrupt. */
  readonly traps: number;
  readonly interrupts: number;
}

interface Run {
  readonly from: number;
  to: number;
}

/** Turns of harts kept at most; then the trail begins anew. */
const RUNS_MAX = 200_000;

/** Known without a gap from `from` to `to`. */
export class Trail {
  /** Of each hart, ascending. */
  #runs: Run[][];
  #count = 0;

  constructor(public from: number, readonly harts: number) {
    this.to = from;
    this.#runs = emptyRuns(harts);
  }

  /** The cycle up to which it is known; idle time is known too. */
  to: number;

  /** What happens at the trail's end, or has happened within it and happens again. */
  add({ hart, from, to }: Span): void {
    if (to <= this.to) return;
    if (this.#count > RUNS_MAX) {
      this.#runs = emptyRuns(this.harts);
      this.#count = 0;
      this.from = from;
    }
    this.#push(hart, Math.max(from, this.to), to);
    this.to = to;
  }

  /** The greatest cycle below `before` in which the hart acted, if the trail knows one. */
  lastBefore(hart: number, before: number): number | undefined {
    const runs = this.#runs[hart];
    const count = partitionPoint(runs.length, (index) => runs[index].from < before);
    return count === 0 ? undefined : Math.min(runs[count - 1].to, before) - 1;
  }

  /** Adds a trail that begins where this one ends. */
  append(later: Trail): void {
    later.#runs.forEach((runs, hart) => {
      for (const { from, to } of runs) this.#push(hart, from, to);
    });
    this.to = later.to;
  }

  #push(hart: number, from: number, to: number): void {
    const runs = this.#runs[hart];
    const last = runs.at(-1);
    if (last?.to === from) {
      last.to = to;
      return;
    }
    runs.push({ from, to });
    this.#count++;
  }
}

function emptyRuns(harts: number): Run[][] {
  return Array.from({ length: harts }, () => []);
}
