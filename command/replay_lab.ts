/**
 * Runs all guests of a recorded lab again, from their first cycle. What came from outside each is
 * taken from its log; what came from the network is not, but sent anew by the other guests.
 */
import { DIGEST_CYCLES, type Machine, type Stop } from "../core/machine.ts";
import { Fabric } from "../devices/network/fabric.ts";
import { Lab } from "../devices/network/lab.ts";
import { LabGuest, type Turn, type TurnEnd } from "../devices/network/lab_guest.ts";
import { LabHost, type Printed } from "../devices/network/lab_host.ts";
import { DivergenceError } from "../replay/divergence.ts";
import { InputCheck, isOfNetwork } from "../replay/input_check.ts";
import { LabCheck } from "../replay/lab_check.ts";
import { describeStop, LogCheck, refusal } from "../replay/log_check.ts";
import { Player } from "../replay/player.ts";
import { StoredCheck } from "../replay/stored_check.ts";
import type { OpenGuest, OpenLab } from "./recorded_lab.ts";

export interface LabReplayOptions {
  /** Stops there; where the recording ends by default. */
  readonly until?: number;
  /** What a guest has printed in one round, in the order of the guests. */
  readonly onPrinted?: (guest: string, printed: readonly Printed[]) => void;
  readonly onProgress?: (cycle: number) => void;
}

/** Where a replay of a lab came to. */
export interface LabReplayed {
  readonly cycle: number;
  readonly guests: readonly ReplayedGuest[];
  /** What the network did that was compared. */
  readonly eventCount: number;
}

/** Up to which cycle a lab can be compared: in a cut one some guests' logs go farther than others. */
export function reachOf({ guests, log }: OpenLab): number {
  const cycles = ({ log }: OpenGuest) => log.endCycle;
  const cut = guests.filter((guest) => guest.log.end.reason === "cut");
  if (cut.length > 0) return Math.min(...cut.map(cycles));
  return Math.max(log.endCycle, ...guests.map(cycles));
}

/**
 * Compares everything with the recording: inputs, outputs and digests of each guest, its stored
 * checkpoints, and what the network did.
 * @throws DivergenceError at the first difference, with the guest's name
 */
export async function replayLab(
  lab: OpenLab,
  { until = reachOf(lab), onPrinted, onProgress }: LabReplayOptions = {},
): Promise<LabReplayed> {
  const check = new LabCheck(lab.log);
  const fabric = new Fabric(lab.fabric, (event) => check.event(event));
  const guests: ReplayedGuest[] = [];
  for (const guest of lab.guests) guests.push(await ReplayedGuest.create(guest));
  const running = new Lab({
    fabric,
    members: lab.guests,
    crew: {
      async run(edge, turns) {
        const ends: TurnEnd[] = [];
        for (const turn of turns) ends.push(await guests[turn.guest].run(edge, turn));
        return ends;
      },
    },
    meetEvery: DIGEST_CYCLES,
    onMeet: (cycle) => {
      check.reached(cycle);
      onProgress?.(cycle);
    },
    onTurn: ({ guest, printed }) => {
      if (printed.length > 0) onPrinted?.(guests[guest].name, printed);
    },
  });
  await running.run(until);
  fabric.advance(until);
  check.reached(until);
  for (const guest of guests) guest.stop();
  return { cycle: running.cycle, guests, eventCount: check.count };
}

/** A guest, with all that its log says of it. */
export class ReplayedGuest {
  readonly stored: StoredCheck;
  /** Of its last cycle. */
  digest: string | undefined;
  #machine!: Machine;
  #guest!: LabGuest;

  private constructor(
    readonly recorded: OpenGuest,
    readonly check: LogCheck,
    readonly inputs: InputCheck,
  ) {
    this.stored = new StoredCheck(recorded.stored);
  }

  static async create(recorded: OpenGuest): Promise<ReplayedGuest> {
    const { log, outputHash, nics, build } = recorded;
    const devices = new Set(nics.map(({ device }) => device));
    const entries = log.entries.filter((entry) => !isOfNetwork(entry, devices));
    const check = new LogCheck(log, outputHash);
    const host = new LabHost(new Player({ entries }));
    const inputs = new InputCheck(host, log, check);
    const replayed = new ReplayedGuest(recorded, check, inputs);
    const machine = await build(inputs, (cycle, digest) => replayed.#digested(cycle, digest));
    replayed.#machine = machine;
    replayed.#guest = new LabGuest(machine, host);
    replayed.stored.begin(machine);
    return replayed;
  }

  get name(): string {
    return this.recorded.name;
  }

  get cycle(): number {
    return this.#machine.cycle;
  }

  async run(edge: number, turn: Turn): Promise<TurnEnd> {
    try {
      const end = await this.#guest.run(edge, turn);
      if (end.stop !== undefined) this.#finish(end.stop);
      return end;
    } catch (error) {
      throw named(this.name, refusal(error, this.cycle, this.inputs.lastId));
    }
  }

  /** The lab goes no further. */
  stop(): void {
    if (this.digest !== undefined) return; // it has ended before
    try {
      this.#finish({ reason: "until" });
    } catch (error) {
      throw named(this.name, error);
    }
  }

  #finish(stop: Stop): void {
    const { cycle } = this;
    const { endCycle, end } = this.recorded.log;
    if (stop.reason === "power" && (cycle !== endCycle || end.reason === "cut")) {
      throw new DivergenceError(cycle, "machine", `to run to ${endCycle}`, describeStop(stop));
    }
    this.digest = this.#machine.digest();
    this.inputs.reached(cycle);
    this.check.finish(cycle, this.digest, stop, this.inputs.next);
  }

  #digested(cycle: number, digest: string): void {
    this.inputs.reached(cycle);
    this.check.digest(cycle, digest);
    this.stored.compare(this.#machine);
  }
}

function named(guest: string, error: unknown): unknown {
  if (!(error instanceof DivergenceError)) return error;
  const { cycle, device, expected, actual } = error;
  return new DivergenceError(cycle, `${guest}/${device}`, expected, actual);
}
