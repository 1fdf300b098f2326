/** Turns what a lab's network reports into chunks. Source: FORMAT.md, "FATE". */
import { isNoted, type LabEvent, type NotedEvent } from "../lab_log.ts";
import type { ChunkSink, LabStart } from "./chunk_file.ts";
import { encodeFates } from "./fate_chunk.ts";

/** A chunk is written when so many have gathered, due or not. */
const EVENTS_MAX = 16_384;

/** Begins a lab's file; what its guests' recorders hand on goes through writers of their own. */
export class LabWriter {
  readonly #sink: ChunkSink;
  readonly #owner: number;
  #events: NotedEvent[] = [];
  #writtenTo = 0;

  /** @throws whatever the sink throws, as all methods */
  constructor(sink: ChunkSink, start: LabStart) {
    this.#sink = sink;
    this.#owner = start.guests.length;
    sink.startLab(start);
  }

  event(event: LabEvent): void {
    if (isNoted(event)) this.#events.push(event);
  }

  /** All events of earlier cycles have been told. Where there were none nothing is written. */
  reached(cycle: number): void {
    if (this.#events.length === 0 || cycle === this.#writtenTo) return;
    if (this.#events.length < EVENTS_MAX && !this.#sink.isDue(this.#owner)) return;
    this.#write(cycle);
  }

  /** The lab has ended at this cycle, and so have all its guests. */
  end(cycle: number): void {
    this.#write(cycle);
    this.#sink.end(new Uint8Array(), cycle, this.#owner);
  }

  #write(cycle: number): void {
    const part = { firstCycle: this.#writtenTo, lastCycle: cycle, events: this.#events };
    this.#events = [];
    this.#writtenTo = cycle;
    const payload = encodeFates(part);
    this.#sink.log([{ type: "FATE", payload }], part.firstCycle, cycle, this.#owner);
  }
}
