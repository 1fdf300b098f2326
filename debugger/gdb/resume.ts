/** Resuming: steps and continues as gdb asks for them. */
import type { Arrival } from "../../replay/cursor.ts";
import type { Debugger, Direction, Watchpoint } from "../debugger.ts";

/** What a packet asks for. */
export interface Resumption {
  readonly direction: Direction;
  /** The hart to step; `undefined`: continue. */
  readonly step: number | undefined;
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
  return { direction: "forward", step: thread === 0 ? current : thread - 1 };
}

/**
 * Moves. A step that changes what is watched counts as an access to it.
 *
 * gdb takes a RISC-V watchpoint to stop the hart before the access (the debug specification allows
 * it), makes one step more in the same direction, and then compares values. So the position that it
 * is told is the one on this side of the access: before it forward, after it backward.
 */
export async function resume(
  debug: Debugger,
  { direction, step }: Resumption,
  signal: AbortSignal,
): Promise<Arrival> {
  const { cursor } = debug;
  if (step === undefined) {
    const arrival = await debug.continue(direction, signal);
    if (arrival.reason === "watchpoint") {
      await cursor.seek(direction === "forward" ? cursor.cycle - 1 : cursor.cycle + 1);
    }
    return arrival;
  }
  const from = cursor.cycle;
  const watched = [...debug.watchpoints.values()].filter(({ kind }) => kind !== "read");
  const before = watched.map((watchpoint) => contents(debug, watchpoint));
  const arrival = await debug.step(direction, step, signal);
  const changed = watched.find((watchpoint, i) => contents(debug, watchpoint) !== before[i]);
  if (arrival.reason !== "step" || changed === undefined) return arrival;
  await cursor.seek(from);
  const { address: physical, sizeBytes } = changed.pieces[0];
  const hit = { physical, sizeBytes, kind: "write", hart: step, address: changed.address } as const;
  debug.arrival = { reason: "watchpoint", hits: [hit] };
  return debug.arrival;
}

function contents(debug: Debugger, { pieces }: Watchpoint): string {
  return pieces.map(({ address, sizeBytes }) => debug.cursor.readMemory(address, sizeBytes)?.join())
    .join(";");
}
