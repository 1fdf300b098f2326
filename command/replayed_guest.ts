/**
 * A guest of a recorded lab that runs again, with all that its log says of it. What came from
 * outside is taken from the log; what came from the network is not, but compared with the log.
 */
import type { Machine, MachineOptions, Stop } from "../core/machine.ts";
import { openCompiler } from "./compiler.ts";
import { openAll, type OpenRunners, type Runner } from "../devices/deno/lab_runner.ts";
import { LabGuest, type Turn, type TurnEnd } from "../devices/network/lab_guest.ts";
import { LabHost } from "../devices/network/lab_host.ts";
import { DivergenceError } from "../replay/divergence.ts";
import { InputCheck, isOfNetwork } from "../replay/input_check.ts";
import { describeStop, LogCheck, refusal } from "../replay/log_check.ts";
import { Player } from "../replay/player.ts";
import { StoredCheck } from "../replay/stored_check.ts";
import { type OpenGuest, openLab } from "./recorded_lab.ts";
import { readRecordedFile } from "./recording_file.ts";

/** What a guest tells whoever replays the lab. */
export type ReplayNote =
  | {
    readonly kind: "diverged";
    readonly cycle: number;
    /** With the guest's name. */
    readonly device: string;
    readonly expected: string;
    readonly actual: string;
  }
  | { readonly kind: "concluded"; readonly guest: number; readonly replayed: GuestReplayed };

/** Where a guest came to, and what of its log was compared. */
export interface GuestReplayed {
  readonly cycle: number;
  /** Of that cycle. */
  readonly digest: string;
  readonly digestCount: number;
  /** Stored checkpoints that are right. */
  readonly storedCount: number;
  /** What is wrong with those that cannot be read, one line each. */
  readonly storedNotes: readonly string[];
}

export class ReplayedGuest implements Runner {
  readonly #stored: StoredCheck;
  readonly #notes: ReplayNote[] = [];
  /** Of its last cycle. */
  #digest: string | undefined;
  #machine!: Machine;
  #guest!: LabGuest;

  private constructor(
    readonly number: number,
    readonly recorded: OpenGuest,
    readonly check: LogCheck,
    readonly inputs: InputCheck,
  ) {
    this.#stored = new StoredCheck(recorded.stored);
  }

  /** @param number of the guest in its lab */
  static async open(number: number, recorded: OpenGuest): Promise<ReplayedGuest> {
    const { log, outputHash, nics, build } = recorded;
    const devices = new Set(nics.map(({ device }) => device));
    const entries = log.entries.filter((entry) => !isOfNetwork(entry, devices));
    const check = new LogCheck(log, outputHash);
    const host = new LabHost(new Player({ entries }));
    const inputs = new InputCheck(host, log, check);
    const replayed = new ReplayedGuest(number, recorded, check, inputs);
    const machine = await build(inputs, (cycle, digest) => replayed.#digested(cycle, digest));
    replayed.#machine = machine;
    replayed.#guest = new LabGuest(machine, host);
    replayed.#stored.begin(machine);
    return replayed;
  }

  /** A difference is told as a note: another guest's in the same round may come before it. */
  async run(edge: number, turn: Turn): Promise<TurnEnd> {
    try {
      const end = await this.#guest.run(edge, turn);
      if (end.stop !== undefined) this.#finish(end.stop);
      return end;
    } catch (error) {
      const { cycle } = this.#machine;
      this.#diverged(refusal(error, cycle, this.inputs.lastId));
      return { guest: turn.guest, cycle, next: Infinity, sent: [], printed: [], digests: [] };
    }
  }

  conclude(): void {
    try {
      if (this.#digest === undefined) this.#finish({ reason: "until" });
    } catch (error) {
      return this.#diverged(error);
    }
    const replayed = {
      cycle: this.#machine.cycle,
      digest: this.#digest!,
      digestCount: this.check.digestCount,
      storedCount: this.#stored.count,
      storedNotes: this.#stored.notes,
    };
    this.#notes.push({ kind: "concluded", guest: this.number, replayed });
  }

  takeNotes(): readonly ReplayNote[] {
    return this.#notes.splice(0);
  }

  close(): void {}

  #finish(stop: Stop): void {
    const { cycle } = this.#machine;
    const { endCycle, end } = this.recorded.log;
    if (stop.reason === "power" && (cycle !== endCycle || end.reason === "cut")) {
      throw new DivergenceError(cycle, "machine", `to run to ${endCycle}`, describeStop(stop));
    }
    this.#digest = this.#machine.digest();
    this.inputs.reached(cycle);
    this.check.finish(cycle, this.#digest, stop, this.inputs.next);
  }

  #digested(cycle: number, digest: string): void {
    this.inputs.reached(cycle);
    this.check.digest(cycle, digest);
    this.#stored.compare(this.#machine);
  }

  #diverged(error: unknown): void {
    if (!(error instanceof DivergenceError)) throw error;
    const { cycle, expected, actual } = error;
    const device = `${this.recorded.name}/${error.device}`;
    this.#notes.push({ kind: "diverged", cycle, device, expected, actual });
  }
}

/** What other threads open their guests from. */
export interface ReplayThreadData {
  readonly path: string;
  readonly engine: Omit<NonNullable<MachineOptions["engine"]>, "compiler"> | undefined;
}

/** Of a thread. */
export const openRunners: OpenRunners = async (numbers, data) => {
  const { path, engine } = data as ReplayThreadData;
  const compiler = openCompiler();
  const { guests } = await openLab(path, readRecordedFile(path).lab!, {
    compiler: (shape) => compiler.open(shape),
    ...engine,
  });
  return await openAll(numbers, (number) => ReplayedGuest.open(number, guests[number]));
};
