/** Runs from one fork, one after another, each with a seed of its own. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import { seedFor } from "../../core/random.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import { Fabric } from "../../devices/network/fabric.ts";
import { Lab } from "../../devices/network/lab.ts";
import { LabGuest, type TurnEnd } from "../../devices/network/lab_guest.ts";
import { LocalCrew } from "../../devices/network/local_crew.ts";
import { hasFailed } from "../run_lab.ts";
import { TrialRecording } from "./trial_recording.ts";
import { HuntedMachine } from "./machine.ts";
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

/** The machines of a hunt, at their fork. */
export class Trials {
  private constructor(
    readonly assignment: Assignment,
    readonly machines: readonly HuntedMachine[],
  ) {}

  /** @throws DiskFileError, ImageError for what cannot be attached or loaded */
  static async open(assignment: Assignment): Promise<Trials> {
    const machines: HuntedMachine[] = [];
    for (const [index, spec] of assignment.specimen.guests.entries()) {
      const machine = await HuntedMachine.open(spec);
      machine.forked.enter(assignment.fork.guests[index]);
      machines.push(machine);
    }
    return new Trials(assignment, machines);
  }

  /** The same seed gives the same outcome. */
  run(seed: number): Promise<Outcome> {
    return this.#run(seed, this.#network(seed));
  }

  /** The same once more, written down. @throws RecordingError */
  async record(seed: number, path: string): Promise<Outcome> {
    const network = this.#network(seed);
    const recording = await TrialRecording.create(path, this.assignment, network);
    try {
      return await this.#run(seed, network, recording);
    } finally {
      recording.close();
    }
  }

  close(): void {
    for (const machine of this.machines) machine.close();
  }

  #network(seed: number): FabricConfig {
    const { specimen: { network }, fork: { cycle } } = this.assignment;
    const reseed = { cycle, seed: seedFor(seed, "network") >>> 0 };
    return { ...network, reseeds: [...network.reseeds ?? [], reseed] };
  }

  async #run(seed: number, network: FabricConfig, recording?: TrialRecording): Promise<Outcome> {
    const { specimen, fork, options: { failOn, limit } } = this.assignment;
    const watch = new Watch(failOn);
    const consoles = new ConsoleLines((guest, line) =>
      watch.line(guest, prefixOf(specimen, guest), line)
    );
    const ends = new Map<number, TurnEnd>();
    const fabric = new Fabric(network, (event) => recording?.event(event));
    fabric.restore(fork.network);
    const lab = new Lab({
      fabric,
      members: specimen.members,
      crew: new LocalCrew(this.#guests(seed, recording)),
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
      seed,
      cycle,
      stop: specimen.until.every((guest) => ends.has(guest)) ? "ended" : stop,
      remark: watch.remark,
      failed: first && { guest: specimen.guests[first.guest].name, end: first },
      failOn,
    });
  }

  /** The machines at the fork, each on a host that has it go on from the seed. */
  #guests(seed: number, recording: TrialRecording | undefined): Map<number, LabGuest> {
    const { specimen, fork: { cycle } } = this.assignment;
    const guests = this.machines.map((hunted) => {
      const { spec, forked } = hunted;
      const host = hunted.host([{ cycle, seed: guestSeed(specimen, seed, spec.name) }]);
      forked.restart(host);
      recording?.attach(forked, host);
      return new LabGuest(forked.machine, host);
    });
    return new Map(guests.entries());
  }
}
