/** Stands between a machine and its live host, and writes down all that the host answers. */
import type { Host, Input, Output } from "../core/host.ts";
import { DIGEST_CYCLES } from "../core/machine.ts";
import {
  CLOCK_DEVICE,
  deviceOf,
  entryId,
  learnedBytes,
  type LogConclusion,
  type LogEntry,
  type LogPart,
  type LogSink,
  SINGLE_MACHINE,
} from "./log.ts";
import { type OutputHash, OutputRuns } from "./outputs.ts";
import { payloadVersion } from "./payloads.ts";

/** What has gathered is handed on when its bytes exceed this, due or not. */
const GATHERED_BYTES_MAX = 4 * 1024 * 1024;
const ENTRY_BYTES = 32; // about what an entry takes beside its data

/** A machine that waits in wall time for longer may be killed meanwhile. */
const WAIT_CYCLES_MAX = 20_000_000;

export interface RecorderOptions {
  readonly host: Host;
  readonly sink: LogSink;
  readonly hash: OutputHash;
  /** The machine's name in its lab. */
  readonly machine?: string;
  /** What was recorded before, if the machine is not at reset. */
  readonly after?: LogPart;
}

export class Recorder implements Host {
  readonly #host: Host;
  readonly #sink: LogSink;
  readonly #runs: OutputRuns;
  readonly #machine: string;
  readonly #counts = new Map<string, number>();
  readonly #digests: { cycle: number; digest: string }[] = [];
  #entries: LogEntry[] = [];
  #gatheredBytes = 0;
  #writtenTo = 0;
  /** The cycle of the last entry or output. */
  #lastEvent = -1;

  constructor({ host, sink, hash, machine = SINGLE_MACHINE, after }: RecorderOptions) {
    this.#host = host;
    this.#sink = sink;
    this.#machine = machine;
    this.#runs = new OutputRuns(hash);
    this.#writtenTo = after?.lastCycle ?? 0;
    for (const entry of after?.entries ?? []) {
      this.#id(deviceOf(entry.id));
      if (entry.kind === "input") this.#learn(entry.input);
    }
  }

  /** Takes a digest of the machine; to be called with each that it makes. */
  digest(cycle: number, digest: string): void {
    this.#digests.push({ cycle, digest });
  }

  /** The last call: the machine stays at this cycle, before its inputs. */
  finish(digest: string, conclusion: LogConclusion): void {
    const { endCycle } = conclusion;
    const isRegular = endCycle % DIGEST_CYCLES === 0 && endCycle > 0;
    if (!isRegular) this.digest(endCycle, digest);
    this.#handOn(endCycle);
    this.#sink.end(conclusion);
  }

  output(cycle: number, device: string, output: Output): void {
    this.#lastEvent = cycle;
    this.#runs.add(cycle, device, output);
    this.#host.output(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    const input = this.#host.take(cycle);
    if (input === undefined) return undefined;
    const id = this.#id(input.device);
    const version = payloadVersion(input);
    this.#learn(input);
    this.#entries.push({ cycle, id, version, kind: "input", input: this.#held(input) });
    this.#gatheredBytes += ENTRY_BYTES + ("bytes" in input ? input.bytes?.length ?? 0 : 0);
    this.#lastEvent = cycle;
    return input;
  }

  horizon(cycle: number): number {
    return this.#host.horizon(cycle);
  }

  /** Every earlier cycle is complete here, so this is where parts of the log end. */
  settle(cycle: number): Promise<void> | undefined {
    const isDue = this.#gatheredBytes > GATHERED_BYTES_MAX || this.#sink.isDue();
    // What has happened in this very cycle waits until the cycle is over.
    if (isDue && this.#lastEvent < cycle && cycle > this.#writtenTo) this.#handOn(cycle);
    return this.#host.settle(cycle);
  }

  idle(cycle: number, deadline: number): number | Promise<number> {
    const until = this.#host.idle(cycle, deadline);
    // Unless a timer ends it soon, nobody knows how long this takes: what is there must not wait.
    const isLong = typeof until !== "number" && deadline - cycle > WAIT_CYCLES_MAX;
    if (isLong && cycle > this.#writtenTo) this.#handOn(cycle);
    return until;
  }

  wallTimeNs(cycle: number): bigint {
    const ns = this.#host.wallTimeNs(cycle);
    const id = this.#id(CLOCK_DEVICE);
    this.#entries.push({ cycle, id, version: 1, kind: "wall-clock", ns });
    this.#gatheredBytes += ENTRY_BYTES;
    this.#lastEvent = cycle;
    return ns;
  }

  #learn(input: Input): void {
    const bytes = learnedBytes(input);
    if (bytes) this.#sink.learned?.(bytes);
  }

  /** What the device gets may then be forgotten as soon as the device has done with it. */
  #held(input: Input): Input {
    if (!("bytes" in input) || input.bytes === undefined) return input;
    return { ...input, bytes: this.#sink.hold?.(input.bytes) ?? input.bytes };
  }

  #id(device: string): string {
    const n = this.#counts.get(device) ?? 0;
    this.#counts.set(device, n + 1);
    return entryId(this.#machine, device, n);
  }

  #handOn(cycle: number): void {
    this.#sink.part({
      firstCycle: this.#writtenTo,
      lastCycle: cycle,
      entries: this.#entries,
      outputs: this.#runs.take(),
      digests: this.#digests.splice(0),
    });
    this.#entries = [];
    this.#gatheredBytes = 0;
    this.#writtenTo = cycle;
  }
}
