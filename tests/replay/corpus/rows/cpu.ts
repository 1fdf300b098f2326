/** The hart: code that changes under it, time taken from it, and code that is wrong. */
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;

export const CPU: readonly Specimen[] = [
  {
    name: "cpu/code-flips",
    job: "cpu_sum",
    plan: (at) => ({ memory: [{ at: 8 * MS, address: at("step") + 8, bit: 0 }] }),
  },
  {
    name: "cpu/constant-flips",
    job: "cpu_sum",
    plan: (at) => ({ memory: [{ at: 18 * MS, address: at("step") + 13, bit: 3 }] }),
  },
  {
    name: "cpu/withheld-past-a-deadline",
    job: "cpu_deadline",
    plan: () => ({ hart: [{ at: 10 * MS, hart: 0, for: 90 * MS }] }),
  },
  {
    name: "cpu/stack-pointer-flips",
    job: "cpu_sum",
    cycles: 12 * MS,
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("tasks") + 8 + 32 * 2 + 4, bit: 5 }] }),
  },
  {
    name: "cpu/vector-flips",
    job: "cpu_sum",
    cycles: 12 * MS,
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("trap_entry"), bit: 1 }] }),
  },
  {
    name: "cpu/withheld-and-own-table",
    job: "cpu_sum_then_table",
    plan: () => ({ hart: [{ at: 10 * MS, hart: 0, for: 10 * MS }] }),
  },
  {
    name: "cpu/flip-elsewhere-and-own-table",
    job: "cpu_sum_then_table",
    plan: (at) => ({ memory: [{ at: 10 * MS, address: at("scrubbed") + 100, bit: 2 }] }),
  },
  {
    name: "cpu/withheld-long-and-own-table",
    job: "cpu_sum_then_table",
    plan: () => ({ hart: [{ at: 10 * MS, hart: 0, for: 40 * MS }] }),
  },
  {
    // Either of them would have been in time.
    name: "cpu/withheld-twice-past-a-deadline",
    job: "cpu_deadline",
    plan: () => ({ hart: [10, 60].map((at) => ({ at: at * MS, hart: 0, for: 40 * MS })) }),
  },
  { name: "cpu/own-table", job: "cpu_table" },
  { name: "cpu/lost-vector", job: "cpu_lost_vector", cycles: 2 * MS },
  { name: "cpu/jump-into-numbers", job: "cpu_misaligned", cycles: 20 * MS },
  { name: "cpu/own-table-after-sums", job: "cpu_sum_then_table" },
];
