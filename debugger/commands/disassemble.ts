/** `disassemble`: instructions in memory. */
import { z } from "zod";
import { command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { hex } from "../number.ts";
import { instructionAt } from "../position.ts";
import { placeText } from "../symbols/symbols.ts";

const COUNT_MAX = 4096;

export const disassemble = command({
  name: "disassemble",
  summary: "shows instructions, from the pc of the hart unless an address is given",
  parameters: z.object({
    address: parameter.address.default("$pc"),
    count: parameter.length(COUNT_MAX).describe(`instructions, at most ${COUNT_MAX}`).default(8),
    hart: parameter.hart,
  }),
  effect: "reads",
  run(debug, { address: text, count, hart }) {
    const of = debug.hartOr(hart);
    const pc = debug.register(of, "pc");
    const lines: { address: bigint; text: string }[] = [];
    let address = debug.address(text, of);
    while (lines.length < count) {
      const instruction = instructionAt(debug, of, address);
      if (instruction === undefined) break;
      lines.push({ address, text: named(instruction.text) });
      address = BigInt.asUintN(64, address + BigInt(instruction.sizeBytes));
    }
    if (lines.length === 0) throw new CommandError(`Nothing is mapped at ${hex(address)}`);
    return {
      text: lines.map((line) =>
        `${line.address === pc ? "=>" : "  "} ${debug.describe(line.address)}: ${line.text}`
      ).join("\n"),
      data: {
        cycle: debug.cursor.cycle,
        hart: of,
        instructions: lines.map((line) => {
          const place = debug.place(line.address);
          return { address: hex(line.address), symbol: place && placeText(place), text: line.text };
        }),
      },
    };

    // The target of a branch or jump has a name.
    function named(instruction: string): string {
      const [, target] = /(0x[0-9a-f]{4,16})$/.exec(instruction) ?? [];
      if (target === undefined || !/^(c\.)?(j|b)/.test(instruction)) return instruction;
      const place = debug.place(BigInt(target));
      return place ? `${instruction} <${placeText(place)}>` : instruction;
    }
  },
});
