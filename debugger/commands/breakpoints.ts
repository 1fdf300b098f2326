/** `breakpoints`: what is set. */
import { z } from "zod";
import { command } from "../command.ts";
import { hex } from "../number.ts";

export const breakpoints = command({
  name: "breakpoints",
  summary: "lists breakpoints and watchpoints with their hits, and checkpoints",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const breaks = [...debug.breakpoints.values()];
    const watches = [...debug.watchpoints.values()];
    const checkpoints = [...debug.checkpoints];
    const lines = [
      ...breaks.map(({ number, address, hits }) =>
        `${number}: break at ${debug.describe(address)}, hit ${hits} times`
      ),
      ...watches.map(({ number, address, sizeBytes, kind, hits }) =>
        `${number}: ${kind} of ${sizeBytes} bytes at ${debug.describe(address)}, hit ${hits} times`
      ),
      ...checkpoints.map(([number, cycle]) => `${number}: checkpoint at cycle ${cycle}`),
    ];
    return {
      text: lines.join("\n") || "nothing is set",
      data: {
        breakpoints: breaks.map((one) => ({ ...one, address: hex(one.address) })),
        watchpoints: watches.map(({ number, address, sizeBytes, kind, hits }) => ({
          number,
          address: hex(address),
          length: sizeBytes,
          kind,
          hits,
        })),
        checkpoints: checkpoints.map(([number, cycle]) => ({ number, cycle })),
      },
    };
  },
});
