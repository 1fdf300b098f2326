/** `watch`: stops at accesses to memory. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { hex } from "../number.ts";

const LENGTH_MAX = 1 << 20;

export const watch = command({
  name: "watch",
  summary: "stops at accesses to a range of memory, by harts and by devices",
  parameters: z.object({
    address: parameter.address,
    length: parameter.length(LENGTH_MAX).default(8),
    kind: z.enum(["write", "read", "access"]).default("write"),
    hart: parameter.hart,
  }),
  effect: "sets",
  run(debug, { address: text, length, kind, hart }) {
    const by = debug.hartOr(hart);
    const address = debug.address(text, by);
    const watchpoint = length > 0 && debug.addWatchpoint(by, address, length, kind);
    if (!watchpoint) {
      throw new CommandError(`Cannot watch ${length} bytes at ${hex(address)}: not mapped here`);
    }
    return {
      text: `watchpoint ${watchpoint.number}: ${kind} of ${length} bytes at ${
        debug.describe(address)
      }`,
      data: { number: watchpoint.number, address: hex(address), length, kind },
    };
  },
});
