/** `checkpoint`: remembers a position. */
import { z } from "zod";
import { command } from "../command.ts";

export const checkpoint = command({
  name: "checkpoint",
  summary: "gives this position a number N; goto #N comes back",
  parameters: z.object({}),
  effect: "sets",
  run(debug) {
    const number = debug.number();
    const { cycle } = debug.cursor;
    debug.checkpoints.set(number, cycle);
    return { text: `checkpoint ${number} at cycle ${cycle}`, data: { number, cycle } };
  },
});
