/** `registers`: what a hart holds. */
import { z } from "zod";
import { F_NAMES, X_NAMES } from "../../core/isa/registers.ts";
import { command, parameter } from "../command.ts";
import { hex } from "../number.ts";
import { registerNames, standardName } from "../register_names.ts";

export const registers = command({
  name: "registers",
  summary: "shows the registers of a hart: all, or one by its name",
  parameters: z.object({
    name: z.string().max(32).optional().describe("such as a0, x10, pc, mstatus"),
    hart: parameter.hart,
  }),
  effect: "reads",
  run(debug, { name, hart }) {
    const of = debug.hartOr(hart);
    const names = name === undefined ? registerNames(debug.cursor) : [standardName(name)];
    const values = names.map((one) => [one, debug.register(of, one)] as const);
    return {
      text: values.map(([one, value]) =>
        `${abi(one).padEnd(14)} ${hex(value)}${one === "pc" ? `  ${debug.describe(value)}` : ""}`
      ).join("\n"),
      data: {
        cycle: debug.cursor.cycle,
        hart: of,
        registers: Object.fromEntries(values.map(([one, value]) => [one, hex(value)])),
      },
    };
  },
});

function abi(name: string): string {
  const [, file, index] = /^([xf])(\d+)$/.exec(name) ?? [];
  if (file === undefined) return name;
  return `${name} ${(file === "x" ? X_NAMES : F_NAMES)[Number(index)]}`;
}
