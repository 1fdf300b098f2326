/** `branch`: leaves the recording here. */
import { z } from "zod";
import { command } from "../command.ts";
import { position } from "../position.ts";

export const branch = command({
  name: "branch",
  summary: "starts a branch here: what happens on it leaves the recording as it is",
  parameters: z.object({}),
  effect: "changes",
  run(debug) {
    if (!debug.cursor.branch) debug.cursor.startBranch();
    return position(debug);
  },
});
