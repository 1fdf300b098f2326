/** `fault`: makes something go wrong here, on a branch; the same as a plan of `--faults` does. */
import { z } from "zod";
import { clockFault } from "../../replay/faults/clock.ts";
import { hartFault } from "../../replay/faults/hart.ts";
import type { TimedFault } from "../../replay/faults/injected.ts";
import { interruptFault } from "../../replay/faults/interrupt.ts";
import { memoryFault } from "../../replay/faults/memory.ts";
import { command, parameter } from "../command.ts";
import { CommandError, type Debugger } from "../debugger.ts";
import { hex } from "../number.ts";

const SOURCE_MAX = 95;

export const fault = command({
  name: "fault",
  summary: "makes a bit flip, a hart pause, the clock jump or an interrupt go wrong, on a branch",
  parameters: z.object({
    fault: z.enum(["flip", "withhold", "jump", "spurious", "lost", "late"]),
    target: z.string().min(1).max(256).describe(
      "an address (flip), a hart (withhold), an interrupt source, or nanoseconds, also negative (jump)",
    ),
    amount: parameter.cycle.optional().describe(
      "a bit from 0 to 7 (flip); cycles (withhold, late)",
    ),
  }),
  effect: "changes",
  run(debug, parameters) {
    const injected = faultOf(debug, parameters);
    try {
      debug.cursor.inject(injected);
    } catch (error) {
      if (error instanceof RangeError) throw new CommandError(error.message);
      throw error;
    }
    return {
      text: `${injected.text}, once the machine goes on`,
      data: { cycle: injected.at, device: injected.device, text: injected.text },
    };
  },
});

interface Parameters {
  readonly fault: "flip" | "withhold" | "jump" | "spurious" | "lost" | "late";
  readonly target: string;
  readonly amount?: number;
}

function faultOf(debug: Debugger, { fault: kind, target, amount }: Parameters): TimedFault {
  const at = debug.cursor.cycle;
  switch (kind) {
    case "flip": {
      const address = debug.translate(debug.hart, debug.address(target));
      if (address === undefined) throw new CommandError(`Nothing is mapped at ${target}`);
      if (debug.cursor.readMemory(address, 1) === undefined) {
        throw new CommandError(`Cannot flip a bit at ${hex(address)}: not RAM`);
      }
      return memoryFault({ at, address, bit: within(amount ?? 0, 0, 7, "bit") });
    }
    case "withhold": {
      const hart = within(number(target), 0, debug.cursor.harts - 1, "hart");
      return hartFault({ at, hart, for: needed(amount) });
    }
    case "jump":
      return clockFault({ at, jump: number(target) });
    default: {
      const source = within(number(target), 1, SOURCE_MAX, "interrupt source");
      const device = `source ${source}`;
      const late = kind === "late" ? { for: needed(amount) } : {};
      return interruptFault({ at, device, source, fault: kind, ...late });
    }
  }
}

function number(text: string): number {
  const value = Number(text);
  if (/^-?\d{1,15}$/.test(text)) return value;
  throw new CommandError(`"${text}" is not a whole number`);
}

function within(value: number, min: number, max: number, what: string): number {
  if (value >= min && value <= max) return value;
  throw new CommandError(`There is no ${what} ${value}: ${min} to ${max}`);
}

function needed(amount: number | undefined): number {
  if (amount !== undefined && amount > 0) return amount;
  throw new CommandError("For how many cycles?");
}
