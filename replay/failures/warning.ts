/**
 * WARN. Source: Linux, kernel/panic.c, `__warn(const char *file, int line, void *caller, …)`.
 */
import type { Detector } from "./failure.ts";
import { oneLine } from "./format.ts";

export const warning: Detector = {
  symbol: "__warn",
  see(witness) {
    const file = oneLine(witness.text(witness.argument(0)!) ?? "");
    const line = BigInt.asUintN(32, witness.argument(1)!);
    const at = witness.place(witness.argument(2)!);
    return { kind: "warning", message: `WARN at ${at}${file === "" ? "" : ` (${file}:${line})`}` };
  },
};
