/** One direction of a link: what becomes of a frame between its two ends. */
import { requireVersion, type State } from "../../core/state.ts";
import { corrupted, corruptedValid } from "./corruption.ts";
import type { DropReason, FabricEvent } from "./events.ts";
import { choice, draw, type ImpairmentKind, type Impairments } from "./impairment.ts";

const NS_PER_SECOND = 1_000_000_000;
const QUEUE_FRAMES_DEFAULT = 1000;

/** A copy of a frame, and the cycle at which it reaches the other end. */
export interface Arrival {
  readonly cycle: number;
  readonly bytes: Uint8Array;
}

/** Why a frame goes no further, and the occurrence that did it. */
export interface Drop {
  readonly reason: DropReason;
  readonly event: string;
}

/** What befell a frame on entering. */
export interface Passage {
  readonly arrivals: readonly Arrival[];
  readonly dropped?: Drop;
}

/** Called with what an impairment did to the frame. */
export type OnImpaired = (
  event: string,
  what: Extract<FabricEvent, { kind: "impaired" }>["what"],
  delay: number,
) => void;

export class Direction {
  /** How many frames have entered. */
  #entered = 0;
  /** When the rate lets the next frame leave. */
  #free = 0;
  /** When the frames that queue will begin to leave. */
  #queued: number[] = [];
  /** When the last frame arrives that kept its place. */
  #lastArrival = 0;

  /**
   * @param id `g1.net0:up`
   * @param without occurrences that do not occur
   */
  constructor(
    readonly id: string,
    readonly latency: number,
    readonly impairments: Impairments,
    readonly without: ReadonlySet<string>,
  ) {}

  /** @param seed what chance follows from */
  enter(cycle: number, bytes: Uint8Array, seed: number, onImpaired: OnImpaired): Passage {
    const n = this.#entered++;
    const { loss, jitter, duplicate, reorder } = this.impairments;
    const occurs = (kind: ImpairmentKind, chance: number | undefined) =>
      chance !== undefined && draw(seed, this.#event(kind, n)) < chance && this.#may(kind, n);
    if (occurs("loss", loss)) return this.#dropped("loss", n);
    const departure = this.#depart(cycle, bytes.length, n);
    if (departure === undefined) return this.#dropped("queue", n);

    const content = this.#corrupt(bytes, seed, n, onImpaired);
    let arrival = departure + this.latency;
    if (jitter !== undefined && this.#may("jitter", n)) {
      const delay = choice(seed, this.#event("jitter", n), jitter + 1);
      if (delay > 0) onImpaired(this.#event("jitter", n), "jitter", delay);
      arrival += delay;
    }
    arrival = Math.max(arrival, this.#lastArrival);
    if (occurs("reorder", reorder?.chance)) {
      onImpaired(this.#event("reorder", n), "reorder", reorder!.delay);
      arrival += reorder!.delay;
    } else this.#lastArrival = arrival;
    const arrivals = [{ cycle: arrival, bytes: content }];
    if (occurs("duplicate", duplicate?.chance)) {
      onImpaired(this.#event("duplicate", n), "duplicate", duplicate!.delay);
      arrivals.push({ cycle: arrival + duplicate!.delay, bytes: content });
    }
    return { arrivals };
  }

  /** A frame comes and cannot enter; those that do keep their numbers. */
  refuse(): void {
    this.#entered++;
  }

  save(): State {
    return {
      version: 1,
      entered: this.#entered,
      free: this.#free,
      queued: this.#queued,
      lastArrival: this.#lastArrival,
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    this.#entered = state.entered as number;
    this.#free = state.free as number;
    this.#queued = [...state.queued as number[]];
    this.#lastArrival = state.lastArrival as number;
  }

  /** When the frame has left, at the link's rate; `undefined` if it finds the queue full. */
  #depart(cycle: number, sizeBytes: number, n: number): number | undefined {
    const { rate, queue = QUEUE_FRAMES_DEFAULT } = this.impairments;
    if (rate === undefined) return cycle;
    while (this.#queued[0] <= cycle) this.#queued.shift();
    if (this.#queued.length >= queue && this.#may("queue", n)) return undefined;
    const start = Math.max(cycle, this.#free);
    if (start > cycle) this.#queued.push(start);
    return this.#free = start + Math.ceil(sizeBytes * 8 * NS_PER_SECOND / rate);
  }

  #corrupt(bytes: Uint8Array, seed: number, n: number, onImpaired: OnImpaired): Uint8Array {
    let content = bytes;
    for (const [kind, change] of CORRUPTIONS) {
      const event = this.#event(kind, n);
      const chance = this.impairments[kind];
      if (chance === undefined || draw(seed, event) >= chance || !this.#may(kind, n)) continue;
      const changed = change(content, (bound) => choice(seed, event, bound));
      if (changed === undefined) continue;
      onImpaired(event, kind, 0);
      content = changed;
    }
    return content;
  }

  #dropped(kind: "loss" | "queue", n: number): Passage {
    return { arrivals: [], dropped: { reason: kind, event: this.#event(kind, n) } };
  }

  #event(kind: ImpairmentKind, n: number): string {
    return `${this.id}/${kind}#${n}`;
  }

  #may(kind: ImpairmentKind, n: number): boolean {
    return this.without.size === 0 || !this.without.has(this.#event(kind, n));
  }
}

const CORRUPTIONS = [["corrupt", corrupted], ["corrupt-valid", corruptedValid]] as const;
