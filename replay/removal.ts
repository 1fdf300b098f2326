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
  return Math.min(
    ...events.map(({ cycle, event }) =>
      event.event === "stall" ? Math.max(0, cycle - Number(event.ns ?? 0n)) : cycle
    ),
  );
}

/** The log, and behind its end what was being kept from the machine when it ended. */
export function withPending(entries: readonly LogEntry[]): readonly LogEntry[] {
  const pending = entries.flatMap((entry, index): LogEntry[] => {
    if (entry.kind !== "input" || entry.input.kind !== "host") return [];
    const { event, concerns: device, request, ns, bytes } = entry.input;
    const isKept = event === "injected" && ns !== undefined;
    if (!isKept || effectOf(entries, index, entry.input) !== undefined) return [];
    const input: Input | undefined = request !== undefined
      ? { device, kind: "disk", request, error: undefined, ...(bytes && { bytes }) }
      : bytes && { device, kind: "console", bytes };
    if (input === undefined) return [];
    return [{ cycle: entry.cycle + Number(ns), id: "", version: 1, kind: "input", input }];
  });
  return [...entries, ...pending.sort((a, b) => a.cycle - b.cycle)];
}

/** @param entries in which the events are */
export function removalOf(
  events: readonly EventEntry[],
  entries: readonly LogEntry[],
): Removal {
  const repairs = new Map<number, Repair>();
  let missing: string | undefined;
  for (const { id, cycle, event, effect } of events) {
    missing ??= unknowable(id, event);
    if (effect === undefined) continue;
    const repair = repairs.get(effect) ?? { ...NONE };
    repairs.set(effect, repair);
    if (isForced(event)) repair.isDropped = true;
    else if (event.event === "stall") repair.stalledCycles += Number(event.ns ?? 0n);
    else if (event.ns !== undefined) repair.soonerCycles += entries[effect].cycle - cycle;
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

/** The answer or the fault with the event's number; of a console, what was typed and came later. */
function effectOf(
  entries: readonly LogEntry[],
  index: number,
  { event, concerns, request, ns }: HostEvent,
): number | undefined {
  const { cycle } = entries[index];
  const until = ns !== undefined && event === "injected" ? Infinity : cycle;
  if (request === undefined) {
    if (event !== "injected" || ns === undefined) return undefined;
    const before = keptUntil(entries, index, concerns, cycle + Number(ns));
    return nth(entries, index, before, (entry) =>
      entry.cycle === cycle + Number(ns) &&
      entry.kind === "input" && entry.input.kind === "console" && entry.input.device === concerns);
  }
  return nth(entries, index, 0, ({ cycle, ...entry }) =>
    cycle <= until &&
    entry.kind === "input" && entry.input.device === concerns &&
    "request" in entry.input && entry.input.request === request);
}

/** How many earlier inputs of a console were kept until the same cycle. */
function keptUntil(
  entries: readonly LogEntry[],
  index: number,
  console: string,
  until: number,
): number {
  return entries.slice(0, index).filter(({ cycle, ...entry }) =>
    entry.kind === "input" && entry.input.kind === "host" && entry.input.event === "injected" &&
    entry.input.concerns === console && cycle + Number(entry.input.ns ?? 0n) === until
  ).length;
}

/** The place of an entry behind another, after so many others of its kind. */
function nth(
  entries: readonly LogEntry[],
  after: number,
  before: number,
  fits: (entry: LogEntry) => boolean,
): number | undefined {
  for (let at = after + 1; at < entries.length; at++) {
    if (fits(entries[at]) && before-- === 0) return at;
  }
  return undefined;
}

function classOf(event: HostEvent, shaped: Input | undefined): string[] {
  if (event.event !== "injected") return [];
  if (shaped === undefined) return [];
  return [shaped.kind === "fault" ? FAULT_CLASSES[shaped.fault] : shaped.kind];
}
