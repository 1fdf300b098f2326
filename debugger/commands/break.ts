/** `break`: stops at an instruction. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { hex } from "../number.ts";

export const breakAt = command({
  name: "break",
  summary: "stops where any hart is about to execute the instruction at an address",
  parameters: z.object({ address: parameter.address }),
  effect: "sets",
  run(debug, { address: text }) {
    const { number, address } = debug.addBreakpoint(debug.address(text));
    return {
      text: `breakpoint ${number} at ${debug.describe(address)}`,
      data: { number, address: hex(address) },
    };
  },
});
