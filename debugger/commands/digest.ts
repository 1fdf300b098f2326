/** `digest`: of the whole state. */
import { z } from "zod";
import { command } from "../command.ts";

export const digest = command({
  name: "digest",
  summary: "shows the digest of the machine's whole state",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const value = debug.cursor.digest();
    const { cycle } = debug.cursor;
    return { text: `${cycle} ${value}`, data: { cycle, digest: value } };
  },
});
