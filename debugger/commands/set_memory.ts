/** `set-memory`: on a branch. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { hex, parseHexBytes } from "../number.ts";

const DIGITS_MAX = 2 << 16;

export const setMemory = command({
  name: "set-memory",
  summary: "writes bytes, given as pairs of hexadecimal digits, on a branch",
  parameters: z.object({
    address: parameter.address,
    bytes: z.string().min(2).max(DIGITS_MAX).describe("such as 00ff10"),
    hart: parameter.hart,
  }),
  effect: "changes",
  run(debug, { address: text, bytes: digits, hart }) {
    const of = debug.hartOr(hart);
    const address = debug.address(text, of);
    const bytes = parseHexBytes(digits);
    if (bytes === undefined) throw new CommandError(`"${digits}" is not pairs of digits`);
    if (!debug.writeMemory(of, address, bytes)) {
      throw new CommandError(`Cannot write ${bytes.length} bytes at ${hex(address)}: not RAM`);
    }
    return {
      text: `wrote ${bytes.length} bytes at ${debug.describe(address)}`,
      data: {
        hart: of,
        address: hex(address),
        length: bytes.length,
        branch: debug.cursor.branch && { from: debug.cursor.branch.from },
      },
    };
  },
});
