/** Replays a recording once, with all detectors and the linter armed, and held against the recording. */
import type { PowerOutput } from "../../core/host.ts";
import type { Machine } from "../../core/machine.ts";
import { DivergenceError } from "../divergence.ts";
import { type CountedBreach, Linter } from "../linter/linter.ts";
import type { Log } from "../log.ts";
import type { OutputHash } from "../outputs.ts";
import { type BuildMachine, replay } from "../replayer.ts";
import { asleep } from "./asleep.ts";
import { DETECTORS } from "./detectors.ts";
import type { Detector, Failure } from "./failure.ts";
import { HungTasks } from "./hung_task.ts";
import { powerFailure } from "./power.ts";
import { TrapLoops } from "./trap_loop.ts";
import { type Names, Witness } from "./witness.ts";

export interface Observation {
  /** In order of cycle. */
  readonly failures: readonly Failure[];
  readonly breaches: readonly CountedBreach[];
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

/** A guest that warns for ever is told of so often. */
const FAILURES_MAX = 1000;

export async function watch(options: WatchOptions): Promise<Observation> {
  const watcher = new Watcher(options);
  const { log, build, check, onProgress } = options;
  let divergence: DivergenceError | undefined;
  try {
    await replay(log, build, {
      check,
      onStart: (machine) => watcher.begin(machine),
      onOutput: (cycle, _device, output) => {
        if (output.kind === "power") watcher.power(cycle, output);
      },
      onMatch: () => watcher.look(),
      onBreakpoint: (hart) => watcher.arrived(hart),
      onProgress,
    });
    watcher.end(log);
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    divergence = error;
  }
  return { failures: watcher.failures, breaches: watcher.linter.breaches, divergence };
}

class Watcher {
  readonly linter = new Linter();
  readonly #options: WatchOptions;
  readonly #detectors: ReadonlyMap<bigint, Detector>;
  readonly #failures: Failure[] = [];
  readonly #hungTasks = new HungTasks();
  #machine!: Machine;
  #loops!: TrapLoops;
  /** How the guest ends itself, by the instruction under way. */
  #ended: Failure | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#detectors = new Map(DETECTORS.flatMap((detector): [bigint, Detector][] => {
      const address = options.names.address(detector.symbol);
      return address === undefined ? [] : [[address, detector]];
    }));
  }

  get failures(): readonly Failure[] {
    return this.#failures.toSorted((a, b) => a.cycle - b.cycle);
  }

  begin(machine: Machine): void {
    this.#machine = machine;
    machine.onBreach = (breach) => this.linter.see(breach);
    const arm = (more: Iterable<bigint>) =>
      machine.setBreakpoints(new Set([...this.#detectors.keys(), ...more]));
    arm([]);
    this.#loops = new TrapLoops(machine, this.#options.names, arm);
    machine.onActed = (hart, from, to, traps) => {
      this.#add(this.#loops.acted(hart, from, to, traps));
      if (this.#ended) this.#add({ ...this.#ended, hart });
      this.#ended = undefined;
    };
  }

  arrived(hart: number): void {
    const witness = new Witness(this.#machine, hart, this.#options.names);
    const { pc } = witness;
    this.#add(this.#loops.arrived(hart, pc));
    const seen = this.#detectors.get(pc)?.see(witness);
    if (seen === undefined) return;
    this.#add({ cycle: this.#machine.cycle, hart, pc, ...seen, callers: witness.callers() });
  }

  look(): void {
    this.#add(this.#hungTasks.look(this.#machine, this.#options.names));
  }

  power(cycle: number, power: PowerOutput): void {
    this.#ended = powerFailure(cycle, power);
  }

  end({ end }: Log): void {
    if (end.reason !== "power") {
      this.#add(asleep(this.#machine, this.#options.harts, end.reason === "stuck"));
    }
  }

  #add(failure: Failure | undefined): void {
    if (failure && this.#failures.length < FAILURES_MAX) this.#failures.push(failure);
  }
}
