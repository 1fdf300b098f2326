/** What the host would have done without some of its events, as far as the recording knows. */
import type { FaultInput } from "../core/fault.ts";
import type { HostEvent } from "../core/host_event.ts";
import type { Input } from "../core/host.ts";
import { CYCLES_PER_TICK } from "../core/timers.ts";
import type { LogEntry } from "./log.ts";

/** Something of a log that can be taken away: a host event, or what came in by itself. */
export interface Removable {
  readonly id: string;
  readonly cycle: number;
  /** Absent: the input itself is taken away. */
  readonly event: HostEvent | undefined;
  /** Its own place in the log. */
  readonly index: number;
  /** The place in the log of the input that it shaped; `undefined`: the guest saw nothing of it. */
  readonly effect: number | undefined;
  /** The first cycle that is other without it. */
  readonly firstCycle: number;
  /** For so many cycles something was kept from the guest; `undefined`: nothing was late. */
  readonly delayCycles: number | undefined;
  /** Names under which it can be removed. */
  readonly classes: readonly string[];
}

/** A host event of a log. */
export interface EventEntry extends Removable {
  readonly event: HostEvent;
}

/** By id of a delay: so many cycles of it remain. */
export type Kept = ReadonlyMap<string, number>;

/** What is to be done to a recorded input. */
export interface Repair {
  /** It does not come at all. */
  isDropped: boolean;
  /** Or this comes in its place. */
  instead: Input | undefined;
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
  /** What would have come besides, and is not recorded. */
  readonly unseen: string | undefined;
}

const NONE: Repair = {
  isDropped: false,
  instead: undefined,
  soonerCycles: 0,
  stalledCycles: 0,
  isMended: false,
};

/** Of faults that were forced upon the machine. */
const FAULT_CLASSES = {
  flip: "memory",
  withhold: "hart",
  jump: "clock",
  interrupt: "interrupt",
} as const;

/** Host events, in the order of the log. */
export function eventEntries(entries: readonly LogEntry[]): EventEntry[] {
  return entries.flatMap((entry, index): EventEntry[] => {
    if (entry.kind !== "input" || entry.input.kind !== "host") return [];
    const { id, cycle, input } = entry;
    const effect = effectOf(entries, index, input);
    const classes = [input.event, ...classOf(input, inputAt(entries, effect))];
    const delayCycles = delayOf(entries, index, effect);
    const isStall = delayCycles !== undefined && isToldAtOnce(entries, index, effect!);
    const firstCycle = isStall ? Math.max(0, cycle - delayCycles) : cycle;
    return [{ id, cycle, event: input, index, effect, firstCycle, delayCycles, classes }];
  });
}

/** Links that went down, in the order of the log. */
export function outages(entries: readonly LogEntry[]): Removable[] {
  return entries.flatMap(({ id, cycle, ...entry }, index) =>
    entry.kind === "input" && entry.input.kind === "link" && !entry.input.up
      ? [ofInput(id, cycle, index, entry.input)]
      : []
  );
}

/** What came in by itself, such as a frame, to be taken away; `undefined`: nothing with this id did. */
export function inputEntry(entries: readonly LogEntry[], id: string): Removable | undefined {
  const index = entries.findIndex((entry) => entry.id === id);
  const input = inputAt(entries, index);
  const comesByItself = input && ["console", "frame", "link"].includes(input.kind);
  return comesByItself ? ofInput(id, entries[index].cycle, index, input) : undefined;
}

function ofInput(id: string, cycle: number, index: number, { kind }: Input): Removable {
  const itself = { event: undefined, index, effect: index };
  return { id, cycle, ...itself, firstCycle: cycle, delayCycles: undefined, classes: [kind] };
}

function inputAt(entries: readonly LogEntry[], index: number | undefined): Input | undefined {
  const entry = entries[index ?? -1];
  return entry?.kind === "input" ? entry.input : undefined;
}

/** The first cycle that is other without these events. */
export function firstDifference(events: readonly Removable[]): number {
  return Math.min(...events.map(({ firstCycle }) => firstCycle));
}

/** The log, and behind its end what was being kept from the machine when it ended. */
export function withPending(entries: readonly LogEntry[]): readonly LogEntry[] {
  const pending = entries.flatMap((entry, index): LogEntry[] => {
    if (entry.kind !== "input" || entry.input.kind !== "host") return [];
    const { concerns: device, request, ns, bytes } = entry.input;
    if (ns === undefined || effectOf(entries, index, entry.input) !== undefined) return [];
    const input: Input | undefined = request !== undefined
      ? { device, kind: "disk", request, error: undefined, ...(bytes && { bytes }) }
      : bytes && { device, kind: "console", bytes };
    if (input === undefined) return [];
    return [{ cycle: entry.cycle + Number(ns), id: "", version: 1, kind: "input", input }];
  });
  return [...entries, ...pending.sort((a, b) => a.cycle - b.cycle)];
}

/**
 * @param entries in which the events are
 * @param kept those that are not taken away whole
 */
export function removalOf(
  events: readonly Removable[],
  entries: readonly LogEntry[],
  kept: Kept = new Map(),
): Removal {
  const repairs = new Map<number, Repair>();
  const repair = (index: number, change: (known: Repair) => Partial<Repair>) => {
    const known = repairs.get(index) ?? NONE;
    repairs.set(index, { ...known, ...change(known) });
  };
  let missing: string | undefined;
  let unseen: string | undefined;
  for (const { id, cycle, event, index, effect, delayCycles = 0 } of events) {
    missing ??= event && unknowable(id, event);
    if (effect === undefined) continue;
    const still = kept.get(id);
    const gainedCycles = delayCycles - (still ?? 0);
    const input = inputAt(entries, effect)!;
    if (still !== undefined && input.kind === "fault") {
      repair(effect, () => ({ instead: shortened(input, cycle, still) }));
    } else if (event === undefined || isForced(event)) {
      for (const gone of [index, effect, ...backAgain(entries, effect)]) {
        repair(gone, () => ({ isDropped: true }));
      }
      if (input.kind === "link") {
        unseen ??=
          `what would have come over ${input.device} had ${id} not happened is not recorded`;
      }
    } else if (event.ns === undefined) {
      repair(effect, () => ({ isMended: true }));
    } else if (isToldAtOnce(entries, index, effect)) {
      repair(effect, ({ stalledCycles }) => ({ stalledCycles: stalledCycles + gainedCycles }));
    } else repair(effect, ({ soonerCycles }) => ({ soonerCycles: soonerCycles + gainedCycles }));
  }
  const truths = events.flatMap(({ event }) =>
    event === undefined || event.event === "image-changed" ? [] : [event]
  );
  return { repairs, truths, missing, unseen };
}

/** A link that did not go down does not come up again. */
function backAgain(entries: readonly LogEntry[], index: number): number[] {
  const down = inputAt(entries, index);
  if (down?.kind !== "link" || down.up) return [];
  const up = entries.findIndex((entry, at) =>
    at > index && entry.kind === "input" && entry.input.kind === "link" &&
    entry.input.device === down.device && entry.input.up
  );
  return up < 0 ? [] : [up];
}

/** What asks nothing of its host: an event with a number is about a fault. */
const FORCED_UPON = ["machine", "clint", "plic"];

/** Nothing but the fault behind it follows from it. */
export function isForced({ request, concerns }: HostEvent): boolean {
  return request !== undefined && FORCED_UPON.includes(concerns);
}

function unknowable(id: string, { event }: HostEvent): string | undefined {
  if (event === "end-closed") return `what would have come had ${id} not happened is not recorded`;
  return event === "frames-lost" ? `the frames that ${id} lost are not recorded` : undefined;
}

/** How late something came, or when a fault ends; of a stall, how long it was. */
function delayOf(
  entries: readonly LogEntry[],
  index: number,
  effect: number | undefined,
): number | undefined {
  const [event, shaped] = [inputAt(entries, index), inputAt(entries, effect)];
  if (event?.kind !== "host" || shaped === undefined) return undefined;
  const { cycle } = entries[index];
  if (shaped.kind === "fault") return delayOfFault(shaped, cycle);
  if (event.ns === undefined) return undefined;
  const isStall = isToldAtOnce(entries, index, effect!);
  return isStall ? Number(event.ns) : entries[effect!].cycle - cycle;
}

/** A clock that jumps ahead is to the guest as if nothing had run meanwhile. */
function delayOfFault(fault: FaultInput, cycle: number): number | undefined {
  if (fault.fault === "jump") {
    return fault.ticks > 0n ? Number(fault.ticks) * CYCLES_PER_TICK : undefined;
  }
  const until = fault.fault === "flip" ? undefined : fault.until;
  return until === undefined ? undefined : until - cycle;
}

function shortened(fault: FaultInput, cycle: number, cycles: number): FaultInput {
  return fault.fault === "jump"
    ? { ...fault, ticks: BigInt(Math.floor(cycles / CYCLES_PER_TICK)) }
    : { ...fault, until: cycle + cycles } as FaultInput;
}

/** Told when it was over: what it shaped comes right behind. */
function isToldAtOnce(entries: readonly LogEntry[], index: number, effect: number): boolean {
  return entries[index].cycle === entries[effect].cycle &&
    entries.slice(index, effect).every((_, i) => inputAt(entries, index + i)?.kind === "host");
}

/** The answer or the fault with the event's number; of a console, what was typed and came later. */
function effectOf(
  entries: readonly LogEntry[],
  index: number,
  { concerns, request, ns, bytes }: HostEvent,
): number | undefined {
  if (request !== undefined) {
    return nth(
      entries,
      index,
      0,
      (entry) =>
        entry.kind === "input" && entry.input.device === concerns &&
        "request" in entry.input && entry.input.request === request,
    );
  }
  if (ns === undefined || bytes === undefined) return undefined;
  const until = entries[index].cycle + Number(ns);
  const before = keptUntil(entries, index, concerns, until);
  return nth(entries, index, before, (entry) =>
    entry.cycle === until &&
    entry.kind === "input" && entry.input.kind === "console" && entry.input.device === concerns);
}

/** How many earlier inputs of a console were kept until the same cycle. */
function keptUntil(
  entries: readonly LogEntry[],
  index: number,
  console: string,
  until: number,
): number {
  return entries.slice(0, index).filter(({ cycle, ...entry }) =>
    entry.kind === "input" && entry.input.kind === "host" && entry.input.bytes !== undefined &&
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
