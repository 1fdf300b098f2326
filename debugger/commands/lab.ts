/** `lab`: all guests at a glance. */
import { z } from "zod";
import { command } from "../command.ts";
import { labOf } from "../debugger.ts";
import type { LabGuest } from "../lab.ts";

export const lab = command({
  name: "lab",
  summary: "shows where the clients of all guests of the lab are",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const { name, guests } = labOf(debug);
    return {
      text: guests.map((guest) => `${guest.name === name ? "*" : " "} ${line(guest)}`).join("\n"),
      data: {
        selected: name,
        guests: guests.map(({ name, cycle, wanted, end, ending }) => ({
          ...{ name, cycle, wanted, end, ending },
        })),
      },
    };
  },
});

function line({ name, cycle, wanted, end, ending }: LabGuest): string {
  const where = cycle === end ? `, its end: ${ending}` : `; it ends at ${end}: ${ending}`;
  const next = wanted === undefined ? "" : `; goes to ${wanted} when its client resumes`;
  return `${name} at cycle ${cycle}${where}${next}`;
}
