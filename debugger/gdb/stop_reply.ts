/** Stop replies. Source: Debugging with GDB, appendix E.3 "Stop Reply Packets". */
import type { Arrival } from "../../replay/cursor.ts";
import type { Debugger, WatchKind } from "../debugger.ts";

const SIGTRAP = "05";
const SIGINT = "02";
const WATCH_NAMES: Readonly<Record<WatchKind, string>> = {
  write: "watch",
  read: "rwatch",
  access: "awatch",
};

/** What gdb has set at an address: `Z0` or `Z1`. */
export type BreakKind = "swbreak" | "hwbreak";

/** @param breakKind which of its breakpoints gdb has at a pc, if any */
export function stopReply(
  debug: Debugger,
  arrival: Arrival,
  hart: number,
  breakKind: (pc: bigint) => BreakKind | undefined,
): string {
  const thread = `thread:${threadId(hart)};`;
  switch (arrival.reason) {
    case "interrupted":
      return `T${SIGINT}${thread}`;
    case "start":
      return `T${SIGTRAP}${thread}replaylog:begin;`;
    case "end":
      return `T${SIGTRAP}${thread}replaylog:end;`;
    case "watchpoint":
      return `T${SIGTRAP}${thread}${watch(debug, arrival)}`;
    default: {
      const kind = breakKind(debug.cursor.readRegister(hart, "pc"));
      return `T${SIGTRAP}${thread}${kind ? `${kind}:;` : ""}`;
    }
  }
}

/** Threads are harts, counted from 1: 0 means any thread to gdb. */
export function threadId(hart: number): string {
  return (hart + 1).toString(16);
}

// gdb looks for a watchpoint that holds the address: the accessed byte that is watched.
function watch(debug: Debugger, { hits }: Arrival & { reason: "watchpoint" }): string {
  for (const { physical, sizeBytes } of hits) {
    const found = debug.watchpointAt(physical, sizeBytes);
    if (found) return `${WATCH_NAMES[found.kind]}:${found.address.toString(16)};`;
  }
  return "";
}
