/** One direction of a link: what becomes of a frame between its two ends. */
import { requireVersion, type State } from "../../core/state.ts";
import { corrupted, corruptedValid } from "./corruption.ts";
import type { DropReason, FabricEvent } from "./events.ts";
import { choice, draw, type ImpairmentKind, type Impairments } from "./impairment.ts";

const NS_PER_SECOND = 1_000_000_000;
const QUEUE_FRAMES_DEFAULT = 1000;
/** More than this cannot be under way: a guest that never stops must not fill the host's memory. */
const UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;

/** A copy of a frame, and the cycle at which it reaches the other end. */
export interface Arrival {
  readonly cycle: number;
  readonly bytes: Uint8Array;
}

/** Why a frame goes no further, and the occurrence that did it. */
export interface Drop {
  readonly reason: DropReason;
  readonly event: string | undefined;
}

/** A copy of a frame, as it is told from all others that enter the same direction. */
export interface Entrant {
  /** Tells senders and copies apart where there are several: ``, `:g1.net0`, `:g1.net0+1`. */
  readonly label: string;
  /** It was its sender's n-th. */
  readonly n: number;
  readonly bytes: Uint8Array;
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

/** How a direction of a link carries frames from a cycle on. */
export interface DirectionTerms {
  readonly cycle: number;
  readonly latency: number;
  readonly impairments: Impairments;
}

export class Direction {
  /** When the rate lets the next frame leave. */
  #free = 0;
  /** When the frames that queue will begin to leave. */
  #queued: number[] = [];
  /** When the last frame arrives that kept its place. */
  #lastArrival = 0;
  #underWayBytes = 0;

  /**
   * @param id `g1.net0:up`
   * @param terms ascending, the first from cycle 0 on
   * @param without occurrences that do not occur
   */
  constructor(
    readonly id: string,
    readonly terms: readonly DirectionTerms[],
    readonly without: ReadonlySet<string>,
  ) {}

  /** @param seed what chance follows from */
  enter(cycle: number, entrant: Entrant, seed: number, onImpaired: OnImpaired): Passage {
    const { latency, impairments } = this.terms.findLast((it) => it.cycle <= cycle)!;
    const { loss, jitter, duplicate, reorder } = impairments;
    const occurs = (kind: ImpairmentKind, chance: number | undefined) =>
      chance !== undefined && draw(seed, this.#event(kind, entrant)) < chance &&
      this.#may(kind, entrant);
    if (this.#underWayBytes > UNDER_WAY_BYTES_MAX) {
      return { arrivals: [], dropped: { reason: "queue", event: undefined } };
    }
    if (occurs("loss", loss)) return this.#dropped("loss", entrant);
    const departure = this.#depart(cycle, entrant, impairments);
    if (departure === undefined) return this.#dropped("queue", entrant);

    const content = this.#corrupt(entrant, seed, impairments, onImpaired);
    let arrival = departure + latency;
    if (jitter !== undefined && this.#may("jitter", entrant)) {
      const delay = choice(seed, this.#event("jitter", entrant), jitter + 1);
      if (delay > 0) onImpaired(this.#event("jitter", entrant), "jitter", delay);
      arrival += delay;
    }
    arrival = Math.max(arrival, this.#lastArrival);
    if (occurs("reorder", reorder?.chance)) {
      onImpaired(this.#event("reorder", entrant), "reorder", reorder!.delay);
      arrival += reorder!.delay;
    } else this.#lastArrival = arrival;
    const arrivals = [{ cycle: arrival, bytes: content }];
    if (occurs("duplicate", duplicate?.chance)) {
      onImpaired(this.#event("duplicate", entrant), "duplicate", duplicate!.delay);
      arrivals.push({ cycle: arrival + duplicate!.delay, bytes: content });
    }
    this.#underWayBytes += arrivals.length * content.length;
    return { arrivals };
  }

  /** What entered has come to the other end. */
  arrived(bytes: Uint8Array): void {
    this.#underWayBytes -= bytes.length;
  }

  save(): State {
    return {
      version: 1,
      free: this.#free,
      queued: this.#queued,
      lastArrival: this.#lastArrival,
      underWayBytes: this.#underWayBytes,
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    this.#free = state.free as number;
    this.#queued = [...state.queued as number[]];
    this.#lastArrival = state.lastArrival as number;
    this.#underWayBytes = state.underWayBytes as number;
  }

  /** When the frame has left, at the link's rate; `undefined` if it finds the queue full. */
  #depart(
    cycle: number,
    entrant: Entrant,
    { rate, queue = QUEUE_FRAMES_DEFAULT }: Impairments,
  ): number | undefined {
    if (rate === undefined) return cycle;
    while (this.#queued[0] <= cycle) this.#queued.shift();
    if (this.#queued.length >= queue && this.#may("queue", entrant)) return undefined;
    const start = Math.max(cycle, this.#free);
    if (start > cycle) this.#queued.push(start);
    return this.#free = start + Math.ceil(entrant.bytes.length * 8 * NS_PER_SECOND / rate);
  }

  #corrupt(
    entrant: Entrant,
    seed: number,
    impairments: Impairments,
    onImpaired: OnImpaired,
  ): Uint8Array {
    let content = entrant.bytes;
    for (const [kind, change] of CORRUPTIONS) {
      const event = this.#event(kind, entrant);
      const chance = impairments[kind];
      if (chance === undefined || draw(seed, event) >= chance || !this.#may(kind, entrant)) {
        continue;
      }
      const changed = change(content, (bound) => choice(seed, event, bound));
      if (changed === undefined) continue;
      onImpaired(event, kind, 0);
      content = changed;
    }
    return content;
  }

  #dropped(kind: "loss" | "queue", entrant: Entrant): Passage {
    return { arrivals: [], dropped: { reason: kind, event: this.#event(kind, entrant) } };
  }

  #event(kind: ImpairmentKind, { label, n }: Entrant): string {
    return `${this.id}/${kind}${label}#${n}`;
  }

  #may(kind: ImpairmentKind, entrant: Entrant): boolean {
    return this.without.size === 0 || !this.without.has(this.#event(kind, entrant));
  }
}

const CORRUPTIONS = [["corrupt", corrupted], ["corrupt-valid", corruptedValid]] as const;
