/** A trap in the kernel that nobody handles. Source: Linux, arch/riscv/kernel/traps.c, `die(struct pt_regs *, const char *)`. */
import { causeText } from "./cause.ts";
import type { Detector } from "./failure.ts";
import { oneLine } from "./format.ts";

// struct pt_regs (arch/riscv/include/asm/ptrace.h): epc, then x1 to x31, status, badaddr, cause.
const EPC = 0n;
const BADADDR = 33n * 8n;
const CAUSE = 34n * 8n;
const BREAKPOINT = 3n;

export const oops: Detector = {
  symbol: "die",
  see(witness) {
    const regs = witness.argument(0)!;
    const what = oneLine(witness.text(witness.argument(1)!) ?? "");
    const [epc, badaddr, cause] = [EPC, BADADDR, CAUSE].map((field) => witness.u64(regs + field));
    if (epc === undefined || badaddr === undefined || cause === undefined) {
      return { kind: "oops", message: what };
    }
    // BUG() is an ebreak.
    if (cause === BREAKPOINT) return { kind: "bug", message: `${what} at ${witness.place(epc)}` };
    const address = `address 0x${badaddr.toString(16)}`;
    const message = `${what}: ${causeText(cause)}, ${address}, at ${witness.place(epc)}`;
    return { kind: "oops", message, trapped: epc };
  },
};
