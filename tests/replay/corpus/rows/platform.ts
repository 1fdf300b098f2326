/** The board: interrupts without a cause, and registers that are used wrongly. */
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;
const UART = { device: "uart0", source: 10 };
const DISK = { device: "disk0", source: 1 };

export const PLATFORM: readonly Specimen[] = [
  {
    name: "platform/spurious-interrupt",
    job: "platform_strict",
    plan: () => ({ interrupt: [{ ...UART, fault: "spurious", at: 20 * MS }] }),
  },
  {
    name: "platform/lost-disk-interrupt",
    job: "disk_store",
    plan: () => ({ interrupt: [{ ...DISK, fault: "lost", at: 6 * MS }] }),
  },
  {
    name: "platform/late-disk-interrupt",
    job: "disk_store",
    plan: () => ({ interrupt: [{ ...DISK, fault: "late", at: 6 * MS, for: 300 * MS }] }),
  },
  {
    name: "platform/lost-console-interrupt-and-own-loop",
    job: "disk_past_end",
    plan: () => ({ interrupt: [{ ...UART, fault: "lost", at: 1 }] }),
  },
  {
    name: "platform/spurious-disk-interrupt-is-borne",
    job: "disk_store",
    plan: () => ({ interrupt: [{ ...DISK, fault: "spurious", at: 5 * MS }] }),
  },
  {
    name: "platform/handler-table-flips",
    job: "platform_strict",
    typed: [{ at: 40 * MS, text: "x" }],
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("handlers") + 8 * 10 + 4, bit: 2 }] }),
  },
  {
    name: "platform/spurious-and-own-failure",
    job: "platform_fails",
    plan: () => ({ interrupt: [{ ...DISK, fault: "spurious", at: 10 * MS }] }),
  },
  { name: "platform/deaf", job: "platform_deaf" },
  { name: "platform/absent-device", job: "platform_absent" },
  { name: "platform/reset", job: "platform_reset" },
  { name: "platform/gives-up", job: "platform_fails" },
  {
    name: "platform/strict-and-typed",
    job: "platform_strict",
    typed: [{ at: 20 * MS, text: "x" }],
  },
];
