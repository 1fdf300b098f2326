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
 * The meaning of `vCont;action[:thread]…`: of each hart the leftmost action that is for it. A step
 * if any of these is one; of the current hart rather than of another.
 * @returns `undefined` if it is malformed; `stop` for `t`
 */
export function parseVCont(
  actions: string,
  current: number,
  harts: number,
): Resumption | "stop" | undefined {
  const parsed: { readonly kind: string; readonly hart: number | undefined }[] = [];
  for (const action of actions.split(";")) {
    const [, kind, thread = "-1"] =
      /^(c|C[0-9a-f]{2}|s|S[0-9a-f]{2}|t)(?::(-1|[0-9a-f]{1,4}))?$/i.exec(action) ?? [];
    const id = thread === "-1" ? undefined : parseInt(thread, 16);
    if (kind === undefined || id !== undefined && id > harts) return undefined;
    // 0 is any thread.
    parsed.push({ kind: kind[0].toLowerCase(), hart: id === 0 ? current : id && id - 1 });
  }
  const kindOf = (hart: number) =>
    parsed.find((one) => one.hart === undefined || one.hart === hart)?.kind;
  const all = Array.from({ length: harts }, (_, hart) => hart);
  const step = [current, ...all].find((hart) => kindOf(hart) === "s");
  const isWithOthers = all.some((hart) => hart !== step && kindOf(hart) === "c");
  if (step === undefined && parsed[0].kind === "t") return "stop";
  return { direction: "forward", step, isWithOthers };
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
