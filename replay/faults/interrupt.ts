/** Interrupts that come without a cause, late, or not at all. */
import { type INTERRUPT_FAULTS, PLIC_DEVICE } from "../../core/fault.ts";
import type { TimedFault } from "./injected.ts";

export interface InterruptFault {
  readonly at: number;
  /** Whose line it is. */
  readonly device: string;
  /** The line's number at the interrupt controller. */
  readonly source: number;
  readonly fault: typeof INTERRUPT_FAULTS[number];
  /** Of `late`: how many cycles long nothing is forwarded. */
  readonly for?: number;
}

export function interruptFault(row: InterruptFault): TimedFault {
  const { at, device, source, fault: how, for: cycles } = row;
  const whose = `interrupt ${source} (${device})`;
  const text = {
    spurious: `${whose} without a cause`,
    lost: `the next ${whose} is lost`,
    late: `${whose} is held back for ${cycles} cycles`,
  }[how];
  const until = how === "late" ? { until: at + (cycles ?? 0) } : {};
  const fault = { fault: "interrupt", source, how, ...until } as const;
  return { at, device: PLIC_DEVICE, fault, text };
}
