/** The guest as a whole, and the emulator under it. */
import type { LogEntry } from "../../../../replay/log.ts";
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;

export const WHOLE: readonly Specimen[] = [
  { name: "whole/sound", job: "whole_sound" },
  { name: "whole/forgotten", job: "whole_forgotten" },
  { name: "whole/recursion", job: "whole_recursion", cycles: 20 * MS },
  { name: "whole/audit", job: "whole_audit" },
  {
    name: "whole/audit-among-faults",
    job: "whole_audit",
    plan: () => ({
      clock: [{ at: 5 * MS, jump: MS }],
      hart: [{ at: 8 * MS, hart: 0, for: MS }],
      memory: [{ at: 9 * MS, address: 0x80c0_0000, bit: 4 }],
    }),
  },
  {
    name: "whole/pocket-among-faults",
    plan: () => ({
      disk: [{ disk: "disk0", fault: "read-error", sectors: [3, 3] }],
      hart: [{ at: 80 * MS, hart: 0, for: 3 * MS }],
      interrupt: [{ device: "uart0", source: 10, fault: "spurious", at: 90 * MS }],
    }),
  },
  {
    name: "whole/used-up-table-flips-and-own-audit",
    job: "whole_audit",
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("jobs"), bit: 0 }] }),
  },
  {
    name: "whole/task-list-flips",
    job: "whole_sound",
    cycles: 12 * MS,
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("tasks") + 32 * 1 + 8 + 4, bit: 5 }] }),
  },
  {
    name: "whole/code-of-sleep-flips",
    job: "whole_sound",
    cycles: 12 * MS,
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("task_sleep"), bit: 1 }] }),
  },
  {
    name: "whole/answer-comes-otherwise",
    job: "disk_retry",
    log: (entries) => entries.map(changed),
  },
];

/** A byte that the device has not passed on as it was recorded. */
function changed(entry: LogEntry): LogEntry {
  if (entry.kind !== "input" || entry.input.kind !== "disk" || !entry.input.bytes) return entry;
  const bytes = entry.input.bytes.slice();
  bytes[8] ^= 1;
  return { ...entry, input: { ...entry.input, bytes } };
}
