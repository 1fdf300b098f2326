/** A trap found no room on the kernel's stack. Source: Linux, arch/riscv/kernel/traps.c, `handle_bad_stack(struct pt_regs *)`. */
import type { Detector } from "./failure.ts";

export const stackOverflow: Detector = {
  symbol: "handle_bad_stack",
  see(witness) {
    const epc = witness.u64(witness.argument(0)!) ?? 0n;
    return { kind: "double-fault", message: `kernel stack overflow at ${witness.place(epc)}` };
  },
};
