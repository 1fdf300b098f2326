/** `reverse-until`: to an event, whatever breakpoints are set. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";
import { goUntil } from "../until.ts";

export const reverseUntil = command({
  name: "reverse-until",
  summary:
    "runs backward to an address, or to the previous input, interrupt, trap or console (line)",
  parameters: z.object({
    what: parameter.address.describe("an address, input, interrupt, trap or console (line)"),
  }),
  effect: "moves",
  async run(debug, { what }, signal) {
    await goUntil(debug, "backward", what, signal);
    return position(debug);
  },
});
