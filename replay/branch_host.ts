/**
 * The host of a branch: execution that left the recording because somebody changed state.
 *
 * No recorded input is delivered any more but the answers to requests that were in flight. Blocks
 * that the machine knows need no answer with data; a read of another one fails with EIO, unless
 * somebody can say what it holds, and is noted. The same branch always sees the same answers.
 */
import type { DiskRequest, Input, Output } from "../core/host.ts";
import { Random, seedFor } from "../core/random.ts";
import type { State, StateValue } from "../core/state.ts";
import type { Log } from "./log.ts";
import type { SeekableHost } from "./seam.ts";

/** What a disk holds where the branch has no copy; `undefined`: not known. */
export type ReadBlocks = (
  device: string,
  offset: number,
  sizeBytes: number,
) => Uint8Array | undefined;

/** A read that nobody could answer. */
export interface UnknownBlocks {
  readonly cycle: number;
  readonly device: string;
  /** In bytes from the start of the disk. */
  readonly offset: number;
  readonly sizeBytes: number;
}

interface Pending {
  readonly cycle: number;
  readonly input: Input;
}

interface Mark {
  readonly pending: readonly Pending[];
  readonly random: number;
  readonly unknown: number;
}

export class BranchHost implements SeekableHost {
  /** Sorted by cycle. Replaced, never changed in place. */
  #pending: readonly Pending[];
  #unknown: UnknownBlocks[] = [];
  readonly #random: Random;
  readonly #marks = new Map<number, Mark>();
  /** Wall time minus cycles. */
  readonly #epochNs: bigint;
  readonly #readBlocks: ReadBlocks;

  /**
   * @param from the cycle at which the recording is left
   * @param state of the machine there: which requests are in flight
   */
  constructor(
    log: Pick<Log, "entries">,
    from: number,
    state: State,
    readBlocks: ReadBlocks = () => undefined,
  ) {
    this.#readBlocks = readBlocks;
    this.#random = new Random(seedFor(from, "branch"));
    const past = log.entries.filter((entry) => entry.cycle < from);
    const clock = past.findLast((entry) => entry.kind === "wall-clock");
    this.#epochNs = clock?.kind === "wall-clock" ? clock.ns - BigInt(clock.cycle) : 0n;
    this.#pending = this.#inFlight(log, from, state);
  }

  /** Reads of blocks that neither the machine nor anybody else knows. */
  get unknownBlocks(): readonly UnknownBlocks[] {
    return this.#unknown;
  }

  mark(cycle: number): void {
    this.#marks.set(cycle, {
      pending: this.#pending,
      random: this.#random.state,
      unknown: this.#unknown.length,
    });
  }

  /** An input that somebody wants the machine to have. */
  inject(cycle: number, input: Input): void {
    this.#insert(cycle, input);
  }

  /** Throws a RangeError for a cycle that was not marked. */
  rewind(cycle: number): void {
    const mark = this.#marks.get(cycle);
    if (!mark) throw new RangeError(`Cycle ${cycle} of the branch has no mark`);
    this.#pending = mark.pending;
    this.#random.state = mark.random;
    this.#unknown = this.#unknown.slice(0, mark.unknown);
  }

  output(cycle: number, device: string, output: Output): void {
    if (output.kind === "disk") {
      this.#insert(output.due ?? cycle, this.#diskAnswer(cycle, device, output));
    } else if (output.kind === "entropy") {
      const { request, sizeBytes, due } = output;
      const bytes = this.#random.bytes(sizeBytes);
      this.#insert(due ?? cycle, { device, kind: "entropy", request, bytes });
    }
  }

  take(cycle: number): Input | undefined {
    const [first, ...rest] = this.#pending;
    if (first === undefined || first.cycle > cycle) return undefined;
    this.#pending = rest;
    return first.input;
  }

  horizon(cycle: number): number {
    return Math.max(cycle + 1, this.#pending[0]?.cycle ?? Infinity);
  }

  settle(_cycle: number): undefined {
    return undefined;
  }

  idle(cycle: number, deadline: number): number {
    return Math.min(Math.max(this.#pending[0]?.cycle ?? Infinity, cycle), deadline);
  }

  wallTimeNs(cycle: number): bigint {
    return this.#epochNs + BigInt(cycle);
  }

  #insert(cycle: number, input: Input): void {
    const index = this.#pending.findIndex((pending) => pending.cycle > cycle);
    this.#pending = this.#pending.toSpliced(index < 0 ? this.#pending.length : index, 0, {
      cycle,
      input,
    });
  }

  #diskAnswer(cycle: number, device: string, asked: DiskRequest): Input {
    const { request, operation, offset, sizeBytes } = asked;
    const answer = { device, kind: "disk", request } as const;
    if (operation !== "read" || sizeBytes === 0) return { ...answer, error: undefined };
    const bytes = this.#readBlocks(device, offset, sizeBytes);
    if (bytes) return { ...answer, error: undefined, bytes };
    this.#unknown = [...this.#unknown, { cycle, device, offset, sizeBytes }];
    return { ...answer, error: "EIO" };
  }

  // The recording's answers to what was asked before; where it has none, it ended too early.
  #inFlight(log: Pick<Log, "entries">, from: number, state: State): Pending[] {
    const pending: Pending[] = [];
    const devices = state.devices as Record<string, StateValue>;
    for (const [device, saved] of Object.entries(devices)) {
      for (const { request, operation, sizeBytes } of requestsOf(saved)) {
        const entry = log.entries.find((entry) =>
          entry.cycle >= from && entry.kind === "input" && entry.input.device === device &&
          "request" in entry.input && entry.input.request === request
        );
        if (entry?.kind === "input") pending.push({ cycle: entry.cycle, input: entry.input });
        else if (operation) {
          pending.push({ cycle: from, input: { device, kind: "disk", request, error: "EIO" } });
        } else {
          const bytes = this.#random.bytes(sizeBytes ?? 0);
          pending.push({ cycle: from, input: { device, kind: "entropy", request, bytes } });
        }
      }
    }
    return pending.sort((a, b) => a.cycle - b.cycle);
  }
}

interface RequestInFlight {
  readonly request: number;
  /** Of a disk's request. */
  readonly operation?: string;
  /** Of an entropy source's request. */
  readonly sizeBytes?: number;
}

/** What a machine waits for: every device that asks its host lists it in a field `inFlight`, wherever it is nested. */
export function requestsOf(state: StateValue): RequestInFlight[] {
  if (typeof state !== "object" || state instanceof Uint8Array || Array.isArray(state)) return [];
  return Object.entries(state).flatMap(([name, value]) =>
    name === "inFlight" ? value as unknown as RequestInFlight[] : requestsOf(value)
  );
}
