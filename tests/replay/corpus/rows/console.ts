/** The console: what is typed comes late or is strange. */
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;
const UART = { device: "uart0", source: 10 };

export const CONSOLE: readonly Specimen[] = [
  {
    name: "console/stall",
    job: "console_prompt",
    typed: [{ at: 20 * MS, text: "go\n" }],
    plan: () => ({ console: [{ device: "uart0", from: 10 * MS, for: 400 * MS }] }),
  },
  {
    name: "console/lost-interrupt",
    job: "console_prompt",
    typed: [{ at: 20 * MS, text: "go\n" }],
    plan: () => ({ interrupt: [{ ...UART, fault: "lost", at: 10 * MS }] }),
  },
  {
    name: "console/late-interrupt",
    job: "console_prompt",
    typed: [{ at: 20 * MS, text: "go\n" }],
    plan: () => ({ interrupt: [{ ...UART, fault: "late", at: 10 * MS, for: 500 * MS }] }),
  },
  {
    name: "console/flip-in-what-was-typed",
    job: "console_menu",
    typed: [{ at: 20 * MS, text: "a" }, { at: 60 * MS, text: "\n" }],
    plan: (at) => ({ memory: [{ at: 4 * MS, address: at("typed_out"), bit: 0 }] }),
  },
  {
    name: "console/short-stall-is-borne",
    job: "console_prompt",
    typed: [{ at: 20 * MS, text: "go\n" }],
    plan: () => ({ console: [{ device: "uart0", from: 10 * MS, for: 40 * MS }] }),
  },
  {
    name: "console/stall-and-own-null",
    job: "console_menu_checked_then_null",
    typed: [{ at: 20 * MS, text: "abz\n" }],
    plan: () => ({ console: [{ device: "uart0", from: 10 * MS, for: 40 * MS }] }),
  },
  {
    name: "console/slow-interrupt-and-own-haste",
    job: "console_hasty",
    typed: [{ at: 28 * MS, text: "x" }],
    plan: () => ({ interrupt: [{ ...UART, fault: "late", at: 25 * MS, for: 9 * MS }] }),
  },
  {
    name: "console/late-interrupt-and-own-haste",
    job: "console_hasty",
    typed: [{ at: 28 * MS, text: "x" }],
    plan: () => ({ interrupt: [{ ...UART, fault: "late", at: 25 * MS, for: 50 * MS }] }),
  },
  {
    name: "console/stall-and-own-haste",
    job: "console_hasty",
    typed: [{ at: 28 * MS, text: "x" }],
    plan: () => ({ console: [{ device: "uart0", from: 25 * MS, for: 50 * MS }] }),
  },
  {
    name: "console/letter-is-believed",
    job: "console_menu",
    typed: [{ at: 20 * MS, text: "a" }, { at: 30 * MS, text: "q" }],
  },
  {
    name: "console/asks-for-one-waits-for-two",
    job: "console_never_reads",
    typed: [{ at: 20 * MS, text: "y" }],
  },
  { name: "console/no-text", job: "console_null_text" },
  {
    name: "console/own-null",
    job: "console_menu_checked_then_null",
    typed: [{ at: 20 * MS, text: "ab\n" }],
  },
];
