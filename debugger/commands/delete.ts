/** `delete`: forgets a breakpoint, watchpoint or checkpoint. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";

export const deleteOne = command({
  name: "delete",
  summary: "deletes a breakpoint, watchpoint or checkpoint",
  parameters: z.object({ number: parameter.number }),
  effect: "sets",
  run(debug, { number }) {
    const found = [debug.breakpoints, debug.watchpoints, debug.checkpoints].some((kind) =>
      kind.delete(number)
    );
    if (!found) throw new CommandError(`Nothing has the number ${number}`);
    return { text: `deleted ${number}`, data: { number } };
  },
});
