/**
 * Runs all guests of a recorded lab again, from their first cycle. What came from outside each is
 * taken from its log; what came from the network is not, but sent anew by the other guests.
 */
import { DIGEST_CYCLES } from "../core/machine.ts";
import { LabCrew } from "../devices/deno/lab_crew.ts";
import { openAll } from "../devices/deno/lab_runner.ts";
import { Fabric } from "../devices/network/fabric.ts";
import { type Crew, Lab } from "../devices/network/lab.ts";
import type { Printed } from "../devices/network/lab_host.ts";
import { DivergenceError } from "../replay/divergence.ts";
import { LabCheck } from "../replay/lab_check.ts";
import type { OpenGuest, OpenLab } from "./recorded_lab.ts";
import {
  type GuestReplayed,
  ReplayedGuest,
  type ReplayNote,
  type ReplayThreadData,
} from "./replayed_guest.ts";

export interface LabReplayOptions {
  /** Stops there; where the recording ends by default. */
  readonly until?: number;
  /** How many threads run the guests, by default one; others open the lab's file again. */
  readonly jobs?: number;
  /** Of the machines on other threads; those on this one have the lab's. */
  readonly engine?: ReplayThreadData["engine"];
  /** What a guest has printed in one round, in the order of the guests. */
  readonly onPrinted?: (guest: string, printed: readonly Printed[]) => void;
  readonly onProgress?: (cycle: number) => void;
}

/** Where a replay of a lab came to. */
export interface LabReplayed {
  readonly cycle: number;
  /** In the order of their numbers. */
  readonly guests: readonly GuestReplayed[];
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
  options: LabReplayOptions = {},
): Promise<LabReplayed> {
  const { until = reachOf(lab), onPrinted, onProgress } = options;
  const notes = new Notes();
  const crew = await openCrew(lab, options, notes);
  try {
    const check = new LabCheck(lab.log);
    const fabric = new Fabric(lab.fabric, (event) => check.event(event));
    const running = new Lab({
      fabric,
      members: lab.guests,
      crew: notes.heard(crew),
      meetEvery: DIGEST_CYCLES,
      onMeet: (cycle) => {
        check.reached(cycle);
        onProgress?.(cycle);
      },
      onTurn: ({ guest, printed }) => {
        if (printed.length > 0) onPrinted?.(lab.guests[guest].name, printed);
      },
    });
    await running.run(until);
    fabric.advance(until);
    check.reached(until);
    await crew.conclude(null);
    notes.check();
    const guests = lab.guests.map((_, number) => notes.concluded.get(number)!);
    return { cycle: running.cycle, guests, eventCount: check.count };
  } finally {
    crew.close();
  }
}

function openCrew(
  { path, guests }: OpenLab,
  { jobs = 1, engine }: LabReplayOptions,
  notes: Notes,
): Promise<LabCrew> {
  return LabCrew.open({
    guests: guests.length,
    workers: Math.min(jobs, guests.length),
    open: (numbers) => openAll(numbers, (number) => ReplayedGuest.open(number, guests[number])),
    module: new URL("./replayed_guest.ts", import.meta.url),
    dataFor: (): ReplayThreadData => ({ path, engine }),
    onNote: (note) => notes.add(note as ReplayNote),
  });
}

/** What the guests have told. */
class Notes {
  readonly concluded = new Map<number, GuestReplayed>();
  #first: Extract<ReplayNote, { kind: "diverged" }> | undefined;

  add(note: ReplayNote): void {
    if (note.kind === "concluded") this.concluded.set(note.guest, note.replayed);
    else if (this.#first === undefined || before(note, this.#first)) this.#first = note;
  }

  /** The first of all differences, however guests are spread over threads. @throws DivergenceError */
  check(): void {
    if (this.#first === undefined) return;
    const { cycle, device, expected, actual } = this.#first;
    throw new DivergenceError(cycle, device, expected, actual);
  }

  /** A crew with which a difference ends the round. */
  heard(crew: Crew): Crew {
    return {
      run: async (edge, turns) => {
        const ends = await crew.run(edge, turns);
        this.check();
        return ends;
      },
    };
  }
}

type Placed = Pick<DivergenceError, "cycle" | "device">;

function before(a: Placed, b: Placed): boolean {
  return a.cycle < b.cycle || a.cycle === b.cycle && a.device < b.device;
}
