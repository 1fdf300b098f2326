/** `pocket`'s own panic over a trap: `panic_trap(const struct trap_frame *, uint64_t cause)` (guests/pocket/trap.c). */
import { causeText } from "./cause.ts";
import type { Detector } from "./failure.ts";

export const smallKernelTrap: Detector = {
  symbol: "panic_trap",
  see(witness) {
    const what = causeText(witness.argument(1)!);
    const trapped = witness.register("sepc");
    const at = witness.place(trapped);
    const address = `address 0x${witness.register("stval").toString(16)}`;
    return { kind: "panic", message: `${what}, ${address}, at ${at}`, trapped };
  },
};
