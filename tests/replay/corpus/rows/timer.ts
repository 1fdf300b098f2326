/** Time that jumps or stands still, and guests that reckon wrong. */
import type { Specimen } from "../specimen.ts";

const MS = 1_000_000;

export const TIMER: readonly Specimen[] = [
  {
    name: "timer/clock-jumps-forward",
    job: "timer_steady",
    plan: () => ({ clock: [{ at: 20 * MS, jump: 50 * MS }] }),
  },
  {
    name: "timer/clock-jumps-back",
    job: "timer_steady",
    plan: () => ({ clock: [{ at: 20 * MS, jump: -5 * MS }] }),
  },
  {
    name: "timer/hart-withheld",
    job: "timer_steady",
    plan: () => ({ hart: [{ at: 20 * MS, hart: 0, for: 30 * MS }] }),
  },
  {
    name: "timer/clock-jumps-over-the-work",
    job: "cpu_deadline",
    plan: () => ({ clock: [{ at: 10 * MS, jump: 90 * MS }] }),
  },
  {
    name: "timer/tick-count-flips",
    job: "timer_sleep_then_null",
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("next") + 6, bit: 4 }] }),
  },
  {
    name: "timer/small-jump-and-own-null",
    job: "timer_sleep_then_null",
    plan: () => ({ clock: [{ at: 20 * MS, jump: 3 * MS }] }),
  },
  {
    name: "timer/withheld-and-own-sign",
    job: "timer_unsigned",
    plan: () => ({ hart: [{ at: 1 * MS, hart: 0, for: 2 * MS }] }),
  },
  {
    name: "timer/small-jump-is-borne",
    job: "timer_steady",
    plan: () => ({ clock: [{ at: 20 * MS, jump: 5 * MS }] }),
  },
  {
    name: "timer/withheld-and-own-haste",
    job: "timer_hasty",
    plan: () => ({ hart: [{ at: 20 * MS, hart: 0, for: 5 * MS }] }),
  },
  {
    name: "timer/withheld-long-and-own-haste",
    job: "timer_hasty",
    plan: () => ({ hart: [{ at: 20 * MS, hart: 0, for: 60 * MS }] }),
  },
  {
    name: "timer/jump-and-own-haste",
    job: "timer_hasty",
    plan: () => ({ clock: [{ at: 20 * MS, jump: 4 * MS }] }),
  },
  {
    // The next tick comes in 54 seconds: nothing has failed yet when the recording ends.
    name: "timer/tick-is-put-off",
    job: "timer_sleep_then_null",
    plan: (at) => ({ memory: [{ at: 20 * MS, address: at("next") + 3, bit: 5 }] }),
  },
  { name: "timer/disarmed", job: "timer_disarmed" },
  { name: "timer/narrow", job: "timer_narrow" },
  { name: "timer/sign", job: "timer_unsigned" },
  { name: "timer/own-null", job: "timer_sleep_then_null" },
];
