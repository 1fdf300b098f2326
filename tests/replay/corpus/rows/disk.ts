/** The disk: errors, damage and delay on the host's side, wrong use on the guest's. */
import type { DiskFault } from "../../../../replay/faults/disk.ts";
import type { Specimen } from "../specimen.ts";

const disk = (...faults: Omit<DiskFault, "disk">[]) => () => ({
  disk: faults.map((fault) => ({ disk: "disk0", ...fault })),
});

export const DISK: readonly Specimen[] = [
  {
    name: "disk/read-error-panics",
    job: "disk_store",
    plan: disk({ fault: "read-error", sectors: [68, 68] }),
  },
  {
    name: "disk/write-error-panics",
    job: "disk_store",
    plan: disk({ fault: "write-error", sectors: [70, 70] }),
  },
  {
    name: "disk/read-error-is-reported",
    job: "disk_polite",
    plan: disk({ fault: "read-error", sectors: [3, 3] }),
  },
  {
    name: "disk/torn-write",
    job: "disk_store",
    plan: disk({ fault: "torn-write", sectors: [66, 66] }),
  },
  {
    name: "disk/bit-rot-in-an-index",
    job: "disk_index",
    plan: disk({ fault: "bit-rot", sectors: [0, 0], bit: 40 }),
  },
  {
    name: "disk/bit-rot-is-found",
    job: "disk_checked",
    plan: disk({ fault: "bit-rot", sectors: [0, 0], bit: 33 }),
  },
  {
    name: "disk/answer-comes-too-late",
    job: "disk_store",
    plan: disk({ fault: "latency", nth: 5, delay: 300_000_000 }),
  },
  {
    name: "disk/read-error-is-retried",
    job: "disk_retry",
    plan: disk({ fault: "read-error", sectors: [2, 2], times: 1 }),
  },
  {
    name: "disk/read-error-is-left-out",
    job: "disk_retry",
    plan: disk({ fault: "read-error", sectors: [2, 2] }),
  },
  { name: "disk/pocket-bears-an-error", plan: disk({ fault: "write-error", sectors: [2, 2] }) },
  {
    name: "disk/error-and-own-null",
    job: "disk_retry_then_null",
    plan: disk({ fault: "read-error", sectors: [2, 2] }),
  },
  {
    name: "disk/delay-and-own-null",
    job: "disk_retry_then_null",
    plan: disk({ fault: "latency", nth: 3, delay: 20_000_000 }),
  },
  {
    name: "disk/bit-rot-and-own-null",
    job: "disk_sums_then_null",
    plan: disk({ fault: "bit-rot", sectors: [1, 1], bit: 90 }, {
      fault: "bit-rot",
      sectors: [0, 0],
      bit: 70,
    }),
  },
  {
    name: "disk/late-and-own-null",
    job: "disk_retry_then_null",
    plan: disk({ fault: "latency", nth: 3, delay: 90_000_000 }),
  },
  {
    name: "disk/slow-and-own-haste",
    job: "disk_impatient",
    plan: disk({ fault: "latency", nth: 5, delay: 20_000_000 }),
  },
  {
    name: "disk/late-and-own-haste",
    job: "disk_impatient",
    plan: disk({ fault: "latency", nth: 5, delay: 90_000_000 }),
  },
  {
    name: "disk/bit-rot-among-delays",
    job: "disk_checked",
    plan: disk(
      { fault: "bit-rot", sectors: [0, 0], bit: 33 },
      { fault: "latency", nth: 1, delay: 90_000_000 },
    ),
  },
  { name: "disk/past-the-end", job: "disk_past_end" },
  { name: "disk/wrong-sector", job: "disk_wrong_sector" },
  { name: "disk/never-written", job: "disk_unwritten" },
  { name: "disk/null", job: "disk_retry_then_null" },
  { name: "disk/null-after-sums", job: "disk_sums_then_null" },
  {
    name: "disk/image-with-a-wrong-index",
    job: "disk_index",
    disk: (sectors) => sectors.setBigUint64(4 * 512, 1n << 44n, true),
  },
];
