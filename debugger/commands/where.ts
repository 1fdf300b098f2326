/** `where`: the position. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";

export const where = command({
  name: "where",
  summary: "tells the cycle, the hart, its next instruction, and why it stopped",
  parameters: z.object({ hart: parameter.hart }),
  effect: "reads",
  run: (debug, { hart }) => position(debug, debug.hartOr(hart)),
});
