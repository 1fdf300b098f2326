/** `sync`: one moment for the whole lab. */
import { z } from "zod";
import { command } from "../command.ts";
import { labOf } from "../debugger.ts";
import { lab } from "./lab.ts";

export const sync = command({
  name: "sync",
  summary: "brings the clients of the lab's other guests to the cycle of this one",
  parameters: z.object({}),
  effect: "sets",
  run(debug) {
    const { name, guests } = labOf(debug);
    for (const guest of guests) {
      if (guest.name !== name) guest.want(debug.cursor.cycle, debug.labBranch);
    }
    return lab.run(debug, {});
  },
});
