/**
 * The guests of a recorded lab, each under a debugger of its own, and the time that they share: one
 * client may ask the others to be where it is.
 */
import type { BranchLog } from "../replay/cursor.ts";
import type { NotedEvent } from "../replay/lab_log.ts";
import { describeEnd, type LogEnd } from "../replay/log.ts";
import type { Debugger } from "./debugger.ts";

/** Kinds of which a link may have more or less. */
export const LINK_CHANGES = [
  ...["partition", "flap", "latency", "jitter", "loss", "duplicate", "reorder"],
  ...["corrupt", "corrupt-valid", "rate", "queue"],
] as const;

/** What shall be otherwise with a link. */
export interface LinkChange {
  /** From this cycle on. */
  readonly at: number;
  /** `g1.net0`, or one way alone: `g1.net0:up`. */
  readonly link: string;
  readonly kind: string;
  /** A chance from 0 to 1; of some kinds cycles, bits per second or frames. */
  readonly amount?: number;
  /** Cycles; for good if absent. */
  readonly forCycles?: number;
}

/** What the lab would have done with other links, from a cycle on. */
export interface LabBranch {
  readonly from: number;
  /** The first is that of `from`. */
  readonly changes: readonly LinkChange[];
  /** Its last cycle. */
  readonly end: number;
  /** By guest. */
  readonly logs: ReadonlyMap<string, BranchLog & { readonly end: LogEnd }>;
  /** The cycles in which frames left their senders, by their ids. */
  readonly sentAt: ReadonlyMap<string, number>;
  /** What the network did. */
  readonly events: readonly NotedEvent[];
  /** What nobody knows of it, one line each. */
  readonly unknown: readonly string[];
}

/** One guest, as the clients of all guests know it. */
export class LabGuest {
  readonly #open: (at: number) => Promise<Debugger>;
  readonly #end: number;
  readonly #ending: string;
  #at: number;
  /** To which its client is to come once there is one. */
  #branch: LabBranch | undefined;
  #debug: Debugger | undefined;

  /**
   * @param end its last cycle
   * @param ending how it ended, in a word or two
   * @param at where its client begins
   * @param open makes a debugger on a cursor of its own
   */
  constructor(
    readonly name: string,
    end: number,
    ending: string,
    at: number,
    open: (at: number) => Promise<Debugger>,
  ) {
    this.#end = end;
    this.#ending = ending;
    this.#at = Math.min(at, end);
    this.#open = open;
  }

  /** Its last cycle, on the branch on which its client is. */
  get end(): number {
    return this.#log?.endCycle ?? this.#end;
  }

  get ending(): string {
    return this.#log ? describeEnd(this.#log.end) : this.#ending;
  }

  get #log() {
    return (this.#debug ? this.#debug.labBranch : this.#branch)?.logs.get(this.name);
  }

  /** Where its client is. */
  get cycle(): number {
    return this.#debug?.cursor.cycle ?? this.#at;
  }

  /** Where its client will be once it looks; `undefined`: where it is. */
  get wanted(): number | undefined {
    return this.#debug?.wanted;
  }

  /** Its client, the first of them that is opened, moves with the lab; others are for looking aside. */
  async open(): Promise<Debugger> {
    const debug = await this.#open(this.#at);
    if (this.#debug === undefined) {
      this.#debug = debug;
      if (this.#branch) await debug.follow(this.#branch, this.#at);
    }
    return debug;
  }

  /** A debugger that moves nobody: to look aside, on the branch where one is. Its cursor is to be closed. */
  async aside(cycle: number, branch?: LabBranch): Promise<Debugger> {
    const debug = await this.#open(branch ? Math.min(branch.from, this.#end) : cycle);
    if (branch) await debug.follow(branch, cycle);
    return debug;
  }

  /**
   * Asks its client to go to a cycle, or as close to it as this guest goes.
   * @param branch absent: of the recording
   */
  want(cycle: number, branch?: LabBranch): void {
    const at = Math.min(cycle, branch?.logs.get(this.name)?.endCycle ?? this.#end);
    const debug = this.#debug;
    if (debug === undefined) [this.#at, this.#branch] = [at, branch];
    else {
      const isThere = at === debug.cursor.cycle && branch === debug.labBranch;
      debug.wanted = isThere ? undefined : at;
      debug.wantedBranch = branch;
    }
  }
}

/** A debugger's place in its lab. */
export interface LabPlace {
  readonly name: string;
  /** All of them, in their order. */
  readonly guests: readonly LabGuest[];
  /** The cycle in which a frame left its sender, by its id; `undefined`: there is no such frame. */
  readonly sentAt: (id: string) => Promise<number | undefined>;
  /**
   * What the lab would have done, had its links been changed; in order of cycle.
   * @throws RangeError for a change that cannot be
   */
  readonly change: (changes: readonly LinkChange[], signal?: AbortSignal) => Promise<LabBranch>;
}
