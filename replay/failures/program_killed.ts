/**
 * A process ends by a signal that its own fault raised. Source: Linux, kernel/exit.c,
 * `do_group_exit(int exit_code)`, whose low seven bits are the signal; uapi/asm-generic/signal.h.
 */
import type { Detector } from "./failure.ts";
import { currentTaskName } from "./task.ts";

const SIGNALS: Readonly<Record<number, string>> = {
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  11: "SIGSEGV",
  31: "SIGSYS",
};

/** `SIGSEGV` for 11; `undefined` for a signal that no fault of the process raises. */
export function faultSignal(number: number): string | undefined {
  return SIGNALS[number];
}

export const programKilled: Detector = {
  symbol: "do_group_exit",
  see(witness) {
    const name = faultSignal(Number(witness.argument(0)! & 127n));
    if (name === undefined) return undefined;
    return { kind: "program-killed", message: `${currentTaskName(witness)} was ended by ${name}` };
  },
};
