/** `hindsight run --lab`: several machines and a network between them. */
import { printLine, writeOutput } from "../devices/deno/terminal.ts";
import { DigestFile } from "./digest_file.ts";
import { STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flags, wholeFlag } from "./flags.ts";
import { labPlan } from "./lab_config.ts";
import { LAB_RUN_FLAGS } from "./lab_flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { jsonLine, PrefixedLines } from "./prefixed_lines.ts";
import { hasFailed, type LabEnd, type LabRecording, runLab } from "./run_lab.ts";
import { signalStatus } from "./signals.ts";
import type { LabPlan } from "./lab_config.ts";

const WORKERS_MAX = 64;

/** Flags of one machine that a lab has too. */
const SHARED = ["seed", "until-cycle", "digests", "faults", JIT_FLAG.name];

/**
 * Runs the lab that the flags name, with its consoles on the terminal.
 * @param others flags that the command has beside those of a lab
 * @returns the exit status
 */
export async function runLabRequest(
  flags: Flags,
  others: readonly string[] = [],
  record?: (plan: LabPlan) => LabRecording | Promise<LabRecording>,
): Promise<number> {
  const { values } = flags;
  const known = [...LAB_RUN_FLAGS.map(({ name }) => name), ...SHARED, ...others];
  const foreign = [...values.keys()].find((name) => !known.includes(name));
  if (foreign !== undefined) {
    throw new UsageError(`--${foreign} is of one machine: give it in the lab's file, to a guest`);
  }
  const workers = wholeFlag(flags, "workers", 1, WORKERS_MAX) ?? navigator.hardwareConcurrency;
  const plan = await labPlan(values.get("lab")![0], {
    faults: values.get("faults")?.[0],
    seed: wholeFlag(flags, "seed", 0, 2 ** 32 - 1),
    engine: engineOf(flags),
  });
  const path = values.get("digests")?.[0];
  const digests = path === undefined ? undefined : new DigestFile(path);
  const isJson = values.has("json");
  const lines = new PrefixedLines(writeOutput, isJson ? jsonLine : undefined);
  try {
    const end = await runLab({
      plan,
      workers: Math.min(workers, plan.guests.length),
      onConsole: (guest, bytes) => lines.add(guest, bytes),
      onDigest: digests && ((name, cycle, digest) => digests.write(cycle, `${name} ${digest}`)),
      untilCycle: cycleFlag(flags, "until-cycle"),
      endsOnSignals: true,
      record: await record?.(plan),
    });
    lines.finish();
    const status = conclude(plan, end);
    if (isJson) { for (const row of rows(plan, end, status)) printLine(JSON.stringify(row)); }
    return status;
  } finally {
    digests?.close();
  }
}

/** Says on standard error how guests failed, if any did; returns the exit status. */
function conclude({ guests }: LabPlan, { stop, cycle, ends }: LabEnd): number {
  if (typeof stop === "object") return signalStatus(stop.signal);
  if (stop === "stuck") {
    console.error(
      `hindsight: lab stuck at cycle ${cycle}: every guest waits, and nothing can come`,
    );
    return STATUS.guestFailed;
  }
  const failed = ends.flatMap((end) => end && hasFailed(end) ? [end] : []);
  for (const { guest, cycle, stop } of failed) {
    const { action, code } = stop!.power;
    const how = action === "fail" ? `failed with status ${code}` : `reset at cycle ${cycle}`;
    console.error(`${guests[guest].name}: guest ${how}`);
  }
  return failed.length > 0 ? STATUS.guestFailed : STATUS.ok;
}

/** How each guest ended, `null` if it did not, and then the lab. */
function* rows({ guests }: LabPlan, { stop, cycle, ends }: LabEnd, status: number) {
  for (const [number, { name: guest }] of guests.entries()) {
    const end = ends[number];
    const power = end?.stop?.power;
    yield {
      guest,
      end: power?.action ?? null,
      code: power?.code ?? null,
      cycle: end?.cycle ?? cycle,
    };
  }
  const [reason, signal] = typeof stop === "object" ? [stop.reason, stop.signal] : [stop, null];
  yield { lab: reason, signal, cycle, status };
}
