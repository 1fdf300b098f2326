/** Checkpoints that a recording brings along, as a timeline takes them in when it needs them. */
import type { State } from "../core/state.ts";

/** The state of a checkpoint, and its RAM. */
export interface LoadedCheckpoint {
  readonly state: State;
  /** The pages of RAM that are not as at reset. */
  readonly pages: Iterable<number>;
  /** What one of them holds; `undefined` if it is as at reset. @throws Error if it cannot be read */
  readonly page: (page: number) => Uint8Array | undefined;
  /** Of its content: pages with one number hold the same, in all checkpoints of a recording. */
  readonly numberOf?: (page: number) => number | undefined;
  /** Nothing more is asked for. */
  readonly close?: () => void;
}

/** A checkpoint that is not loaded yet, of a state before the inputs of its cycle. */
export interface Stored {
  readonly cycle: number;
  /** Cycles in which some hart acted, since reset. */
  readonly work: number;
  /** What the machine's digest must be there. */
  readonly digest: string;
  /** @throws Error if it cannot be read */
  readonly load: () => LoadedCheckpoint;
}

/** Those that have not been found wrong. */
export class StoredList {
  #list: readonly Stored[];

  /** @param onDropped told of each that turns out to be wrong, and why */
  constructor(
    list: readonly Stored[],
    readonly onDropped: (cycle: number, why: string) => void = () => {},
  ) {
    this.#list = list.toSorted((a, b) => a.cycle - b.cycle);
  }

  /** The last one at or before a cycle. */
  atOrBefore(cycle: number): Stored | undefined {
    return this.#list.findLast((stored) => stored.cycle <= cycle);
  }

  drop(stored: Stored, why: string): void {
    this.#list = this.#list.filter((other) => other !== stored);
    this.onDropped(stored.cycle, why);
  }
}
