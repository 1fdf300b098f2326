/**
 * `hindsight minimise`: which of the things that the network did to frames, or a host to its machine,
 * a failure needs. Each is taken away by its id, and the others stay as they are.
 */
import { printLine } from "../devices/deno/terminal.ts";
import { STATUS } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags } from "./flags.ts";
import { Minimiser, type Minimum } from "./hunt/minimiser.ts";
import { failOnOf, type Outcome } from "./hunt/verdict.ts";
import { openAlone, openLab } from "./recorded_lab.ts";
import { onlyFile, readRecordedFile } from "./recording_file.ts";

/** After the recording's end. */
const LIMIT_CYCLES = 10_000_000_000;

export const MINIMISE_FLAGS: readonly Flag[] = [
  { name: "o", value: "FILE", summary: "the recording that is left; FAIL-minimal.hsr by default" },
  {
    name: "fail-on",
    value: "exit|panic|PATTERN",
    isRepeatable: true,
    summary: "what the failure is, as for hunt",
  },
  { name: "limit", value: "CYCLES", summary: "a run ends so long after the recording did; 10 s" },
  { name: "json", summary: "the events that are left, as one JSON object" },
];

/** @returns the exit status */
export async function minimise(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, MINIMISE_FLAGS);
  const path = onlyFile("minimise", flags.positional);
  const { lab, machine } = readRecordedFile(path);
  const opened = lab === undefined ? await openAlone(path, machine) : await openLab(path, lab);
  const isJson = flags.values.has("json");
  const say = isJson ? () => {} : printLine;
  const minimiser = await Minimiser.open(opened, {
    failOn: failOnOf(flags.values.get("fail-on") ?? []),
    limit: cycleFlag(flags, "limit") ?? LIMIT_CYCLES,
  });
  try {
    const { outcome, candidates } = minimiser;
    say(`${inWords(outcome)}; it may need any of ${candidates.length} events`);
    const kept = await minimiser.minimise();
    const target = flags.values.get("o")?.[0] ?? path.replace(/(\.hsr)?$/, "-minimal.hsr");
    const minimum = await minimiser.record(kept, target);
    if (isJson) printLine(JSON.stringify({ ...minimum, runs: minimiser.runCount }, null, 2));
    else for (const line of report(minimum, minimiser.runCount)) say(line);
    return STATUS.ok;
  } finally {
    minimiser.close();
  }
}

function* report({ outcome, events, path }: Minimum, runCount: number): Generator<string> {
  if (events.length === 0) yield "It fails without any of them.";
  else yield "It fails with these alone, and without any one of them it does not:";
  for (const { cycle, id, what = "" } of events) {
    yield `  ${String(cycle).padStart(14)}  ${id}  ${what}`.trimEnd();
  }
  yield `${inWords(outcome)} in ${path} (${runCount} runs)`;
}

function inWords({ what, guest, cycle }: Outcome): string {
  return `${guest === undefined ? "" : `${guest}: `}${what} at cycle ${cycle}`;
}
