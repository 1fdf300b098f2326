/** `hindsight verify`: replays a recording and compares every output and digest. */
import { printLine } from "../devices/deno/terminal.ts";
import type { Log } from "../replay/log.ts";
import { replay } from "../replay/replayer.ts";
import { StoredCheck } from "../replay/stored_check.ts";
import { HostError, STATUS } from "./errors.ts";
import { type Flag, parseFlags, wholeFlag } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { openToReplay } from "./open_to_replay.ts";
import type { OpenLab } from "./recorded_lab.ts";
import { GUEST_FLAG, onlyFile, type OpenRecording } from "./recording_file.ts";
import { reachOf, replayLab } from "./replay_lab.ts";

const JOBS_MAX = 64;

export const VERIFY_FLAGS: readonly Flag[] = [
  {
    name: "jobs",
    value: "N",
    summary: "how many threads run a lab's guests; default one for each core",
  },
  GUEST_FLAG,
  JIT_FLAG,
];

/**
 * @returns the exit status
 * @throws DivergenceError at the first difference
 * @throws HostError if only a part of the file is whole, after verifying that part
 */
export async function verify(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, VERIFY_FLAGS);
  const path = onlyFile("verify", flags.positional);
  const jobs = wholeFlag(flags, "jobs", 1, JOBS_MAX) ?? navigator.hardwareConcurrency;
  const { lab, machine } = await openToReplay(path, flags);
  return lab ? await verifyLab(lab, jobs, engineOf(flags)) : await verifyMachine(machine);
}

async function verifyMachine(recording: OpenRecording): Promise<number> {
  const { path, log, build, outputHash, damage, stored, checkpoints } = recording;
  const check = new StoredCheck(stored);
  const { cycle, digest, digestCount } = await withProgress(
    "verifying",
    log.endCycle,
    true,
    (onProgress) =>
      replay(log, build, {
        check: outputHash,
        onStart: (machine) => check.begin(machine),
        onMatch: (machine) => check.compare(machine),
        onProgress,
      }),
  );
  complain(path, [...checkpoints.notes, ...check.notes]);
  const cut = log.end.reason === "cut" ? "; the recording was cut there" : "";
  const checked = { log, digestCount, storedCount: check.count, hasStored: stored.length > 0 };
  printLine(`verified to cycle ${cycle}: ${summaryOf([checked])}; digest ${digest}${cut}`);
  if (damage !== undefined) throw new HostError(`${path}: damaged after cycle ${cycle}: ${damage}`);
  return STATUS.ok;
}

/** All guests together: what one sends is what another receives. */
async function verifyLab(
  lab: OpenLab,
  jobs: number,
  engine: ReturnType<typeof engineOf>,
): Promise<number> {
  const { path, damage } = lab;
  const reach = reachOf(lab);
  const { cycle, guests, eventCount } = await withProgress(
    "verifying",
    reach,
    true,
    (onProgress) => replayLab(lab, { onProgress, jobs, engine }),
  );
  const checked = lab.guests.map(({ log, stored, checkpoints }, number) => {
    const { digestCount, storedCount, storedNotes } = guests[number];
    complain(path, [...checkpoints.notes, ...storedNotes]);
    return { log, digestCount, storedCount, hasStored: stored.length > 0 };
  });
  const isCut = lab.log.isCut || checked.some(({ log }) => log.end.reason === "cut");
  const digests = lab.guests.map(({ name }, number) => `${name} ${guests[number].digest}`).join(
    ", ",
  );
  printLine(
    `verified to cycle ${cycle}: ${guests.length} guests together, ${summaryOf(checked)}, ` +
      `${eventCount} events of the network; digests ${digests}` +
      (isCut ? "; the recording was cut there" : ""),
  );
  if (damage !== undefined) throw new HostError(`${path}: damaged after cycle ${cycle}: ${damage}`);
  return STATUS.ok;
}

interface Checked {
  readonly log: Log;
  readonly digestCount: number;
  readonly storedCount: number;
  readonly hasStored: boolean;
}

function summaryOf(checked: readonly Checked[]): string {
  const sum = (count: (one: Checked) => number) =>
    checked.reduce((total, one) => total + count(one), 0);
  const outputs = sum(({ log }) => log.outputs.reduce((total, { count }) => total + count, 0));
  const stored = checked.some(({ hasStored }) => hasStored)
    ? `, and ${sum(({ storedCount }) => storedCount)} stored checkpoints`
    : "";
  return `${sum(({ log }) => log.entries.length)} inputs, ${outputs} outputs, ` +
    `${sum(({ digestCount }) => digestCount)} digests match${stored}`;
}

function complain(path: string, notes: readonly string[]): void {
  for (const note of notes) {
    console.error(`hindsight: ${path}: a stored checkpoint is damaged, and is not used: ${note}`);
  }
}
