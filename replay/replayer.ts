/** Runs a log through a machine from its first cycle; if it is to be strict, compares everything. */
import type { Host, Output } from "../core/host.ts";
import type { Machine, Stop } from "../core/machine.ts";
import { DivergenceError } from "./divergence.ts";
import type { Log } from "./log.ts";
import { describeStop, LogCheck, refusal } from "./log_check.ts";
import type { OutputHash } from "./outputs.ts";
import { Player } from "./player.ts";

/** Makes the recorded machine, at reset, with the given host. */
export type BuildMachine = (
  host: Host,
  /** Without it none are taken. */
  onDigest?: (cycle: number, digest: string) => void,
  /** Whether it looks for breaches of the ISA's rules, which takes its time. */
  linting?: boolean,
) => Promise<Machine>;

export interface ReplayOptions {
  /** Stops there; the end of the log by default. */
  readonly until?: number;
  /** Look for breaches of the ISA's rules as well as those of devices. */
  readonly linting?: boolean;
  /** Compare all outputs and digests, and how it ends. */
  readonly check?: OutputHash;
  readonly onOutput?: (cycle: number, device: string, output: Output) => void;
  /** Called with the machine at reset. */
  readonly onStart?: (machine: Machine) => void;
  /** Called where a digest matched: the state before the inputs of that cycle. */
  readonly onMatch?: (machine: Machine) => void;
  /** Called where a hart has come to a breakpoint that `onStart` or a later call has set. */
  readonly onBreakpoint?: (hart: number) => void;
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
  const check = options.check && new LogCheck(log, options.check);
  const player = new Player(log, {
    onOutput: (cycle, device, output) => {
      check?.output(cycle, device, output);
      options.onOutput?.(cycle, device, output);
    },
  });
  const onDigest = check && ((cycle: number, digest: string) => {
    check.digest(cycle, digest);
    options.onMatch?.(machine);
  });
  const machine: Machine = await build(player, onDigest, options.linting);
  options.onStart?.(machine);
  const stop = await run(machine, player, until, options);
  if (stop.reason !== "until" && machine.cycle < until) {
    throw new DivergenceError(machine.cycle, "machine", `to run to ${until}`, describeStop(stop));
  }
  const digest = machine.digest();
  check?.finish(until, digest, stop, player.next);
  return { cycle: machine.cycle, digest, digestCount: check?.digestCount ?? 0 };
}

async function run(
  machine: Machine,
  player: Player,
  until: number,
  { onBreakpoint, onProgress }: ReplayOptions,
): Promise<Stop> {
  try {
    for (;;) {
      const stop = await machine.run(Math.min(until, machine.cycle + PROGRESS_CYCLES));
      if (stop.reason === "breakpoint") {
        onBreakpoint?.(stop.hart);
        continue;
      }
      if (stop.reason !== "until" || machine.cycle >= until) return stop;
      onProgress?.(machine.cycle);
    }
  } catch (error) {
    throw refusal(error, machine.cycle, player.lastId);
  }
}
