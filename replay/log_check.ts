/** Compares a machine that replays a log with all that the log says of it. */
import type { Output } from "../core/host.ts";
import { DIGEST_CYCLES, type Stop } from "../core/machine.ts";
import { DivergenceError } from "./divergence.ts";
import { describeEnd, type Log, type LogEntry } from "./log.ts";
import { OutputCheck, type OutputHash } from "./outputs.ts";

/** To be told all that happens, in order. Each may throw a {@link DivergenceError}. */
export class LogCheck {
  readonly #log: Log;
  readonly #outputs: OutputCheck;
  #digestCount = 0;

  constructor(log: Log, hash: OutputHash) {
    this.#log = log;
    this.#outputs = new OutputCheck(log, hash);
  }

  get digestCount(): number {
    return this.#digestCount;
  }

  output(cycle: number, device: string, output: Output): void {
    this.#outputs.output(cycle, device, output);
  }

  digest(cycle: number, digest: string): void {
    this.#outputs.reached(cycle);
    const expected = this.#log.digests[this.#digestCount];
    if (expected?.cycle !== cycle) {
      const what = expected === undefined ? "no more digests" : `digest at cycle ${expected.cycle}`;
      throw new DivergenceError(cycle, "machine", what, `digest ${digest}`);
    }
    if (expected.digest !== digest) {
      throw new DivergenceError(cycle, "machine", `digest ${expected.digest}`, `digest ${digest}`);
    }
    this.#digestCount++;
  }

  /** The replay goes no further. @param unused an entry that the machine has not asked for */
  finish(cycle: number, digest: string, stop: Stop, unused: LogEntry | undefined): void {
    this.#outputs.reached(cycle);
    if (cycle !== this.#log.endCycle) return;
    this.#lastDigest(cycle, digest);
    this.#end(stop);
    if (unused !== undefined) {
      throw new DivergenceError(cycle, "machine", `a use for ${unused.id}`, "the end");
    }
  }

  /** The one at the very end, which may also be one of the regular ones. */
  #lastDigest(cycle: number, digest: string): void {
    const { digests, end } = this.#log;
    const isRegular = cycle > 0 && cycle % DIGEST_CYCLES === 0;
    if (digests.length === this.#digestCount && (end.reason === "cut" || isRegular)) return;
    this.digest(cycle, digest);
  }

  #end(stop: Stop): void {
    const { end, endCycle } = this.#log;
    const isPower = end.reason === "power";
    const expected = describeEnd(end);
    if (isPower === (stop.reason === "power") && (!isPower || expected === describeStop(stop))) {
      return;
    }
    throw new DivergenceError(endCycle, "machine", `end by ${expected}`, describeStop(stop));
  }
}

export function describeStop(stop: Stop): string {
  return stop.reason === "power" ? `power ${stop.power.action} ${stop.power.code}` : stop.reason;
}

/** What an error means that a machine throws while it replays: a device refuses what does not fit what it asked for. */
export function refusal(error: unknown, cycle: number, lastId: string | undefined): unknown {
  if (!(error instanceof RangeError) || lastId === undefined) return error;
  const device = /^[^/]*\/(.*)#/.exec(lastId)?.[1] ?? lastId;
  return new DivergenceError(cycle, device, `a use for ${lastId}`, error.message);
}
