/** Finds by many runs what of a network's doings the failure of a recorded lab needs. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import type { FabricEvent } from "../../devices/network/events.ts";
import { ddmin } from "../../replay/ddmin.ts";
import { UsageError } from "../errors.ts";
import type { OpenLab } from "../recorded_lab.ts";
import { bootToFork } from "./boot.ts";
import { RecordedMachine } from "./recorded_machine.ts";
import type { Specimen, TrialOptions } from "./specimen.ts";
import { Trials, type Variant } from "./trials.ts";
import type { Outcome } from "./verdict.ts";

/** Before the first occurrence: within it, the machines wait for no disk at some digest's cycle. */
const SLACK_CYCLES = 2 * DIGEST_CYCLES;

/** What is left of a recording. */
export interface Minimum {
  readonly outcome: Outcome;
  /** In order of cycle. */
  readonly events: readonly Occurrence[];
  readonly path: string;
}

/** Something that the network did. */
export interface Occurrence {
  readonly cycle: number;
  readonly id: string;
  /** To which it was done; absent: to a link. */
  readonly frame: string | undefined;
}

/** Runs a recorded lab again and again from shortly before the first thing that its network did. */
export class Minimiser {
  runCount = 0;
  /** All that the network did since the fork. */
  readonly candidates: readonly string[];
  /** That, and what it would have done to frames that there were in other runs only. */
  readonly #known: Set<string>;
  readonly #lab: OpenLab;
  readonly #machines: readonly RecordedMachine[];
  readonly #trials: Trials;
  /** Of the last run. */
  #occurred: Occurrence[] = [];
  /** How it fails. */
  outcome!: Outcome;

  private constructor(lab: OpenLab, machines: readonly RecordedMachine[], trials: Trials) {
    this.#lab = lab;
    this.#machines = machines;
    this.#trials = trials;
    const { cycle } = trials.assignment.fork;
    const later = lab.log.events.filter((event) => event.cycle >= cycle);
    this.candidates = [...new Set(later.flatMap((event) => idOf(event) ?? []))];
    this.#known = new Set(this.candidates);
  }

  /** @throws UsageError if it does not fail, DivergenceError if it does not replay */
  static async open(lab: OpenLab, options: TrialOptions): Promise<Minimiser> {
    const machines: RecordedMachine[] = [];
    for (const guest of lab.guests) machines.push(await RecordedMachine.open(guest));
    const specimen: Specimen = {
      isLab: true,
      guests: machines.map(({ spec }) => spec),
      members: lab.guests,
      network: lab.fabric,
      until: lab.guests.map((_, index) => index),
    };
    const at = Math.max(0, firstCycle(lab) - SLACK_CYCLES);
    const fork = await bootToFork(specimen, machines, {
      forkAt: { cycle: at - at % DIGEST_CYCLES },
      onProgress: () => {},
    });
    const limit = lab.log.endCycle - fork.cycle + options.limit;
    const assignment = { specimen, fork, options: { ...options, limit } };
    const minimiser = new Minimiser(lab, machines, new Trials(assignment, machines));
    await minimiser.replay();
    minimiser.outcome = await minimiser.#run(minimiser.candidates);
    if (minimiser.outcome.isFailure) return minimiser;
    minimiser.close();
    throw new UsageError(`${lab.path} does not fail: say with --fail-on what its failure is`);
  }

  /** Each guest from the fork on, from its log. @throws DivergenceError if one does not come to its recorded end */
  async replay(): Promise<void> {
    const { cycle } = this.#trials.assignment.fork;
    for (const machine of this.#machines) await machine.learn(cycle);
  }

  /** Those that the failure needs, all of them. */
  minimise(): Promise<readonly string[]> {
    return ddmin(this.candidates, (ids) => this.#fails(ids));
  }

  /** Whether the failure is there with these occurrences alone. */
  async #fails(kept: readonly string[]): Promise<boolean> {
    const { guest, what } = await this.#run(kept);
    const isKnown = !this.#machines.some(({ lacksBlocks }) => lacksBlocks);
    return isKnown && guest === this.outcome.guest && what === this.outcome.what;
  }

  /** Writes down the run with these alone, which fails. @throws RecordingError */
  async record(kept: readonly string[], path: string): Promise<Minimum> {
    await this.#run(kept);
    const outcome = await this.#trials.record(this.#variant(kept), path);
    return { outcome, events: this.#occurred, path };
  }

  close(): void {
    for (const machine of this.#machines) machine.close();
  }

  /** Other frames meet other chances: what occurs then is taken away too, until nothing does. */
  async #run(kept: readonly string[]): Promise<Outcome> {
    for (;;) {
      const before = this.#known.size;
      const outcome = await this.#trials.run(this.#variant(kept));
      this.runCount++;
      for (const { id } of this.#occurred) this.#known.add(id);
      if (this.#known.size === before) return outcome;
    }
  }

  #variant(kept: readonly string[]): Variant {
    const { fabric } = this.#lab;
    const without = [...this.#known].filter((id) => !kept.includes(id));
    const network: FabricConfig = { ...fabric, without: [...fabric.without ?? [], ...without] };
    this.#occurred = [];
    const { cycle } = this.#trials.assignment.fork;
    return {
      seed: 0,
      network,
      host: (machine) => (machine as RecordedMachine).otherwise(cycle),
      onEvent: (event) => {
        const id = idOf(event);
        if (id === undefined || this.#occurred.some((it) => it.id === id)) return;
        this.#occurred.push({
          cycle: event.cycle,
          id,
          frame: "frame" in event ? event.frame : undefined,
        });
      },
    };
  }
}

/** The occurrence of an impairment, if it is one. */
function idOf(event: FabricEvent | OpenLab["log"]["events"][number]): string | undefined {
  return "event" in event ? event.event : undefined;
}

/** @throws UsageError if nothing was done to any frame */
function firstCycle({ path, log }: OpenLab): number {
  const first = log.events.find((event) => idOf(event) !== undefined);
  if (first !== undefined) return first.cycle;
  throw new UsageError(`${path}: the network did nothing to frames that could be taken away`);
}
