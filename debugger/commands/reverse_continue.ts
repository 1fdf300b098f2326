/** `reverse-continue`: until something stops it. */
import { z } from "zod";
import { command } from "../command.ts";
import { position } from "../position.ts";

export const reverseContinue = command({
  name: "reverse-continue",
  summary: "runs backward to the last breakpoint, watchpoint, or the start",
  parameters: z.object({}),
  effect: "moves",
  async run(debug, _parameters, signal) {
    await debug.continue("backward", signal);
    return position(debug);
  },
});
