/** `harts`: all of them at a glance. */
import { z } from "zod";
import { command } from "../command.ts";
import { hex } from "../number.ts";
import { placeText } from "../symbols/symbols.ts";

export const harts = command({
  name: "harts",
  summary: "shows where every hart is",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const all = Array.from({ length: debug.cursor.harts }, (_, hart) => {
      const pc = debug.cursor.readRegister(hart, "pc");
      return { hart, pc, place: debug.place(pc) };
    });
    return {
      text: all.map(({ hart, pc }) =>
        `${hart === debug.hart ? "*" : " "} hart ${hart} at ${debug.describe(pc)}`
      ).join("\n"),
      data: {
        cycle: debug.cursor.cycle,
        selected: debug.hart,
        harts: all.map(({ hart, pc, place }) => ({
          hart,
          pc: hex(pc),
          symbol: place && placeText(place),
        })),
      },
    };
  },
});
