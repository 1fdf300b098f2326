/** Runs a log through a machine from its first cycle; if it is to be strict, compares everything. */
import type { Host, Output } from "../core/host.ts";
import { DIGEST_CYCLES, type Machine, type Stop } from "../core/machine.ts";
import { DivergenceError } from "./divergence.ts";
import { describeEnd, type Log } from "./log.ts";
import { OutputCheck, type OutputHash } from "./outputs.ts";
import { Player } from "./player.ts";

/** Makes the recorded machine, at reset, with the given host. */
export type BuildMachine = (
  host: Host,
  /** Without it none are taken. */
  onDigest?: (cycle: number, digest: string) => void,
) => Promise<Machine>;

export interface ReplayOptions {
  /** Stops there; the end of the log by default. */
  readonly until?: number;
  /** Compare all outputs and digests, and how it ends. */
  readonly check?: OutputHash;
  readonly onOutput?: (cycle: number, device: string, output: Output) => void;
  /** Called with the machine at reset. */
  readonly onStart?: (machine: Machine) => void;
  /** Called where a digest matched: the state before the inputs of that cycle. */
  readonly onMatch?: (machine: Machine) => void;
  /** Called between two slices, with the cycle reached. */
  readonly onProgress?: (cycle: number) => void;
}

/** Where a replay came to. */
export interface Replayed {
  readonly cycle: number;
  readonly digest: string;
  readonly digestCount: number;
}

const PROGRESS_CYCLES = 100_000_000;

/**
 * @throws DivergenceError at the first difference
 * @throws RangeError if `until` is outside the log
 */
export async function replay(
  log: Log,
  build: BuildMachine,
  options: ReplayOptions = {},
): Promise<Replayed> {
  const until = options.until ?? log.endCycle;
  if (until < 0 || until > log.endCycle) {
    throw new RangeError(`cycle ${until} is outside the recording: it ends at ${log.endCycle}`);
  }
  const check = options.check && new OutputCheck(log, options.check);
  const digests = new DigestCheck(log);
  const player = new Player(log, {
    onOutput: (cycle, device, output) => {
      check?.output(cycle, device, output);
      options.onOutput?.(cycle, device, output);
    },
  });
  const onDigest = check && ((cycle: number, digest: string) => {
    check.reached(cycle);
    digests.compare(cycle, digest);
    options.onMatch?.(machine);
  });
  const machine: Machine = await build(player, onDigest);
  options.onStart?.(machine);
  const stop = await run(machine, player, until, options.onProgress);
  if (stop.reason !== "until" && machine.cycle < until) {
    throw new DivergenceError(machine.cycle, "machine", `to run to ${until}`, describe(stop));
  }
  const digest = machine.digest();
  if (check) {
    check.reached(until);
    if (until === log.endCycle) {
      digests.compareLast(until, digest);
      compareEnd(log, stop, player);
    }
  }
  return { cycle: machine.cycle, digest, digestCount: digests.count };
}

async function run(
  machine: Machine,
  player: Player,
  until: number,
  onProgress: ReplayOptions["onProgress"],
): Promise<Stop> {
  try {
    for (;;) {
      const stop = await machine.run(Math.min(until, machine.cycle + PROGRESS_CYCLES));
      if (stop.reason !== "until" || machine.cycle >= until) return stop;
      onProgress?.(machine.cycle);
    }
  } catch (error) {
    if (!(error instanceof RangeError) || player.lastId === undefined) throw error;
    // A device refuses an answer that does not fit what it asked for.
    const device = /^[^/]*\/(.*)#/.exec(player.lastId)?.[1] ?? player.lastId;
    throw new DivergenceError(machine.cycle, device, `a use for ${player.lastId}`, error.message);
  }
}

class DigestCheck {
  count = 0;

  constructor(readonly log: Log) {}

  compare(cycle: number, digest: string): void {
    const expected = this.log.digests[this.count];
    if (expected?.cycle !== cycle) {
      const what = expected === undefined ? "no more digests" : `digest at cycle ${expected.cycle}`;
      throw new DivergenceError(cycle, "machine", what, `digest ${digest}`);
    }
    if (expected.digest !== digest) {
      throw new DivergenceError(cycle, "machine", `digest ${expected.digest}`, `digest ${digest}`);
    }
    this.count++;
  }

  /** The one at the very end, which may also be one of the regular ones. */
  compareLast(cycle: number, digest: string): void {
    const rest = this.log.digests.length - this.count;
    if (rest === 0 && (this.log.end.reason === "cut" || cycle > 0 && cycle % DIGEST_CYCLES === 0)) {
      return;
    }
    this.compare(cycle, digest);
  }
}

function compareEnd({ end, endCycle }: Log, stop: Stop, player: Player): void {
  const isPower = end.reason === "power";
  const expected = describeEnd(end);
  if (isPower !== (stop.reason === "power") || isPower && expected !== describe(stop)) {
    throw new DivergenceError(endCycle, "machine", `end by ${expected}`, describe(stop));
  }
  const unused = player.next;
  if (unused !== undefined) {
    throw new DivergenceError(endCycle, "machine", `a use for ${unused.id}`, "the end");
  }
}

function describe(stop: Stop): string {
  return stop.reason === "power" ? `power ${stop.power.action} ${stop.power.code}` : stop.reason;
}
