/** A clock that jumps: mtime goes on from another value. */
import { CLINT_DEVICE } from "../../core/fault.ts";
import { CYCLES_PER_TICK } from "../../core/timers.ts";
import type { TimedFault } from "./injected.ts";

export interface ClockFault {
  readonly at: number;
  /** In nanoseconds, forward or back; whole ticks of it count. */
  readonly jump: number;
}

export function clockFault({ at, jump }: ClockFault): TimedFault {
  const ticks = BigInt(Math.trunc(jump / CYCLES_PER_TICK));
  const text = `mtime jumps by ${ticks} ticks of ${CYCLES_PER_TICK} ns`;
  return { at, device: CLINT_DEVICE, fault: { fault: "jump", ticks }, text };
}
