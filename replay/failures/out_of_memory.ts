/** Memory is exhausted, and a process must go. Source: Linux, mm/oom_kill.c, `oom_kill_process(oc, const char *message)`. */
import type { Detector } from "./failure.ts";
import { oneLine } from "./format.ts";

export const outOfMemory: Detector = {
  symbol: "oom_kill_process",
  see: (witness) => ({
    kind: "out-of-memory",
    message: oneLine(witness.text(witness.argument(1)!) ?? "out of memory"),
  }),
};
