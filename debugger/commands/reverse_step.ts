/** `reverse-step`: by actions of one hart. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";

export const reverseStep = command({
  name: "reverse-step",
  summary: "steps a hart backward",
  parameters: z.object({ count: parameter.count.default(1), hart: parameter.hart }),
  effect: "moves",
  async run(debug, { count, hart }, signal) {
    const stepping = debug.hartOr(hart);
    for (let done = 0; done < count; done++) {
      const arrival = await debug.step("backward", stepping, signal);
      if (arrival.reason !== "step") break;
    }
    return position(debug, stepping);
  },
});
