/** What shall go wrong, by class; each class is one file beside this one. */
import { type ClockFault, clockFault } from "./clock.ts";
import type { ConsoleFault } from "./console.ts";
import type { DiskFault } from "./disk.ts";
import { type HartFault, hartFault } from "./hart.ts";
import type { TimedFault } from "./injected.ts";
import { type InterruptFault, interruptFault } from "./interrupt.ts";
import { type MemoryFault, memoryFault } from "./memory.ts";
import type { StealPlan } from "./steal.ts";

export interface FaultPlan {
  readonly disk?: readonly DiskFault[];
  readonly memory?: readonly MemoryFault[];
  readonly interrupt?: readonly InterruptFault[];
  readonly clock?: readonly ClockFault[];
  readonly hart?: readonly HartFault[];
  readonly console?: readonly ConsoleFault[];
  readonly steal?: StealPlan;
}

/** What befalls the machine at cycles that the plan names, in their order. */
export function timedFaults(plan: FaultPlan): TimedFault[] {
  return [
    ...(plan.memory ?? []).map(memoryFault),
    ...(plan.interrupt ?? []).map(interruptFault),
    ...(plan.clock ?? []).map(clockFault),
    ...(plan.hart ?? []).map(hartFault),
  ].sort((a, b) => a.at - b.at);
}
