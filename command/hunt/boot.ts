/** The part that all runs of a hunt have in common, from reset to where they fork. */
import xxhash from "xxhash-wasm";
import { DIGEST_CYCLES } from "../../core/machine.ts";
import { Fabric } from "../../devices/network/fabric.ts";
import { Lab } from "../../devices/network/lab.ts";
import { LabGuest } from "../../devices/network/lab_guest.ts";
import { LocalCrew } from "../../devices/network/local_crew.ts";
import type { ForkPoint } from "../../replay/fork.ts";
import type { LabEvent } from "../../replay/lab_log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { OutputHash } from "../../replay/outputs.ts";
import { Recorder } from "../../replay/recorder.ts";
import { UsageError } from "../errors.ts";
import { ConsoleLines } from "./console_lines.ts";
import type { TrialMachine } from "./machine.ts";
import type { Fork, Specimen } from "./specimen.ts";
import { prefixOf } from "./trials.ts";

/**
 * Where to fork: as soon as it can be after a cycle, after a line of a console, or once so many
 * guests have printed {@link READY}.
 */
export type ForkAt =
  | { readonly cycle: number }
  | { readonly pattern: string }
  | { readonly ready: number };

/** What guests say that are about to run their command; so early that none has begun when all fork. */
export const READY = "hunt: ready";
export const READY_COMMAND = `echo "${READY}"; sleep 0.1; `;

export interface BootOptions {
  readonly forkAt: ForkAt;
  /** Told between two steps how far it is; throws to give up. */
  readonly onProgress: (cycle: number) => void;
}

/** A booting guest, and what is written down of it. */
interface Booting {
  readonly machine: TrialMachine;
  readonly recorder: Recorder;
  readonly log: MemoryLog;
  readonly guest: LabGuest;
}

/**
 * Runs machines from reset to where they fork.
 * @throws UsageError if a guest ends before the fork
 */
export async function bootToFork(
  specimen: Specimen,
  machines: readonly TrialMachine[],
  options: BootOptions,
): Promise<Fork> {
  const { forkAt, onProgress } = options;
  const hash = new OutputHash(await xxhash());
  const booting = machines.map((machine) => bootingOf(specimen, machine, hash));
  const signs = new Signs(forkAt);
  const consoles = new ConsoleLines((guest, line) =>
    signs.line(guest, prefixOf(specimen, guest) + line)
  );
  const events: LabEvent[] = [];
  const fabric = new Fabric(specimen.network, (event) => events.push(event));
  const lab = new Lab({
    fabric,
    members: specimen.members,
    crew: new LocalCrew(new Map(booting.map(({ guest }, index) => [index, guest]))),
    meetEvery: DIGEST_CYCLES,
    onTurn: ({ guest, cycle, printed, stop }) => {
      const { name } = specimen.guests[guest];
      for (const { bytes } of printed) consoles.write(name, bytes);
      if (stop !== undefined) throw new UsageError(tooLate(specimen, name, cycle, forkAt));
    },
  });
  while (!signs.areThere(lab.cycle) || !booting.every(({ machine }) => machine.forked.canFork)) {
    onProgress(lab.cycle);
    await lab.run(lab.cycle + DIGEST_CYCLES);
  }
  const guests = booting.map(forkPoint);
  return { cycle: lab.cycle, guests, network: fabric.save(), events };
}

function bootingOf(specimen: Specimen, machine: TrialMachine, hash: OutputHash): Booting {
  const host = machine.host();
  const log = new MemoryLog();
  const name = specimen.isLab ? machine.spec.name : undefined;
  const recorder = new Recorder({ host, sink: log, hash, machine: name });
  const { seam } = machine.forked;
  seam.host = recorder;
  seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
  return { machine, recorder, log, guest: new LabGuest(machine.forked.machine, host) };
}

/** Whether it is time to fork. */
class Signs {
  readonly #forkAt: ForkAt;
  readonly #pattern: RegExp;
  /** Guests that printed the line. */
  readonly #seen = new Set<string>();

  constructor(forkAt: ForkAt) {
    this.#forkAt = forkAt;
    this.#pattern = new RegExp("pattern" in forkAt ? forkAt.pattern : `${READY}$`);
  }

  line(guest: string, line: string): void {
    if (this.#pattern.test(line)) this.#seen.add(guest);
  }

  areThere(cycle: number): boolean {
    if ("cycle" in this.#forkAt) return cycle >= this.#forkAt.cycle;
    return this.#seen.size >= ("ready" in this.#forkAt ? this.#forkAt.ready : 1);
  }
}

function forkPoint({ machine: { forked }, recorder, log }: Booting): ForkPoint {
  const { machine } = forked;
  const lastCycle = machine.cycle;
  // Nothing is written of this conclusion: there is a digest at this cycle already.
  const conclusion = { endCycle: lastCycle, end: { reason: "until" }, instructions: 0 } as const;
  recorder.finish(machine.digest(), conclusion);
  const { entries, outputs, digests } = log.log();
  return forked.point({ firstCycle: 0, lastCycle, entries, outputs, digests });
}

function tooLate(specimen: Specimen, guest: string, cycle: number, forkAt: ForkAt): string {
  const who = specimen.isLab ? `guest ${guest}` : "the guest";
  const where = "cycle" in forkAt
    ? `the runs fork after cycle ${forkAt.cycle}`
    : `no line matched "${"pattern" in forkAt ? forkAt.pattern : READY}" early enough`;
  return `--fork-at: ${who} ended at cycle ${cycle}, and ${where}`;
}
