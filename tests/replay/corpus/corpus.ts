/** All cases, row by row. */
import { CONSOLE } from "./rows/console.ts";
import { CPU } from "./rows/cpu.ts";
import { DISK } from "./rows/disk.ts";
import { MEMORY } from "./rows/memory.ts";
import { NIC } from "./rows/nic.ts";
import { PLATFORM } from "./rows/platform.ts";
import { TIMER } from "./rows/timer.ts";
import { WHOLE } from "./rows/whole.ts";
import type { Specimen } from "./specimen.ts";

export const CORPUS: readonly Specimen[] = [
  ...DISK,
  ...NIC,
  ...TIMER,
  ...CPU,
  ...MEMORY,
  ...CONSOLE,
  ...PLATFORM,
  ...WHOLE,
];
