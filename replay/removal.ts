/** What the host would have done without some of its events, as far as the recording knows. */
import type { HostEvent } from "../core/host_event.ts";
import type { Input } from "../core/host.ts";
import type { LogEntry } from "./log.ts";

/** A host event of a log. */
export interface EventEntry {
  readonly id: string;
  readonly cycle: number;
  readonly event: HostEvent;
  /** The place in the log of the input that it shaped; `undefined`: the guest saw nothing of it. */
  readonly effect: number | undefined;
  /** Names under which it can be removed. */
  readonly classes: readonly string[];
}

/** What is to be done to a recorded input. */
export interface Repair {
  /** It does not come at all. */
  isDropped: boolean;
  /** It comes so many cycles sooner. */
  soonerCycles: number;
  /** And so many if it came when the host had it, and not when it was due. */
  stalledCycles: number;
  /** It is as if nothing had gone wrong; of a read, the data there are known from elsewhere. */
  isMended: boolean;
}

/** What is taken away, and what that cannot tell. */
export interface Removal {
  readonly repairs: ReadonlyMap<number, Repair>;
  /** True data that replace what the guest saw. */
  readonly truths: readonly HostEvent[];
  /** Why nobody can say what would have been; `undefined`: it can be told. */
  readonly missing: string | undefined;
}

const NONE: Repair = { isDropped: false, soonerCycles: 0, stalledCycles: 0, isMended: false };

/** Of faults that were forced upon the machine. */
const FAULT_CLASSES = {
  flip: "memory",
  withhold: "hart",
  jump: "clock",
  interrupt: "interrupt",
} as const;

/** In the order of the log. */
export function eventEntries(entries: readonly LogEntry[]): EventEntry[] {
  return entries.flatMap((entry, index): EventEntry[] => {
    if (entry.kind !== "input" || entry.input.kind !== "host") return [];
    const event = entry.input;
    const effect = effectOf(entries, index, event);
    const shaped = effect === undefined ? undefined : entries[effect];
    const shapedInput = shaped?.kind === "input" ? shaped.input : undefined;
    const classes = [event.event, ...classOf(event, shapedInput)];
    return [{ id: entry.id, cycle: entry.cycle, event, effect, classes }];
  });
}

/** The first cycle that is other without these events. */
export function firstDifference(events: readonly EventEntry[]): number {
  return Math.min(...events.map(({ cycle, event }) => Math.max(0, cycle - Number(event.ns ?? 0n))));
}

export function removalOf(events: readonly EventEntry[]): Removal {
  const repairs = new Map<number, Repair>();
  let missing: string | undefined;
  for (const { id, event, effect } of events) {
    missing ??= unknowable(id, event);
    if (effect === undefined) continue;
    const repair = repairs.get(effect) ?? { ...NONE };
    repairs.set(effect, repair);
    if (isForced(event)) repair.isDropped = true;
    else if (event.event === "stall") repair.stalledCycles += Number(event.ns ?? 0n);
    else if (event.ns !== undefined) repair.soonerCycles += Number(event.ns);
    else repair.isMended = true;
  }
  const truths = events.flatMap(({ event }) => event.event === "image-changed" ? [] : [event]);
  return { repairs, truths, missing };
}

const FORCED_UPON = ["machine", "clint", "plic"];

function isForced({ event, concerns }: HostEvent): boolean {
  return event === "injected" && FORCED_UPON.includes(concerns);
}

function unknowable(id: string, { event }: HostEvent): string | undefined {
  if (event === "end-closed") return `what would have come had ${id} not happened is not recorded`;
  return event === "frames-lost" ? `the frames that ${id} lost are not recorded` : undefined;
}

/** An answer, a fault, or what was typed: it comes right behind the events about it. */
function effectOf(
  entries: readonly LogEntry[],
  index: number,
  { event, concerns, request }: HostEvent,
): number | undefined {
  if (request === undefined && event !== "injected") return undefined;
  const { cycle } = entries[index];
  for (let at = index + 1; entries[at]?.cycle === cycle; at++) {
    const entry = entries[at];
    if (entry.kind !== "input" || entry.input.device !== concerns) continue;
    if (request === undefined || "request" in entry.input && entry.input.request === request) {
      return at;
    }
  }
  return undefined;
}

function classOf(event: HostEvent, shaped: Input | undefined): string[] {
  if (event.event !== "injected") return [];
  if (shaped === undefined) return [];
  return [shaped.kind === "fault" ? FAULT_CLASSES[shaped.fault] : shaped.kind];
}
