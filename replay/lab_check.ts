/** Compares what a lab's network does when it runs again with what its log says that it did. */
import { DivergenceError } from "./divergence.ts";
import { isNoted, type LabEvent, type LabLog, type NotedEvent } from "./lab_log.ts";

/** In the name of what the network is to a divergence. */
const NETWORK = "network";

export class LabCheck {
  readonly #log: LabLog;
  #next = 0;

  constructor(log: LabLog) {
    this.#log = log;
  }

  /** How many were as they should be. */
  get count(): number {
    return this.#next;
  }

  /** @throws DivergenceError if the log says otherwise */
  event(event: LabEvent): void {
    // Of what lies beyond the log nothing is known.
    if (!isNoted(event) || event.cycle >= this.#log.endCycle) return;
    const expected = this.#log.events[this.#next];
    const [wanted, found] = [describe(expected), describe(event)];
    if (wanted !== found) throw new DivergenceError(event.cycle, NETWORK, wanted, found);
    this.#next++;
  }

  /** All events of earlier cycles have been told. @throws DivergenceError if one is missing */
  reached(cycle: number): void {
    const expected = this.#log.events[this.#next];
    if (expected === undefined || expected.cycle >= cycle) return;
    throw new DivergenceError(expected.cycle, NETWORK, describe(expected), "nothing");
  }
}

/** As one line; two events are the same if it is the same. */
function describe(event: NotedEvent | undefined): string {
  if (event === undefined) return "no more events";
  const { kind, cycle } = event;
  switch (event.kind) {
    case "dropped":
      return `${event.frame} ${kind} at ${event.at} at cycle ${cycle}: ${event.reason}` +
        (event.event === undefined ? "" : ` by ${event.event}`);
    case "forwarded":
      return `${event.frame} ${kind} at ${event.at} at cycle ${cycle}: ${event.copies} copies`;
    case "impaired":
      return `${event.frame} ${kind} at cycle ${cycle} by ${event.event}: ${event.what} ${event.delay}`;
    case "link":
      return `${event.link} ${
        event.begins ? "begins" : "ends"
      } ${event.what} at cycle ${cycle}: ${event.event}`;
  }
}
