/**
 * A file system that something is wrong with, and one that lets nothing be written any more. Source:
 * Linux, fs/ext4/super.c, `ext4_handle_error(sb, force_ro, error, ino, block, const char *func, line)`.
 */
import type { Detector } from "./failure.ts";
import { oneLine } from "./format.ts";

const HANDLER = "ext4_handle_error";

export const ext4Error: Detector = {
  symbol: HANDLER,
  see(witness) {
    const error = BigInt.asIntN(32, witness.argument(2)!);
    const func = oneLine(witness.text(witness.argument(5)!) ?? "");
    const line = BigInt.asUintN(32, witness.argument(6)!);
    const message = `ext4 cannot go on as before: error ${error} in ${func}, line ${line}`;
    return { kind: "file-system-error", message };
  },
};

/** All that the handler itself says is this. */
export const ext4ReadOnly: Detector = {
  symbol: "__ext4_msg",
  see: (witness) =>
    witness.caller()?.startsWith(HANDLER)
      ? { kind: "file-system-error", message: "ext4 lets nothing be written any more: read-only" }
      : undefined,
};
