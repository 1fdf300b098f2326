/** Which host events go with which inputs of a log. */
import type { HostEventName } from "../core/host_event.ts";
import type { LogEntry } from "./log.ts";

/** By the id of an answer: the ids of the host events about its request, which precede it. */
export function hostEventsOf(entries: readonly LogEntry[]): ReadonlyMap<string, readonly string[]> {
  const waiting = new Map<string, string[]>();
  const found = new Map<string, readonly string[]>();
  for (const entry of entries) {
    if (entry.kind !== "input" || !("request" in entry.input)) continue;
    const { id, input } = entry;
    const [machine] = id.split("/");
    const device = input.kind === "host" ? input.concerns : input.device;
    const key = `${machine}/${device} ${input.request}`;
    const events = waiting.get(key) ?? [];
    if (input.kind === "host") waiting.set(key, [...events, id]);
    else if (waiting.delete(key)) found.set(id, events);
  }
  return found;
}

/** How many there are of each. */
export function countHostEvents(
  entries: readonly LogEntry[],
): Partial<Record<HostEventName, number>> {
  const counts: Partial<Record<HostEventName, number>> = {};
  for (const entry of entries) {
    if (entry.kind !== "input" || entry.input.kind !== "host") continue;
    const { event } = entry.input;
    counts[event] = (counts[event] ?? 0) + 1;
  }
  return counts;
}
