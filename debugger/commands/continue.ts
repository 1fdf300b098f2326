/** `continue`: until something stops it. */
import { z } from "zod";
import { command } from "../command.ts";
import { position } from "../position.ts";

export const continueForward = command({
  name: "continue",
  summary: "runs forward to the next breakpoint, watchpoint, or the end",
  parameters: z.object({}),
  effect: "moves",
  async run(debug, _parameters, signal) {
    await debug.continue("forward", signal);
    return position(debug);
  },
});
