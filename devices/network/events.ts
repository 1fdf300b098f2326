/** What a lab's network reports: what became of each frame, and what the impairments did. */
import type { FrameId } from "../../core/host.ts";
import type { ImpairmentKind } from "./impairment.ts";

/**
 * Why a frame went no further. `queue`: too many were under way. `no-port`: a switch knows that it is
 * where it came from. `off`: who should receive it has ended. `runt`: below 14 bytes.
 */
export type DropReason = "loss" | "queue" | "link-down" | "partition" | "runt" | "no-port" | "off";

/**
 * In order of cycle, and the same in every run of the same lab. A frame that nothing was reported
 * about is under way.
 */
export type FabricEvent =
  /** A copy of the frame entered this NIC. */
  | {
    readonly kind: "delivered";
    readonly cycle: number;
    readonly frame: FrameId;
    /** `g2/net0`. */
    readonly to: string;
  }
  /** A copy of the frame ended here. */
  | {
    readonly kind: "dropped";
    readonly cycle: number;
    readonly frame: FrameId;
    /** A direction of a link, a switch or a NIC: `g1.net0:up`, `lan`, `g2/net0`. */
    readonly at: string;
    readonly reason: DropReason;
    /** The occurrence of an impairment that did it. */
    readonly event: string | undefined;
  }
  /** A switch sent the frame on to so many links, each a copy. */
  | {
    readonly kind: "forwarded";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly at: string;
    readonly copies: number;
  }
  /** An impairment changed a copy of the frame, delayed it or made another copy. */
  | {
    readonly kind: "impaired";
    readonly cycle: number;
    readonly frame: FrameId;
    readonly event: string;
    readonly what: Exclude<ImpairmentKind, "loss" | "queue">;
    /** Cycles that it adds; 0 for corruption. */
    readonly delay: number;
  }
  /** An interval of a link's partition or flap begins or ends, or other terms begin. */
  | {
    readonly kind: "link";
    readonly cycle: number;
    readonly link: string;
    readonly event: string;
    readonly what: "partition" | "flap" | "terms";
    readonly begins: boolean;
  };
