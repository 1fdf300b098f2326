/** `set-register`: on a branch. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { hex, parseInteger } from "../number.ts";

export const setRegister = command({
  name: "set-register",
  summary: "writes a register, on a branch",
  parameters: z.object({
    name: z.string().min(1).max(32).describe("such as a0, x10, f3, pc, or a CSR"),
    value: z.string().max(20).describe("64 bits, 0x… or decimal"),
    hart: parameter.hart,
  }),
  effect: "changes",
  run(debug, { name, value: text, hart }) {
    const of = debug.hartOr(hart);
    const value = parseInteger(text);
    if (value === undefined) throw new CommandError(`"${text}" is not a number of 64 bits`);
    debug.setRegister(of, name, value);
    const now = hex(debug.register(of, name));
    return {
      text: `${name} = ${now}`,
      data: {
        hart: of,
        name,
        value: now,
        branch: debug.cursor.branch && { from: debug.cursor.branch.from },
      },
    };
  },
});
