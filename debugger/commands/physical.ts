/** `physical`: which addresses commands mean. */
import { z } from "zod";
import { command, parameter } from "../command.ts";

export const physical = command({
  name: "physical",
  summary: "addresses are physical (on) or as the hart translates them (off)",
  parameters: z.object({ state: parameter.onOff.optional() }),
  effect: "sets",
  run(debug, { state }) {
    if (state !== undefined) debug.physical = state === "on";
    return {
      text: `addresses are ${debug.physical ? "physical" : "virtual"}`,
      data: { physical: debug.physical },
    };
  },
});
