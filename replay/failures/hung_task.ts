/**
 * A task that waits for too long. Source: Linux, kernel/hung_task.c, which shows each that it reports
 * with `sched_show_task(struct task_struct *)`, as others do.
 */
import type { Detector } from "./failure.ts";
import { taskName } from "./task.ts";

/** Whichever of them the compiler has kept apart. */
const REPORTERS: ReadonlySet<string | undefined> = new Set(["watchdog", "check_hung_task"]);

export const hungTask: Detector = {
  symbol: "sched_show_task",
  see(witness) {
    if (!REPORTERS.has(witness.caller())) return undefined;
    const name = taskName(witness, witness.argument(0)!);
    return { kind: "hung-task", message: `${name} waits for longer than the kernel allows` };
  },
};
