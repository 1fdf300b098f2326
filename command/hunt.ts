/** `hindsight hunt`: boots once, then runs on from there with one seed after another, and keeps what fails. */
import { printLine } from "../devices/deno/terminal.ts";
import { STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, type Flags, parseFlags, wholeFlag } from "./flags.ts";
import { bootToFork, type ForkAt } from "./hunt/boot.ts";
import { HuntedMachine } from "./hunt/machine.ts";
import { runCrew } from "./hunt/crew.ts";
import { Ledger } from "./hunt/ledger.ts";
import type { Assignment, Fork, Specimen } from "./hunt/specimen.ts";
import { huntedOf } from "./hunt/specimen_of.ts";
import { failOnOf, type Outcome } from "./hunt/verdict.ts";
import { LAB_FLAGS } from "./lab_flags.ts";
import { MACHINE_FLAGS } from "./machine_config.ts";
import { type EndingSignal, onEndingSignal, signalStatus } from "./signals.ts";

const SEED_MAX = 2 ** 32 - 1;
const JOBS_MAX = 64;
const FOLDER = "hunt";
/** Guest time after the fork. */
const LIMIT_CYCLES = 60_000_000_000;

export const HUNT_FLAGS: readonly Flag[] = [
  { name: "seeds", value: "A..B", summary: "the seeds to run with, one run each" },
  { name: "jobs", value: "N", summary: "how many run side by side; default one for each core" },
  {
    name: "fail-on",
    value: "exit|panic|PATTERN",
    isRepeatable: true,
    summary: "what is a failure: a guest that does not power off, a kernel's panic (both by " +
      "default), a console line that matches",
  },
  {
    name: "fork-at",
    value: "PATTERN|CYCLE",
    summary: "the runs part there; by default when --run's command is about to start",
  },
  { name: "limit", value: "CYCLES", summary: "a run ends so long after the fork; default 60 s" },
  {
    name: "no-steal",
    summary: "harts lose no time: timers' interrupts come when they would anyhow",
  },
  { name: "o", value: "FOLDER", summary: `recordings of failures, and how far it is; ${FOLDER}` },
  { name: "json", summary: "all runs as one JSON array, at the end" },
];

/** @returns the exit status: 1 if a run failed */
export async function hunt(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, [...MACHINE_FLAGS, ...LAB_FLAGS, ...HUNT_FLAGS]);
  if (flags.positional.length > 0) {
    throw new UsageError(`hunt takes flags only, not "${flags.positional[0]}"`);
  }
  const seeds = seedsOf(flags);
  const jobs = wholeFlag(flags, "jobs", 1, JOBS_MAX) ?? navigator.hardwareConcurrency;
  const failOn = failOnOf(flags.values.get("fail-on") ?? []);
  const options = {
    failOn,
    limit: cycleFlag(flags, "limit") ?? LIMIT_CYCLES,
    steal: !flags.values.has("no-steal"),
  };
  const ending = new Ending();
  try {
    const { specimen, forkAt } = await huntedOf(flags);
    const fork = await boot(specimen, forkAt, ending);
    const assignment = { specimen, fork, options };
    const folder = flags.values.get("o")?.[0] ?? FOLDER;
    return await huntFrom(assignment, {
      seeds,
      jobs,
      folder,
      ending,
      json: flags.values.has("json"),
    });
  } catch (error) {
    if (error instanceof Ended) return signalStatus(error.signal);
    throw error;
  } finally {
    ending.close();
  }
}

async function boot(specimen: Specimen, forkAt: ForkAt, ending: Ending): Promise<Fork> {
  const machines = await HuntedMachine.openAll(specimen.guests);
  try {
    return await bootToFork(specimen, machines, { forkAt, onProgress: () => ending.check() });
  } finally {
    for (const machine of machines) machine.close();
  }
}

interface HuntRun {
  readonly seeds: readonly [first: number, last: number];
  readonly jobs: number;
  readonly folder: string;
  readonly ending: Ending;
  readonly json: boolean;
}

async function huntFrom(assignment: Assignment, run: HuntRun): Promise<number> {
  const { seeds: [first, last], jobs, folder, ending, json } = run;
  const { specimen, fork, options } = assignment;
  const ledger = new Ledger(folder, {
    fork: fork.cycle,
    digests: fork.guests.map(({ digest }) => digest),
    network: specimen.network,
    ...options,
  });
  try {
    const isAsked = ({ seed }: Outcome) => seed >= first && seed <= last;
    const known = [...ledger.outcomes.values()].filter(isAsked);
    const table = new Table(specimen.isLab, ledger);
    if (!json) {
      printLine(`the runs fork at cycle ${fork.cycle}`);
      if (known.length > 0) printLine(`${known.length} of them are known from before`);
      table.head();
      for (const outcome of known) table.row(outcome);
    }
    await runCrew(assignment, {
      jobs: Math.min(jobs, last - first + 1 - known.length),
      seeds: unknown(first, last, ledger),
      pathOf: (seed) => ledger.pathOf(seed),
      onOutcome: (outcome) => {
        ledger.add(outcome);
        if (!json) table.row(outcome);
      },
      signal: ending.signal,
    });
    const all = [...ledger.outcomes.values()].filter(isAsked).sort((a, b) => a.seed - b.seed);
    if (json) printLine(JSON.stringify(all, null, 2));
    else table.foot(all, last - first + 1);
    ending.check();
    return all.some(({ isFailure }) => isFailure) ? STATUS.guestFailed : STATUS.ok;
  } finally {
    ledger.close();
  }
}

function* unknown(first: number, last: number, { outcomes }: Ledger): Generator<number> {
  for (let seed = first; seed <= last; seed++) if (!outcomes.has(seed)) yield seed;
}

/** A line for each run that is not `ok`. */
class Table {
  constructor(readonly isLab: boolean, readonly ledger: Ledger) {}

  head(): void {
    printLine(this.#line("seed", "outcome", "cycle", "guest", "recording"));
  }

  row({ seed, what, cycle, guest = "", isFailure }: Outcome): void {
    if (what === "ok") return;
    const path = isFailure ? this.ledger.pathOf(seed) : "none";
    printLine(this.#line(seed, what, cycle, guest, path));
  }

  foot(outcomes: readonly Outcome[], count: number): void {
    const kinds = new Map<string, number>();
    for (const { what } of outcomes) kinds.set(what, (kinds.get(what) ?? 0) + 1);
    const text = [...kinds].sort(([, a], [, b]) => b - a).map(([what, n]) => `${n} ${what}`);
    const open = count - outcomes.length;
    if (open > 0) text.push(`${open} not run yet: the same command goes on`);
    printLine(`${count} seeds: ${text.join(", ")}`);
  }

  #line(seed: number | string, what: string, cycle: number | string, guest: string, path: string) {
    const columns = [String(seed).padEnd(10), what.padEnd(10), String(cycle).padStart(14)];
    return [...columns, ...(this.isLab ? [guest.padEnd(8)] : []), path].join("  ");
  }
}

/** A signal ended the hunt. */
class Ended extends Error {
  constructor(readonly signal: EndingSignal) {
    super(signal);
  }
}

/** Whether a signal has asked the hunt to end. */
class Ending {
  readonly #controller = new AbortController();
  #received: EndingSignal | undefined;
  readonly close = onEndingSignal((signal) => {
    this.#received = signal;
    this.#controller.abort();
  });

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @throws Ended if one has come */
  check(): void {
    if (this.#received !== undefined) throw new Ended(this.#received);
  }
}

/** @throws UsageError */
function seedsOf({ values }: Flags): [first: number, last: number] {
  const text = values.get("seeds")?.[0];
  if (text === undefined) throw new UsageError("which seeds? write --seeds 1..100");
  const [, first, last = first] = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text) ?? [];
  const range: [number, number] = [Number(first), Number(last)];
  if (first !== undefined && range[0] <= range[1] && range[1] <= SEED_MAX) return range;
  throw new UsageError(`--seeds ${text}: write A..B, with A up to B and B below 2^32`);
}
