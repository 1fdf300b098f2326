/** Works in turns: run, recorded, replayed, and on QEMU. */
import { median, type Run, timeRun } from "./measure.ts";
import { type Command, ours } from "./peers.ts";
import type { Report } from "./report.ts";

export type Kind = "run" | "record" | "replay" | "qemu";
type Times = Record<Kind, number[]>;

/** One thing to do, in each of the ways. */
export interface Work {
  readonly commands: Readonly<Partial<Record<Kind, Command>>>;
  /** What of a run is compared, by name. */
  readonly parts: (run: Run, kind: Kind) => Readonly<Record<string, number>>;
}

/** @param file that the works record into; what is recorded last is asked for its size */
export async function measureWorks(
  { title, works, file, rounds }: {
    readonly title: string;
    readonly works: readonly Work[];
    readonly file: string;
    readonly rounds: number;
  },
): Promise<Report> {
  const times = new Map<string, Times>();
  let overhead = 0;
  for (const work of works) {
    for (let round = 0; round < rounds; round++) await measure(work, times);
    overhead = Math.max(overhead, await bytesPerThousand(file));
  }
  return report(title, times, rounds, overhead);
}

export function commandsOf(machine: readonly string[], file: string) {
  return {
    run: ours("run", ...machine),
    record: ours("record", ...machine, "-o", file),
    replay: ours("replay", file),
  };
}

/** The ways take turns, so that a busy moment of the host meets all of them. */
async function measure({ commands, parts }: Work, times: Map<string, Times>): Promise<void> {
  for (const [kind, command] of Object.entries(commands) as [Kind, Command][]) {
    const run = await timeRun(command);
    for (const [name, ms] of Object.entries(parts(run, kind))) {
      if (!times.has(name)) times.set(name, { run: [], record: [], replay: [], qemu: [] });
      times.get(name)![kind].push(ms);
    }
  }
}

async function bytesPerThousand(file: string): Promise<number> {
  const { text } = await timeRun(ours("info", "--json", file));
  return JSON.parse(text).logBytesPer1000Instructions;
}

function report(
  title: string,
  times: ReadonlyMap<string, Times>,
  rounds: number,
  overhead: number,
): Report {
  const ratio = (above: number[], below: number[]) =>
    above.length && below.length ? median(above) / median(below) : "";
  const ms = (values: number[]) => values.length ? median(values) : "";
  const rows = [...times].map(([name, { run, record, replay, qemu }]) => ({
    name,
    run: ms(run),
    record: ms(record),
    replay: ms(replay),
    qemu: ms(qemu),
    recordToRun: ratio(record, run),
    replayToRecord: ratio(replay, record),
    recordToQemu: ratio(record, qemu),
    spread: spread(run),
  }));
  return {
    title: `${title}: milliseconds, medians of ${rounds}; spread is most to least of run`,
    rows,
    figures: { bytesPerThousandInstructions: overhead, loadAverage: Deno.loadavg()[0] },
  };
}

function spread(values: readonly number[]): number | string {
  return values.length ? Math.max(...values) / Math.min(...values) : "";
}
