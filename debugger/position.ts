/** Where a client is and why it stopped there, as text and as data. */
import { disassemble } from "../core/isa/disassemble.ts";
import type { WatchHit } from "../core/machine.ts";
import type { Arrival, EventArrival, EventKind } from "../replay/cursor.ts";
import type { Answer, Json } from "./command.ts";
import type { Debugger } from "./debugger.ts";
import { hex } from "./number.ts";
import { placeText } from "./symbols/symbols.ts";

const EVENT_TEXTS: Readonly<Record<EventKind, string>> = {
  input: "an input comes next",
  interrupt: "an interrupt is taken next",
  trap: "the next instruction traps",
  console: "a line on the console is completed next",
};

/** The position, with the instruction that comes next. */
export function position(debug: Debugger, hart = debug.hart): Answer {
  const { cursor, arrival } = debug;
  const pc = cursor.readRegister(hart, "pc");
  const place = debug.place(pc);
  const instruction = instructionAt(debug, hart, pc);
  const where = `cycle ${cursor.cycle}, hart ${hart} at ${debug.describe(pc)}` +
    (instruction ? `: ${instruction.text}` : "");
  const branch = cursor.branch
    ? `\non a branch that left the recording at ${cursor.branch.from}`
    : "";
  return {
    text: `${where}${arrival ? `\n${arrivalText(debug, arrival)}` : ""}${branch}`,
    data: {
      cycle: cursor.cycle,
      start: cursor.start,
      end: Number.isFinite(cursor.end) ? cursor.end : null,
      hart,
      pc: hex(pc),
      symbol: place && placeText(place),
      instruction: instruction?.text,
      stopped: arrival && arrivalData(debug, arrival),
      branch: cursor.branch && { from: cursor.branch.from },
    },
  };
}

/** The instruction at a virtual address; `undefined` if nothing is mapped there. */
export function instructionAt(
  debug: Debugger,
  hart: number,
  address: bigint,
): { readonly text: string; readonly sizeBytes: number } | undefined {
  const low = debug.readMemory(hart, address, 2);
  if (low === undefined) return undefined;
  const half = low[0] | low[1] << 8;
  if ((half & 3) !== 3) return { text: disassemble(half, address), sizeBytes: 2 };
  const high = debug.readMemory(hart, BigInt.asUintN(64, address + 2n), 2);
  if (high === undefined) return undefined;
  return { text: disassemble(half | high[0] << 16 | high[1] << 24, address), sizeBytes: 4 };
}

/** Why a cursor stopped, as a sentence. */
export function arrivalText(debug: Debugger, arrival: Arrival | EventArrival): string {
  switch (arrival.reason) {
    case "breakpoint":
      return `stopped at a breakpoint on hart ${arrival.hart}`;
    case "watchpoint":
      return arrival.hits.map((hit) => hitText(debug, hit)).join("\n");
    case "step":
      return `hart ${arrival.hart} has stepped`;
    case "event":
      return EVENT_TEXTS[arrival.kind];
    case "start":
      return "this is the first cycle that can be reached";
    case "end":
      return "this is the last cycle that can be reached";
    case "interrupted":
      return "interrupted";
  }
}

function hitText(debug: Debugger, hit: WatchHit): string {
  const watchpoint = debug.watchpointAt(hit.physical, hit.sizeBytes);
  const number = watchpoint ? `watchpoint ${watchpoint.number}: ` : "";
  const inputs = "device" in hit ? debug.inputsOf(hit.device) : [];
  const writer = "device" in hit
    ? [`${hit.device} by DMA`, ...inputs.map(({ id }) => id)].join(", ")
    : `hart ${hit.hart}`;
  const verb = hit.kind === "walk" ? "set an A or D bit" : hit.kind;
  const at = "device" in hit ? "" : ` at ${debug.describe(hit.address)}`;
  return `${number}${writer}: ${verb} of ${hit.sizeBytes} bytes${at} (physical ${
    hex(hit.physical)
  })`;
}

function arrivalData(debug: Debugger, arrival: Arrival | EventArrival): Json {
  switch (arrival.reason) {
    case "breakpoint":
    case "step":
      return { reason: arrival.reason, hart: arrival.hart };
    case "watchpoint":
      return {
        reason: arrival.reason,
        hits: arrival.hits.map((hit) => ({
          physical: hex(hit.physical),
          sizeBytes: hit.sizeBytes,
          kind: hit.kind,
          ...("device" in hit
            ? { device: hit.device, inputs: debug.inputsOf(hit.device).map(({ id }) => id) }
            : { hart: hit.hart, address: hex(hit.address) }),
        })),
      };
    case "event":
      return { reason: arrival.reason, kind: arrival.kind };
    default:
      return { reason: arrival.reason };
  }
}
