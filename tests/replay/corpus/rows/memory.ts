/** Memory: bits that flip where it matters and where it does not, and stray writes. */
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;
/** Beyond what the guests map. */
const UNUSED = 0x80c0_0000;

export const MEMORY: readonly Specimen[] = [
  {
    name: "memory/flip-in-use",
    job: "memory_scrub",
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("scrubbed") + 777, bit: 3 }] }),
  },
  {
    name: "memory/flip-in-a-pointer",
    job: "memory_list",
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("nodes") + 16 * 9 + 5, bit: 2 }] }),
  },
  {
    name: "memory/flip-in-a-number",
    job: "memory_list",
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("nodes") + 16 * 5 + 8, bit: 1 }] }),
  },
  {
    name: "memory/flip-in-a-page-table",
    job: "memory_list",
    cycles: 22 * MS,
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("table") + 16, bit: 0 }] }),
  },
  {
    name: "memory/flip-in-the-ledger",
    plan: (at) => ({ memory: [{ at: 100 * MS, address: at("ledger") + 5, bit: 1 }] }),
  },
  {
    name: "memory/flip-unused-and-own-stray",
    job: "memory_stray",
    plan: () => ({ memory: [{ at: 4 * MS, address: UNUSED, bit: 0 }] }),
  },
  {
    name: "memory/flip-in-use-and-own-stray",
    job: "memory_stray",
    plan: (at) => ({ memory: [{ at: 4 * MS, address: at("scrubbed") + 5, bit: 0 }] }),
  },
  {
    name: "memory/pocket-and-flip-elsewhere",
    plan: () => ({ memory: [{ at: 200 * MS, address: UNUSED, bit: 7 }] }),
  },
  {
    name: "memory/flip-unused-is-borne",
    job: "memory_scrub",
    plan: () => ({ memory: [{ at: 10 * MS, address: UNUSED, bit: 0 }] }),
  },
  { name: "memory/pocket" },
  { name: "memory/own-stray", job: "memory_stray" },
  { name: "memory/own-null", job: "memory_null" },
  { name: "memory/exhausted", job: "memory_exhausted" },
  { name: "memory/own-cut", job: "memory_list_cut" },
];
