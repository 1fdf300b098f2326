/** `goto`: to a cycle of the recording. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { position } from "../position.ts";

const EXPECTED = "a cycle, start, end or #N is needed";

export const goto = command({
  name: "goto",
  summary: "goes to a cycle, to start, to end, or to a checkpoint written #1",
  parameters: z.object({
    cycle: z.union([
      z.enum(["start", "end"]),
      z.string().regex(/^#\d{1,6}$/, EXPECTED),
      parameter.cycle,
    ], EXPECTED),
  }),
  effect: "moves",
  async run(debug, { cycle }, signal) {
    await debug.seek(typeof cycle === "number" ? cycle : named(cycle), signal);
    return position(debug);

    function named(name: string): number {
      if (name === "start") return debug.cursor.start;
      if (name === "end") return debug.cursor.end;
      const found = debug.checkpoints.get(Number(name.slice(1)));
      if (found === undefined) throw new CommandError(`There is no checkpoint ${name}`);
      return found;
    }
  },
});
