/** Replays a recording once, with all detectors and the linter armed, and held against the recording. */
import { type Effects, EffectWatch } from "../attribution_effect.ts";
import { DivergenceError } from "../divergence.ts";
import { type CountedBreach, Linter } from "../linter/linter.ts";
import type { Log } from "../log.ts";
import type { OutputHash } from "../outputs.ts";
import { type BuildMachine, replay } from "../replayer.ts";
import type { Failure } from "./failure.ts";
import { Watcher } from "./watcher.ts";
import type { Names } from "./witness.ts";

export interface Observation {
  /** In order of cycle. */
  readonly failures: readonly Failure[];
  readonly breaches: readonly CountedBreach[];
  /** Of what was done to the machine from outside. */
  readonly effects: Effects;
  /** Where the replay left the recording; what comes after is not known. */
  readonly divergence: DivergenceError | undefined;
}

export interface WatchOptions {
  readonly log: Log;
  readonly build: BuildMachine;
  readonly harts: number;
  readonly check: OutputHash;
  /** Of the guest's functions, wherever they are when it fails. */
  readonly names: Names;
  readonly onProgress?: (cycle: number) => void;
}

export async function watch(options: WatchOptions): Promise<Observation> {
  const { log, build, check, names, harts, onProgress } = options;
  const watcher = new Watcher(names, harts);
  const linter = new Linter();
  let effectWatch: EffectWatch | undefined;
  let divergence: DivergenceError | undefined;
  const watched: BuildMachine = async (host, onDigest, linting) => {
    effectWatch = new EffectWatch(host);
    return effectWatch.machine = await build(effectWatch, onDigest, linting);
  };
  try {
    await replay(log, watched, {
      check,
      linting: true,
      onStart: (machine) => {
        machine.onBreach = (breach) => linter.see(breach);
        watcher.begin(machine);
      },
      onBreakpoint: (hart) => watcher.arrived(hart),
      onProgress,
    });
    const { end } = log;
    if (end.reason === "power") watcher.power(end.power);
    else watcher.end(end.reason === "stuck" || end.reason === "until");
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    divergence = error;
  }
  const effects = effectWatch?.effects ?? new Map();
  return { failures: watcher.failures, breaches: linter.breaches, effects, divergence };
}
