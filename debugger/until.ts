/** Movement to an instruction or to an event, whatever breakpoints are set. */
import type { EventKind } from "../replay/cursor.ts";
import type { Debugger, Direction } from "./debugger.ts";

const EVENTS: readonly string[] = ["input", "interrupt", "trap", "console"] satisfies EventKind[];

/**
 * Goes to the nearest one before or behind the position.
 * @param what the name of a kind of event, or an address
 */
export async function goUntil(
  debug: Debugger,
  direction: Direction,
  what: string,
  signal?: AbortSignal,
): Promise<void> {
  if (EVENTS.includes(what)) await debug.event(direction, what as EventKind, signal);
  else {
    const breakpoints = new Set([debug.address(what)]);
    await debug.continue(direction, signal, { breakpoints, watchpoints: [] });
  }
}
