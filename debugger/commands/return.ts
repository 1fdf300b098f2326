/** `return`: back from a branch. */
import { z } from "zod";
import { command } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { position } from "../position.ts";

export const returnFromBranch = command({
  name: "return",
  summary: "leaves the branch, back to where it left the recording",
  parameters: z.object({}),
  effect: "moves",
  async run(debug) {
    if (!debug.cursor.branch) throw new CommandError("This is the recording, not a branch");
    await debug.cursor.returnFromBranch();
    debug.arrival = undefined;
    return position(debug);
  },
});
