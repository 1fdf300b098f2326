/** `step`: by actions of one hart. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { position } from "../position.ts";

export const step = command({
  name: "step",
  summary: "steps a hart forward: an instruction, a trap or an interrupt each",
  parameters: z.object({ count: parameter.count.default(1), hart: parameter.hart }),
  effect: "moves",
  async run(debug, { count, hart }, signal) {
    const stepping = debug.hartOr(hart);
    for (let done = 0; done < count; done++) {
      const arrival = await debug.step("forward", stepping, signal);
      if (arrival.reason !== "step") break;
    }
    return position(debug, stepping);
  },
});
