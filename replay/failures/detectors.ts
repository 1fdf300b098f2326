/** All that is looked for where a function of the guest begins. */
import type { Detector } from "./failure.ts";
import { ext4Error, ext4ReadOnly } from "./ext4.ts";
import { hungTask } from "./hung_task.ts";
import { oops } from "./oops.ts";
import { outOfMemory } from "./out_of_memory.ts";
import { panic } from "./panic.ts";
import { programKilled } from "./program_killed.ts";
import { smallKernelTrap } from "./small_kernel_trap.ts";
import { stackOverflow } from "./stack_overflow.ts";
import { stall } from "./stall.ts";
import { taint } from "./taint.ts";
import { warning } from "./warning.ts";

export const DETECTORS: readonly Detector[] = [
  panic,
  oops,
  warning,
  taint,
  stall,
  hungTask,
  stackOverflow,
  outOfMemory,
  programKilled,
  ext4Error,
  ext4ReadOnly,
  smallKernelTrap,
];
