/** `help`: every command, or one of them. */
import { z } from "zod";
import { type Command, command, usage } from "../command.ts";
import { CommandError } from "../debugger.ts";

/** The command, which tells of the commands given. */
export function help(commands: () => readonly Command[]): Command {
  return command({
    name: "help",
    summary: "lists the commands, or tells of one",
    parameters: z.object({ command: z.string().optional().describe("the name of a command") }),
    effect: "reads",
    run(_debug, { command: name }) {
      const chosen = commands().filter((one) => name === undefined || one.name === name);
      if (chosen.length === 0) throw new CommandError(`There is no command "${name}"`);
      const width = Math.max(...chosen.map((one) => usage(one).length));
      return {
        text: chosen.map((one) => `${usage(one).padEnd(width)}  ${one.summary}`).join("\n"),
        data: {
          commands: chosen.map((one) => ({
            name: one.name,
            summary: one.summary,
            usage: usage(one),
            effect: one.effect,
          })),
        },
      };
    },
  });
}
