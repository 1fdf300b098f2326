/**
 * Memory is exhausted, and a process must go. Source: Linux, mm/oom_kill.c, `oom_kill_process(struct
 * oom_control *, const char *message)`; include/linux/oom.h.
 */
import type { Detector } from "./failure.ts";
import { oneLine } from "./format.ts";
import { taskName } from "./task.ts";

/** `chosen` of `struct oom_control`. */
const CHOSEN = 40n;

export const outOfMemory: Detector = {
  symbol: "oom_kill_process",
  see(witness) {
    const why = oneLine(witness.text(witness.argument(1)!) ?? "Out of memory");
    const chosen = witness.u64(witness.argument(0)! + CHOSEN);
    const who = chosen === undefined ? "a task" : taskName(witness, chosen);
    return { kind: "out-of-memory", message: `${why}: ${who} must go` };
  },
};
