/** What happened on the host's side, in a recording, that a guest could have come to harm by. */
import type { HostEvent } from "../core/host_event.ts";
import { hostEventsOf } from "./host_events.ts";
import { deviceOf, type LogEntry } from "./log.ts";
import type { Origin } from "./verdict.ts";

export interface Candidate {
  /** The id under which it can be taken away. */
  readonly event: string;
  readonly cycle: number;
  readonly device: string;
  readonly what: string;
  readonly origin: Origin;
  /** The guest was told by a status that its request failed, and could have coped. */
  readonly isTold: boolean;
}

/** Those that reached the guest, in order of cycle. */
export function candidatesOf(entries: readonly LogEntry[]): Candidate[] {
  const shapedBy = hostEventsOf(entries);
  const shaping = new Set([...shapedBy.values()].flat());
  return entries.flatMap((entry) => {
    if (entry.kind !== "input") return [];
    const { input } = entry;
    if (input.kind === "host") {
      return reaches(input, shaping.has(entry.id)) ? [ofHostEvent(entry, input)] : [];
    }
    // A failed answer that no event explains.
    const isBare = input.kind === "disk" && input.error !== undefined && !shapedBy.has(entry.id);
    if (isBare) return [plain(entry, `${input.error} from the host`, true)];
    if (input.kind === "link" && !input.up) return [plain(entry, "the link went down", true)];
    return [];
  });
}

// A stall in virtual time, a changed image whose old content the guest keeps, an end that closes,
// frames that got lost as they may: the guest sees nothing of these, or nothing out of order. What
// shapes an answer, or was done to the machine, it may see.
function reaches({ event }: HostEvent, shapesAnswer: boolean): boolean {
  return event === "injected" || shapesAnswer && event !== "image-changed";
}

function ofHostEvent(entry: LogEntry, event: HostEvent): Candidate {
  return {
    event: entry.id,
    cycle: entry.cycle,
    device: event.concerns,
    what: event.text,
    origin: event.event === "injected" ? "host-injected" : "host-environment",
    isTold: event.error !== undefined,
  };
}

function plain(entry: LogEntry, what: string, isTold: boolean): Candidate {
  const { id, cycle } = entry;
  return { event: id, cycle, device: deviceOf(id), what, origin: "host-environment", isTold };
}
