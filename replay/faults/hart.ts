/** A hart that its host does not let run: steal time, as a busy hypervisor has it. */
import { MACHINE_DEVICE } from "../../core/host.ts";
import type { TimedFault } from "./injected.ts";

export interface HartFault {
  readonly at: number;
  readonly hart: number;
  /** In cycles. */
  readonly for: number;
}

export function hartFault({ at, hart, for: cycles }: HartFault): TimedFault {
  const text = `hart ${hart} is withheld for ${cycles} cycles`;
  const fault = { fault: "withhold", hart, until: at + cycles } as const;
  return { at, device: MACHINE_DEVICE, fault, text };
}
