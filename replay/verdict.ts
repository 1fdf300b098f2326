/** What triage says of a failure. Source: DESIGN, "Host side or guest side". */
export type Side = "host" | "guest" | "emulator" | "external" | "configuration" | "unknown";

export type Origin =
  | "host-injected"
  | "host-environment"
  | "emulator"
  | "configuration"
  | "external"
  | "guest-contract"
  | "guest-logic"
  | "unknown";

export type Response = "tolerated" | "degraded" | "mishandled" | "not visible";

/** A: a replay without it does not fail. B: followed back to it. C: near in time. 0: not known. */
export type Grade = "A" | "B" | "C" | "0";

export interface ChainLink {
  readonly cycle: number;
  readonly what: string;
  /** Shows it. */
  readonly command: string;
}

export interface Trigger {
  /** Absent from the recording's events: the guest's own deed. */
  readonly event: string | null;
  readonly cycle: number;
  readonly device: string;
  readonly what: string;
}

export type Outcome = "necessary" | "not necessary" | "masked by another" | "undetermined";

export interface Counterfactual {
  readonly removed: readonly string[];
  readonly outcome: Outcome;
}

export interface Verdict {
  /** Index among the failures. */
  readonly failure: number;
  readonly side: Side;
  readonly origin: Origin;
  readonly response: Response;
  readonly responsibility: Side;
  readonly grade: Grade;
  readonly trigger: Trigger | null;
  readonly chain: readonly ChainLink[];
  readonly counterfactual: Counterfactual | null;
  readonly assumptions: readonly string[];
}
