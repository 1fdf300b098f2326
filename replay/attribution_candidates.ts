/** What happened on the host's side, in a recording, that a guest could have come to harm by. */
import type { HostEvent } from "../core/host_event.ts";
import type { Input } from "../core/host.ts";
import { hostEventsOf } from "./host_events.ts";
import { deviceOf, type LogEntry } from "./log.ts";
import type { Origin } from "./verdict.ts";

/**
 * How much of a wrong it was, told by what came of it alone. `told`: a status said that a request
 * failed, and the guest could have coped. `legal`: something took longer, came in another order, or
 * came without need, as a device may have it. `wrong`: something was not as it should be, and nothing
 * said so.
 */
export type Manner = "told" | "legal" | "wrong";

export interface Candidate {
  /** The id of its entry in the log. */
  readonly event: string;
  readonly cycle: number;
  readonly device: string;
  readonly what: string;
  readonly origin: Origin;
  readonly manner: Manner;
  /** A replay without it can be made. */
  readonly isRemovable: boolean;
}

/** Those that reached the guest, in order of cycle. */
export function candidatesOf(entries: readonly LogEntry[]): Candidate[] {
  const shapedBy = hostEventsOf(entries);
  const inputs = new Map(
    entries.flatMap((entry): [string, Input][] =>
      entry.kind === "input" ? [[entry.id, entry.input]] : []
    ),
  );
  /** By the id of an event: what the guest saw of it. */
  const seen = new Map(
    [...shapedBy].flatMap(([id, events]) => events.map((event) => [event, inputs.get(id)])),
  );
  return entries.flatMap((entry) => {
    if (entry.kind !== "input") return [];
    const { input } = entry;
    if (input.kind === "host") {
      return reaches(input, seen.has(entry.id))
        ? [ofHostEvent(entry, input, seen.get(entry.id))]
        : [];
    }
    // A failed answer that no event explains.
    const isBare = input.kind === "disk" && input.error !== undefined && !shapedBy.has(entry.id);
    if (isBare) return [plain(entry, `${input.error} from the host`)];
    return input.kind === "link" && !input.up ? [plain(entry, "the link went down")] : [];
  });
}

// A stall in virtual time, a changed image whose old content the guest keeps, an end that closes,
// frames that got lost as they may: the guest sees nothing of these, or nothing out of order. What
// shapes an answer, or was done to the machine, it may see.
function reaches({ event }: HostEvent, shapesAnswer: boolean): boolean {
  return event === "injected" || shapesAnswer && event !== "image-changed";
}

function ofHostEvent(entry: LogEntry, event: HostEvent, seen: Input | undefined): Candidate {
  return {
    event: entry.id,
    cycle: entry.cycle,
    device: event.concerns,
    what: event.text,
    origin: event.event === "injected" ? "host-injected" : "host-environment",
    manner: mannerOf(event, seen),
    isRemovable: true,
  };
}

function mannerOf({ error, ns, bytes }: HostEvent, seen: Input | undefined): Manner {
  if (error !== undefined) return "told";
  if (seen?.kind === "fault") {
    const isTiming = seen.fault === "withhold" || seen.fault === "interrupt" && seen.how !== "lost";
    return isTiming ? "legal" : "wrong";
  }
  return ns !== undefined && bytes === undefined ? "legal" : "wrong";
}

function plain(entry: LogEntry, what: string): Candidate {
  const { id, cycle } = entry;
  const device = deviceOf(id);
  const origin = "host-environment";
  return { event: id, cycle, device, what, origin, manner: "told", isRemovable: false };
}
