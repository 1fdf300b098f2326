/** Resuming: steps and continues as gdb asks for them. */
import type { Arrival } from "../../replay/cursor.ts";
import type { Debugger, Direction } from "../debugger.ts";

/** What a packet asks for. */
export interface Resumption {
  readonly direction: Direction;
  /** The hart to step; `undefined`: continue. */
  readonly step: number | undefined;
  /** Whether the other harts of a step are gdb's to hear of. */
  readonly isWithOthers?: boolean;
}

/**
 * The meaning of `vCont;action[:thread]…`: a step if any action is one, of the thread it names.
 * @returns `undefined` if it is malformed; `stop` for `t`
 */
export function parseVCont(
  actions: string,
  current: number,
  harts: number,
): Resumption | "stop" | undefined {
  const parsed = actions.split(";").map((action) =>
    /^(c|C[0-9a-f]{2}|s|S[0-9a-f]{2}|t)(?::(-1|[0-9a-f]{1,4}))?$/i.exec(action)
  );
  if (parsed.length === 0 || parsed.some((match) => match === null)) return undefined;
  const step = parsed.find((match) => match![1].toLowerCase().startsWith("s"));
  if (!step) return parsed[0]![1] === "t" ? "stop" : { direction: "forward", step: undefined };
  const thread = step[2] === undefined || step[2] === "-1" ? 0 : parseInt(step[2], 16);
  if (thread > harts) return undefined;
  return {
    direction: "forward",
    step: thread === 0 ? current : thread - 1,
    isWithOthers: parsed.some((match) => match![1].toLowerCase().startsWith("c")),
  };
}

/**
 * Moves. A step may run for long, while its hart waits and others act: what they and the devices do
 * to what is watched stops it, and so does a breakpoint that another hart comes to, if gdb has
 * resumed that one too.
 *
 * gdb takes a RISC-V watchpoint to stop the hart before the access (the debug specification allows
 * it), makes one step more in the same direction, and then compares values. So the position that it
 * is told is the one on this side of the access: before it forward, after it backward.
 */
export async function resume(
  debug: Debugger,
  { direction, step, isWithOthers = false }: Resumption,
  signal: AbortSignal,
): Promise<Arrival> {
  const { cursor } = debug;
  const { breakpoints, watchpoints } = debug.conditions();
  const conditions = { watchpoints, breakpoints: isWithOthers ? breakpoints : new Set<bigint>() };
  const arrival = step === undefined
    ? await debug.continue(direction, signal)
    : await debug.step(direction, step, signal, conditions);
  if (arrival.reason === "watchpoint") {
    await cursor.seek(direction === "forward" ? cursor.cycle - 1 : cursor.cycle + 1);
  }
  return arrival;
}
