/** Answers a machine from a log: the same inputs at the same cycles, and nobody waits. */
import { partitionPoint } from "../core/partition_point.ts";
import type { Host, Input, Output } from "../core/host.ts";
import { DivergenceError } from "./divergence.ts";
import type { Log, LogEntry } from "./log.ts";

export interface PlayerOptions {
  /** Sees all that leaves the machine. */
  readonly onOutput?: (cycle: number, device: string, output: Output) => void;
}

type InputEntry = Extract<LogEntry, { kind: "input" }>;
type ClockEntry = Extract<LogEntry, { kind: "wall-clock" }>;

export class Player implements Host {
  readonly #inputs: readonly InputEntry[];
  readonly #clock: readonly ClockEntry[];
  readonly #onOutput: PlayerOptions["onOutput"];
  #nextInput = 0;
  #nextClock = 0;
  /** The id of the entry that was given to the machine last, since the last rewind. */
  lastId: string | undefined;

  constructor(log: Pick<Log, "entries">, options: PlayerOptions = {}) {
    this.#inputs = log.entries.filter((entry) => entry.kind === "input");
    this.#clock = log.entries.filter((entry) => entry.kind === "wall-clock");
    this.#onOutput = options.onOutput;
  }

  /** An entry that the machine has not asked for yet; `undefined` if there is none. */
  get next(): LogEntry | undefined {
    return this.#inputs[this.#nextInput] ?? this.#clock[this.#nextClock];
  }

  /** Positions before the first entry whose cycle is at or after `cycle`. */
  rewind(cycle: number): void {
    this.#nextInput = firstAtOrAfter(this.#inputs, cycle);
    this.#nextClock = firstAtOrAfter(this.#clock, cycle);
    this.lastId = undefined;
  }

  output(cycle: number, device: string, output: Output): void {
    this.#onOutput?.(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    const entry = this.#inputs[this.#nextInput];
    if (entry === undefined || entry.cycle > cycle) return undefined;
    if (entry.cycle < cycle) {
      throw new DivergenceError(
        cycle,
        entry.input.device,
        `to be asked for ${entry.id} at cycle ${entry.cycle}`,
        "the machine passed it by",
      );
    }
    this.#nextInput++;
    this.lastId = entry.id;
    return entry.input;
  }

  horizon(cycle: number): number {
    return Math.max(cycle + 1, this.#nextCycle());
  }

  settle(_cycle: number): undefined {
    return undefined;
  }

  idle(_cycle: number, deadline: number): number {
    return Math.min(deadline, this.#nextCycle());
  }

  wallTimeNs(cycle: number): bigint {
    const entry = this.#clock[this.#nextClock];
    if (entry?.cycle !== cycle) {
      throw new DivergenceError(
        cycle,
        "clock",
        entry === undefined ? "no wall-clock read" : `${entry.id} at cycle ${entry.cycle}`,
        "a wall-clock read",
      );
    }
    this.#nextClock++;
    this.lastId = entry.id;
    return entry.ns;
  }

  #nextCycle(): number {
    return this.#inputs[this.#nextInput]?.cycle ?? Infinity;
  }
}

function firstAtOrAfter(entries: readonly LogEntry[], cycle: number): number {
  return partitionPoint(entries.length, (index) => entries[index].cycle < cycle);
}
