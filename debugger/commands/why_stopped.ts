/** `why-stopped`: how the last movement ended. */
import { z } from "zod";
import { command } from "../command.ts";
import { position } from "../position.ts";

export const whyStopped = command({
  name: "why-stopped",
  summary: "tells why the last movement ended, and who accessed what was watched",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const { data, text } = position(debug);
    return debug.arrival
      ? { text, data: { cycle: data.cycle, stopped: data.stopped } }
      : { text: "nothing has moved since the last goto", data: { cycle: data.cycle } };
  },
});
