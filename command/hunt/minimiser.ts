/** Finds by many runs what the failure of a recording needs of all that befell its machines and its network. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import type { FabricEvent } from "../../devices/network/events.ts";
import { ddmin } from "../../replay/ddmin.ts";
import { hartFault } from "../../replay/faults/hart.ts";
import { UsageError } from "../errors.ts";
import type { OpenLab } from "../recorded_lab.ts";
import { bootToFork } from "./boot.ts";
import { RecordedMachine } from "./recorded_machine.ts";
import type { Specimen, TrialOptions } from "./specimen.ts";
import { Trials, type Variant } from "./trials.ts";
import type { Outcome } from "./verdict.ts";

/** Before the first occurrence: within it, the machines wait for no disk at some digest's cycle. */
const SLACK_CYCLES = 2 * DIGEST_CYCLES;

/** Nothing takes the time of another. */
const APART: Kept["together"] = new Map();

/** What is left of a recording. */
export interface Minimum {
  readonly outcome: Outcome;
  /** In order of cycle. */
  readonly events: readonly Occurrence[];
  readonly path: string;
}

/** A part of what happened. */
export interface Kept {
  readonly ids: readonly string[];
  /** By id: which others' time the event takes from its hart beside its own. */
  readonly together: ReadonlyMap<string, readonly string[]>;
}

/** Something that the network did to a frame or a link, or a host to its machine. */
export interface Occurrence {
  readonly cycle: number;
  readonly id: string;
  /** To what it was done, or what was done; absent: to a link. */
  readonly what: string | undefined;
}

/** Runs a recording again and again from shortly before the first thing that befell it. */
export class Minimiser {
  runCount = 0;
  /** All that happened since the fork and can be taken away. */
  readonly candidates: readonly string[];
  /** That, and what the network would have done to frames that there were in other runs only. */
  readonly #known: Set<string>;
  readonly #lab: OpenLab;
  readonly #machines: readonly RecordedMachine[];
  readonly #trials: Trials;
  /** What the network did in the last run. */
  #occurred: Occurrence[] = [];
  /** How it fails. */
  outcome!: Outcome;

  private constructor(lab: OpenLab, machines: readonly RecordedMachine[], trials: Trials) {
    this.#lab = lab;
    this.#machines = machines;
    this.#trials = trials;
    this.candidates = candidatesOf(lab, machines).map(({ id }) => id);
    this.#known = new Set(this.candidates);
  }

  /** @throws UsageError if it does not fail, DivergenceError if it does not replay */
  static async open(lab: OpenLab, options: TrialOptions): Promise<Minimiser> {
    const machines: RecordedMachine[] = [];
    try {
      for (const guest of lab.guests) machines.push(await RecordedMachine.open(guest));
      return await Minimiser.#open(lab, machines, options);
    } catch (error) {
      for (const machine of machines) machine.close();
      throw error;
    }
  }

  static async #open(
    lab: OpenLab,
    machines: readonly RecordedMachine[],
    options: TrialOptions,
  ): Promise<Minimiser> {
    const specimen: Specimen = {
      isLab: lab.isLab,
      guests: machines.map(({ spec }) => spec),
      members: lab.guests,
      network: lab.fabric,
      until: lab.guests.map((_, index) => index),
    };
    const first = firstCycle(lab, machines);
    const at = Math.max(0, first - SLACK_CYCLES);
    const fork = await bootToFork(specimen, machines, {
      forkAt: { cycle: at - at % DIGEST_CYCLES },
      onProgress: () => {},
    });
    if (fork.cycle > first) throw new UsageError(tooEarly(lab, first, fork.cycle));
    const limit = lab.log.endCycle - fork.cycle + options.limit;
    const assignment = { specimen, fork, options: { ...options, limit } };
    const minimiser = new Minimiser(lab, machines, new Trials(assignment, machines));
    await minimiser.replay();
    minimiser.outcome = await minimiser.#run({ ids: minimiser.candidates, together: APART });
    if (minimiser.outcome.isFailure) return minimiser;
    throw new UsageError(`${lab.path} does not fail: say with --fail-on what its failure is`);
  }

  /** Each guest from the fork on, from its log. @throws DivergenceError if one does not come to its recorded end */
  async replay(): Promise<void> {
    const { cycle } = this.#trials.assignment.fork;
    for (const machine of this.#machines) await machine.learn(cycle);
  }

  /** Those that the failure needs, all of them. */
  async minimise(): Promise<Kept> {
    const ids = await ddmin(this.candidates, (ids) => this.#fails({ ids, together: APART }));
    const { ids: fewer, together } = await this.#drawTogether({ ids, together: APART });
    if (fewer.length === ids.length) return { ids, together };
    const needed = await ddmin(fewer, (ids) => this.#fails({ ids, together }));
    return { ids: needed, together };
  }

  /**
   * Where an interrupt finds a hart depends on all the time that it lost until then: often it does as
   * well to lose it at once, where it did so last.
   */
  async #drawTogether(all: Kept): Promise<Kept> {
    let kept = all;
    for (const [last, ...others] of this.#machines.flatMap((it) => theftsByHart(it, all.ids))) {
      for (const id of others) {
        const { ids, together } = kept;
        const fewer = {
          ids: ids.filter((it) => it !== id),
          together: new Map([...together, [last, [id, ...together.get(last) ?? []]]]),
        };
        if (await this.#fails(fewer)) kept = fewer;
      }
    }
    return kept;
  }

  /** Whether the failure is there with these occurrences alone. */
  async #fails(kept: Kept): Promise<boolean> {
    const { guest, what } = await this.#run(kept);
    const isKnown = !this.#machines.some(({ lacksBlocks }) => lacksBlocks);
    return isKnown && guest === this.outcome.guest && what === this.outcome.what;
  }

  /** Writes down the run with these alone, which fails. @throws RecordingError */
  async record(kept: Kept, path: string): Promise<Minimum> {
    await this.#run(kept);
    const outcome = await this.#trials.record(this.#variant(kept), path);
    const events = [...this.#occurred, ...hostOccurrences(this.#machines, kept)]
      .filter(({ id }) => kept.ids.includes(id))
      .sort((a, b) => a.cycle - b.cycle);
    return { outcome, events, path };
  }

  close(): void {
    for (const machine of this.#machines) machine.close();
  }

  /** Other frames meet other chances: what occurs then is taken away too, until nothing does. */
  async #run(kept: Kept): Promise<Outcome> {
    for (;;) {
      const before = this.#known.size;
      const outcome = await this.#trials.run(this.#variant(kept));
      this.runCount++;
      for (const { id } of this.#occurred) this.#known.add(id);
      if (this.#known.size === before) return outcome;
    }
  }

  #variant(kept: Kept): Variant {
    const { fabric } = this.#lab;
    const without = [...this.#known].filter((id) => !kept.ids.includes(id));
    const network: FabricConfig = { ...fabric, without: [...fabric.without ?? [], ...without] };
    this.#occurred = [];
    const { cycle } = this.#trials.assignment.fork;
    return {
      seed: 0,
      network,
      host: (machine) => {
        const recorded = machine as RecordedMachine;
        const without = recorded.events.filter(({ id }) => !kept.ids.includes(id));
        return recorded.otherwise(cycle, { without, longer: thefts(recorded, kept) });
      },
      onEvent: (event) => {
        const occurrence = occurrenceOf(event);
        if (occurrence === undefined) return;
        if (!this.#occurred.some(({ id }) => id === occurrence.id)) this.#occurred.push(occurrence);
      },
    };
  }
}

/** An impairment's, if it is one. */
function occurrenceOf(event: FabricEvent | OpenLab["log"]["events"][number]) {
  if (!("event" in event) || event.event === undefined) return undefined;
  const what = "frame" in event ? `of ${event.frame}` : undefined;
  return { cycle: event.cycle, id: event.event, what };
}

/** The ids of those of the events that take time from a hart, for each hart, the last first. */
function theftsByHart(machine: RecordedMachine, ids: readonly string[]): string[][] {
  const byHart = new Map<number, string[]>();
  for (const event of machine.events.toReversed()) {
    const hart = ids.includes(event.id) ? machine.theft(event)?.hart : undefined;
    if (hart !== undefined) byHart.set(hart, [...byHart.get(hart) ?? [], event.id]);
  }
  return [...byHart.values()];
}

/** What is taken from harts at once, and was at several moments. */
function thefts(machine: RecordedMachine, { ids, together }: Kept) {
  const byId = new Map(machine.events.map((event) => [event.id, event]));
  return [...together].flatMap(([id, others]) => {
    const event = byId.get(id);
    if (event === undefined || !ids.includes(id)) return [];
    const own = machine.theft(event)!;
    const cycles = others.map((other) => machine.theft(byId.get(other)!)!.for);
    return [{ event, theft: { ...own, for: cycles.reduce((sum, it) => sum + it, own.for) } }];
  });
}

function hostOccurrences(machines: readonly RecordedMachine[], kept?: Kept): Occurrence[] {
  return machines.flatMap((machine) => {
    const longer = new Map<string, string>();
    for (const { event: { id }, theft } of kept === undefined ? [] : thefts(machine, kept)) {
      longer.set(id, hartFault(theft).text);
    }
    return machine.events.map(({ cycle, id, event }) => {
      const others = kept?.together.get(id);
      const what = longer.get(id) ?? event.text;
      return { cycle, id, what: others ? `${what}, those of ${others.join(", ")} too` : what };
    });
  });
}

/** What can be taken away, in order of cycle, each once. */
function candidatesOf(lab: OpenLab, machines: readonly RecordedMachine[]): Occurrence[] {
  const network = new Map<string, Occurrence>();
  for (const event of lab.log.events) {
    const occurrence = occurrenceOf(event);
    if (occurrence && !network.has(occurrence.id)) network.set(occurrence.id, occurrence);
  }
  return [...network.values(), ...hostOccurrences(machines)].sort((a, b) => a.cycle - b.cycle);
}

/** @throws UsageError if nothing happened that could be taken away */
function firstCycle(lab: OpenLab, machines: readonly RecordedMachine[]): number {
  const [first] = candidatesOf(lab, machines);
  if (first !== undefined) return first.cycle;
  throw new UsageError(
    `${lab.path}: nothing that could be taken away happened to its ` +
      (lab.isLab ? "machines or frames" : "machine"),
  );
}

function tooEarly({ path }: OpenLab, first: number, fork: number): string {
  return `${path}: runs can part at cycle ${fork}, and what could be taken away began at ` +
    `${first}: hindsight what-if takes away what its --without names`;
}
