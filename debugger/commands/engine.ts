/** `engine`: what each tier of the emulator ran, and what is compiled. */
import { z } from "zod";
import { COMPILED_INSTRUCTIONS_MAX } from "../../core/hart/jit/jit.ts";
import { command } from "../command.ts";

export const engine = command({
  name: "engine",
  summary: "shows what each tier of the emulator ran and compiled; no recording depends on it",
  parameters: z.object({}),
  effect: "reads",
  run(debug) {
    const { actedCycles, jit } = debug.cursor.engine;
    const { cycles, calls, pages, regions, instructions, modules, wasmBytes, pagesDropped } = jit;
    const interpreted = actedCycles - cycles;
    const rows = [
      ["tier 0", `${interpreted} cycles interpreted, ${percent(interpreted, actedCycles)}`],
      [
        "tier 1",
        `${cycles} cycles compiled, ${percent(cycles, actedCycles)}, in ${calls} calls from tier 0`,
      ],
      [
        "compiled",
        `${pages} pages, ${regions} regions, ${instructions} instructions ` +
        `of ${COMPILED_INSTRUCTIONS_MAX} at most`,
      ],
      [
        "modules",
        `${modules} made, ${wasmBytes} bytes; ${pagesDropped} pages dropped or compiled anew`,
      ],
      ["", "since this machine was made, to come to all positions where it has been"],
    ];
    return {
      text: rows.map(([name, value]) => `${name.padEnd(10)}${value}`).join("\n"),
      data: {
        tier0: { cycles: interpreted },
        tier1: { cycles, calls },
        compiled: { pages, regions, instructions, instructionsMax: COMPILED_INSTRUCTIONS_MAX },
        modules,
        wasmBytes,
        pagesDropped,
      },
    };
  },
});

function percent(part: number, whole: number): string {
  return `${(100 * part / Math.max(1, whole)).toFixed(1)} %`;
}
