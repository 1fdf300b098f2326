/** Runs from one fork, one after another, each with a seed of its own. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import { seedFor } from "../../core/random.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import type { FabricEvent } from "../../devices/network/events.ts";
import { Fabric } from "../../devices/network/fabric.ts";
import { Lab } from "../../devices/network/lab.ts";
import { LabGuest, type TurnEnd } from "../../devices/network/lab_guest.ts";
import type { LabHost } from "../../devices/network/lab_host.ts";
import { LocalCrew } from "../../devices/network/local_crew.ts";
import { hasFailed } from "../run_lab.ts";
import { TrialRecording } from "./trial_recording.ts";
import { type Chance, HuntedMachine, type TrialMachine } from "./machine.ts";
import type { Assignment, Specimen } from "./specimen.ts";
import { type Outcome, outcomeOf, Watch } from "./verdict.ts";
import { ConsoleLines } from "./console_lines.ts";

/** What a line of a console begins with. */
export function prefixOf({ isLab }: Specimen, guest: string): string {
  return isLab ? `${guest}| ` : "";
}

/** The seed from which a guest goes on at the fork: of a machine alone, the run's own. */
export function guestSeed({ isLab }: Specimen, seed: number, guest: string): number {
  return isLab ? seedFor(seed, guest) >>> 0 : seed;
}

/** One way to go on from a fork. */
export interface Variant {
  /** By which its outcome is told from others. */
  readonly seed: number;
  readonly network: FabricConfig;
  readonly host: (machine: TrialMachine) => LabHost;
  readonly onEvent?: (event: FabricEvent) => void;
}

/** All that is chosen after the fork follows from a seed. */
export function seeded(assignment: Assignment, seed: number): Variant {
  const { specimen: { network }, fork: { cycle } } = assignment;
  const reseeds = [...network.reseeds ?? [], { cycle, seed: seedFor(seed, "network") >>> 0 }];
  return {
    seed,
    network: { ...network, reseeds },
    host: (machine) => machine.host(chanceOf(assignment, seed, machine)),
  };
}

/** From a machine's seed: when its harts lose time, and how much. */
export function stealSeed(seed: number): number {
  return seedFor(seed, "steal") >>> 0;
}

function chanceOf(
  { specimen, fork: { cycle }, options }: Assignment,
  runSeed: number,
  { spec: { name, config: { harts } } }: TrialMachine,
): Chance {
  const seed = guestSeed(specimen, runSeed, name);
  const steal = { seed: stealSeed(seed), from: cycle, harts };
  return { reseeds: [{ cycle, seed }], steal: options.steal ? steal : undefined };
}

/** The machines of a hunt, at their fork. */
export class Trials {
  constructor(readonly assignment: Assignment, readonly machines: readonly TrialMachine[]) {
    machines.forEach(({ forked }, index) => forked.enter(assignment.fork.guests[index]));
  }

  /** @throws DiskFileError, ImageError for what cannot be attached or loaded */
  static async open(assignment: Assignment): Promise<Trials> {
    return new Trials(assignment, await HuntedMachine.openAll(assignment.specimen.guests));
  }

  /** The same variant has the same outcome. */
  run(variant: Variant): Promise<Outcome> {
    return this.#run(variant);
  }

  /** The same once more, written down. @throws RecordingError */
  async record(variant: Variant, path: string): Promise<Outcome> {
    const recording = await TrialRecording.create(path, this.assignment, variant.network);
    try {
      return await this.#run(variant, recording);
    } finally {
      recording.close();
    }
  }

  close(): void {
    for (const machine of this.machines) machine.close();
  }

  async #run(variant: Variant, recording?: TrialRecording): Promise<Outcome> {
    const { specimen, fork, options: { failOn, limit } } = this.assignment;
    const watch = new Watch(failOn);
    const consoles = new ConsoleLines((guest, line) =>
      watch.line(guest, prefixOf(specimen, guest), line)
    );
    const ends = new Map<number, TurnEnd>();
    const fabric = new Fabric(variant.network, (event) => {
      recording?.event(event);
      variant.onEvent?.(event);
    });
    fabric.restore(fork.network);
    const lab = new Lab({
      fabric,
      members: specimen.members,
      crew: new LocalCrew(this.#guests(variant, recording)),
      meetEvery: DIGEST_CYCLES,
      onTurn: (end) => {
        for (const { bytes } of end.printed) consoles.write(specimen.guests[end.guest].name, bytes);
        if (end.stop !== undefined) ends.set(end.guest, end);
      },
    });
    lab.resume(fork.cycle, specimen.guests.map(() => false));
    const failed = () => [...ends.values()].find(hasFailed);
    const isOver = () =>
      watch.remark !== undefined || failOn.exit && failed() !== undefined ||
      specimen.until.every((guest) => ends.has(guest));
    const stop = await lab.run(fork.cycle + limit, { isOver });
    const { cycle } = lab;
    recording?.end(cycle, new Map([...ends].map(([guest, end]) => [guest, end.stop!.power])));
    const first = failed();
    return outcomeOf({
      seed: variant.seed,
      cycle,
      stop: specimen.until.every((guest) => ends.has(guest)) ? "ended" : stop,
      remark: watch.remark,
      failed: first && { guest: specimen.guests[first.guest].name, end: first },
      failOn,
    });
  }

  /** The machines at the fork, each on its host. */
  #guests({ host: hostOf }: Variant, recording?: TrialRecording): Map<number, LabGuest> {
    const guests = this.machines.map((machine) => {
      const { forked } = machine;
      const host = hostOf(machine);
      forked.restart(host);
      recording?.attach(forked, host);
      return new LabGuest(forked.machine, host);
    });
    return new Map(guests.entries());
  }
}
