/** What happened on the host's side, in a recording, that a guest could have come to harm by. */
import type { HostEvent } from "../core/host_event.ts";
import type { Input } from "../core/host.ts";
import { bearsSpurious, legalDelayCycles } from "./attribution_bounds.ts";
import { effectKey, type Effects } from "./attribution_effect.ts";
import { deviceOf, type LogEntry } from "./log.ts";
import { eventEntries, type EventEntry, outages, type Removable, withPending } from "./removal.ts";
import type { Origin } from "./verdict.ts";

/**
 * How much of a wrong it was, told by what came of it alone. `told`: a status said that a request
 * failed, and the guest could have coped. `legal`: something took longer, came in another order, or
 * came without need, as a device may have it. `late`: it took longer than a device may have it.
 * `wrong`: something was not as it should be, and nothing said so.
 */
export type Manner = "told" | "legal" | "late" | "wrong";

export interface Candidate {
  /** The id of its entry in the log. */
  readonly event: string;
  readonly cycle: number;
  readonly device: string;
  readonly what: string;
  readonly origin: Origin;
  readonly manner: Manner;
  /** Of what is `late`: so long it might have taken. */
  readonly legalCycles?: number;
  /** A link is down until this cycle, and what would have come meanwhile is not recorded. */
  readonly downUntil?: number;
  /** A replay without it can be made. */
  readonly isRemovable: boolean;
}

/** What a recording does not say by itself. */
export interface Background {
  readonly effects: Effects;
  /** Interrupt sources of virtio devices. */
  readonly virtioSources: ReadonlySet<number>;
}

/** Those that reached the guest, in order of cycle. */
export function candidatesOf(entries: readonly LogEntry[], background: Background): Candidate[] {
  const all = withPending(entries);
  const events = eventEntries(all);
  const explained = new Set(events.map(({ effect }) => effect));
  const found = events.flatMap((event) => {
    const candidate = ofEvent(event, all, background);
    return candidate ? [candidate] : [];
  });
  const bare = entries.flatMap((entry, index) => {
    if (entry.kind !== "input" || entry.input.kind !== "disk" || explained.has(index)) return [];
    const { error } = entry.input;
    return error === undefined ? [] : [ofFailure(entry, error)];
  });
  const down = outages(entries).map((outage) => ofOutage(outage, entries));
  return [...found, ...bare, ...down].sort((a, b) => a.cycle - b.cycle);
}

// A stall in virtual time, a changed image whose old content the guest keeps, an end that closes,
// frames that got lost as they may: the guest sees nothing of these, or nothing out of order. What
// shapes an answer, or was done to the machine, it may see.
function ofEvent(
  { id, cycle, event, effect, delayCycles }: EventEntry,
  entries: readonly LogEntry[],
  background: Background,
): Candidate | undefined {
  const entry = entries[effect ?? -1];
  if (entry?.kind !== "input" || event.event === "image-changed") return undefined;
  const weight = weigh(event, entry.input, delayCycles, background);
  return weight && {
    event: id,
    cycle,
    device: event.concerns,
    what: event.text,
    origin: event.event === "injected" ? "host-injected" : "host-environment",
    ...weight,
    isRemovable: true,
  };
}

type Weight = Pick<Candidate, "manner" | "legalCycles">;

/** `undefined`: it did nothing. */
function weigh(
  { error }: HostEvent,
  shaped: Input,
  delayCycles: number | undefined,
  { effects, virtioSources }: Background,
): Weight | undefined {
  if (error !== undefined) return { manner: "told" };
  if (shaped.kind !== "fault") {
    return delayCycles === undefined ? { manner: "wrong" } : delay(delayCycles, shaped);
  }
  const effect = effects.get(effectKey(shaped.device, shaped.request));
  if (effect?.kind === "none") return undefined;
  if (effect?.kind === "delay") return delay(effect.cycles, shaped);
  const isBorne = effect?.kind === "request" && bearsSpurious(effect.source, virtioSources);
  return { manner: isBorne ? "legal" : "wrong" };
}

function delay(cycles: number, shaped: Input): Weight {
  const legalCycles = legalDelayCycles(shaped);
  return cycles <= legalCycles ? { manner: "legal" } : { manner: "late", legalCycles };
}

function ofFailure({ id, cycle }: LogEntry, error: string): Candidate {
  const what = `${error} from the host`;
  const origin = "host-environment";
  return {
    event: id,
    cycle,
    device: deviceOf(id),
    what,
    origin,
    manner: "told",
    isRemovable: false,
  };
}

function ofOutage({ id, cycle, index }: Removable, entries: readonly LogEntry[]): Candidate {
  const device = deviceOf(id);
  const up = entries.find((entry, at) =>
    at > index && entry.kind === "input" && entry.input.kind === "link" && entry.input.up &&
    entry.input.device === device
  );
  return {
    event: id,
    cycle,
    device,
    what: "the link went down",
    origin: "host-environment",
    manner: "told",
    downUntil: up?.cycle ?? Infinity,
    isRemovable: true,
  };
}
