/** What a hunt runs, as threads can have it. */
import type { State } from "../../core/state.ts";
import type { ForkPoint } from "../../replay/fork.ts";
import type { LabEvent } from "../../replay/lab_log.ts";
import type { LabPlan } from "../lab_config.ts";
import type { FailOn } from "./verdict.ts";

/** Machines and what connects them; their disks are not written to. */
export interface Specimen extends LabPlan {
  /** Otherwise it is one machine alone: a lab without a network, recorded as a machine is. */
  readonly isLab: boolean;
}

/** Where all its runs begin; every guest is there. */
export interface Fork {
  readonly cycle: number;
  /** In the order of the specimen's. */
  readonly guests: readonly ForkPoint[];
  readonly network: State;
  /** What happened in the network before. */
  readonly events: readonly LabEvent[];
}

/** How each run goes. */
export interface TrialOptions {
  readonly failOn: FailOn;
  /** Cycles after the fork at which a run ends that has not ended by itself. */
  readonly limit: number;
  /** Harts lose time now and then, so that interrupts come at other instructions. */
  readonly steal?: boolean;
}

/** What a thread of a hunt begins with. */
export interface Assignment {
  readonly specimen: Specimen;
  readonly fork: Fork;
  readonly options: TrialOptions;
}
