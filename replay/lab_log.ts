/**
 * What a recording says of a lab's network beside what its guests' logs say: a frame that reached a
 * guest stands in that guest's log, with its id; here is what became of the others, and what was
 * done to any.
 */
import type { FrameId } from "../core/host.ts";

/** As the network reports it. `at`, `link` and `what` are names of its own. */
export type LabEvent =
  /** A copy of the frame entered a NIC, `g2/net0`. */
  | {
    readonly kind: "delivered";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly to: string;
  }
  /** A copy of the frame ended here, perhaps by an occurrence of an impairment. */
  | {
    readonly kind: "dropped";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly at: string;
    readonly reason: string;
    readonly event: string | undefined;
  }
  /** So many copies went on from here. */
  | {
    readonly kind: "forwarded";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly at: string;
    readonly copies: number;
  }
  /** An impairment changed or delayed a copy, or made another one. */
  | {
    readonly kind: "impaired";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly event: string;
    readonly what: string;
    /** In cycles. */
    readonly delay: number;
  }
  /** Something that concerns all of a link begins or ends. */
  | {
    readonly kind: "link";
    readonly cycle: number;
    readonly link: string;
    readonly event: string;
    readonly what: string;
    readonly begins: boolean;
  };

/** What is written down: neither what receivers' logs say nor that a frame simply went on. */
export type NotedEvent = Exclude<LabEvent, { kind: "delivered" }>;

export function isNoted(event: LabEvent): event is NotedEvent {
  return event.kind !== "delivered" && !(event.kind === "forwarded" && event.copies === 1);
}

/** All that happened from one cycle to before another. */
export interface LabPart {
  /** `lastCycle` of the part before, or 0. */
  readonly firstCycle: number;
  readonly lastCycle: number;
  /** In order of cycle. */
  readonly events: readonly NotedEvent[];
}

/** What happened in a lab's network until it ended, or was cut. */
export interface LabLog {
  readonly events: readonly NotedEvent[];
  readonly endCycle: number;
  readonly isCut: boolean;
}
