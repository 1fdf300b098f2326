/**
 * A kernel gives up. Source: Linux, kernel/panic.c, `panic(const char *fmt, ...)`; small kernels
 * commonly have a function of the same name that takes at least the message.
 */
import type { Detector } from "./failure.ts";
import { formatted } from "./format.ts";

export const panic: Detector = {
  symbol: "panic",
  see(witness) {
    const message = formatted(witness, 0);
    // kernel/exit.c: only the end of the first process makes do_exit panic.
    return { kind: witness.caller() === "do_exit" ? "init-exit" : "panic", message };
  },
};
