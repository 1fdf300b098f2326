/** `hart`: selects one. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";

export const hart = command({
  name: "hart",
  summary: "selects the hart that commands mean",
  parameters: z.object({ hart: parameter.hart }),
  effect: "sets",
  run(debug, { hart: number }) {
    debug.hart = debug.hartOr(number);
    return position(debug);
  },
});
