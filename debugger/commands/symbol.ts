/** `symbol`: names and addresses. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { hex } from "../number.ts";
import { placeText } from "../symbols/symbols.ts";

export const symbol = command({
  name: "symbol",
  summary: "shows the address of a name, or the name of an address",
  parameters: z.object({ address: parameter.address }),
  effect: "reads",
  run(debug, { address: text }) {
    const address = debug.address(text);
    const place = debug.place(address);
    return {
      text: debug.describe(address),
      data: { address: hex(address), symbol: place && placeText(place) },
    };
  },
});
