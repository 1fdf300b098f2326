/** `until`: to an event, whatever breakpoints are set. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";
import { goUntil } from "../until.ts";

export const until = command({
  name: "until",
  summary: "runs forward to an address, or to the next input, interrupt, trap or console (line)",
  parameters: z.object({
    what: parameter.address.describe("an address, input, interrupt, trap or console (line)"),
  }),
  effect: "moves",
  async run(debug, { what }, signal) {
    await goUntil(debug, "forward", what, signal);
    return position(debug);
  },
});
