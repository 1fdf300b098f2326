/** `events`: what came from outside. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError, type RecordedEvent } from "../debugger.ts";

export const events = command({
  name: "events",
  summary: "lists inputs of the recording, from the position on unless told otherwise",
  parameters: z.object({
    from: parameter.cycle.optional(),
    to: parameter.cycle.optional(),
    count: parameter.count.default(20),
  }),
  effect: "reads",
  run(debug, { from = debug.cursor.cycle, to = debug.cursor.end, count }) {
    if (debug.events === undefined) throw new CommandError("There is no list of inputs here");
    const inside = debug.events.filter(({ cycle }) => cycle >= from && cycle <= to);
    const shown = inside.slice(0, count);
    const rest = inside.length > shown.length ? `\n${inside.length - shown.length} more` : "";
    return {
      text: shown.map((event) => `${event.cycle}  ${event.id}  ${kindOf(event)}`).join("\n") +
          rest || "none",
      data: {
        events: shown.map((event) => ({ cycle: event.cycle, id: event.id, kind: kindOf(event) })),
        more: inside.length - shown.length,
      },
    };
  },
});

// An input's own kind says more than that it is an input.
function kindOf(event: RecordedEvent): string {
  return event.input?.kind ?? event.kind;
}
