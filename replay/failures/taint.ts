/**
 * What the kernel writes down against itself. Source: Linux, kernel/panic.c, `add_taint(unsigned
 * flag, …)`; include/linux/panic.h has the flags. Those that have a detector of their own are left out.
 */
import type { Detector } from "./failure.ts";
import { currentTaskName } from "./task.ts";

const TAINT_BAD_PAGE = 5n;
const TAINT_SOFTLOCKUP = 14n;

export const taint: Detector = {
  symbol: "add_taint",
  see(witness) {
    const flag = BigInt.asUintN(32, witness.argument(0)!);
    if (flag === TAINT_BAD_PAGE) {
      return { kind: "bad-page", message: "the kernel found a bad page" };
    }
    if (flag !== TAINT_SOFTLOCKUP) return undefined;
    const name = currentTaskName(witness);
    return { kind: "soft-lockup", message: `${name} lets nobody else run on hart ${witness.hart}` };
  },
};
