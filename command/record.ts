/** `hindsight record`: as `run`, with everything that the machine learns from outside written down. */
import { UsageError } from "./errors.ts";
import { type Flag, type Flags, parseFlags } from "./flags.ts";
import { MACHINE_FLAGS, machineRequest } from "./machine_config.ts";
import { isLab, LAB_RUN_FLAGS } from "./lab_flags.ts";
import { ClaimedFile, requireNoDisk, requireNoInput } from "./output_file.ts";
import { RecordingTarget } from "./recording_file.ts";
import { runRequest } from "./run.ts";

export const RECORD_FLAGS: readonly Flag[] = [
  { name: "o", value: "FILE", summary: "where the recording goes" },
  {
    name: "no-checkpoints",
    summary: "store no checkpoints: a smaller file that opens more slowly",
  },
];

/** @returns the exit status, which is that of `run` */
export async function record(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, [...MACHINE_FLAGS, ...LAB_RUN_FLAGS, ...RECORD_FLAGS]);
  if (flags.positional.length > 0) {
    throw new UsageError(`record takes flags only, not "${flags.positional[0]}"`);
  }
  const path = flags.values.get("o")?.[0];
  if (path === undefined) {
    throw new UsageError("where to? write `hindsight record MACHINE -o FILE`");
  }
  return await (isLab(flags) ? recordLab(flags, path) : recordMachine(flags, path));
}

async function recordMachine(flags: Flags, path: string): Promise<number> {
  const request = machineRequest(flags);
  return await claimed(path, async (closed) => {
    requireNoInput("-o", path, request); // now, since the file is there
    // First, since its thread takes a while to start.
    const target = closed(await RecordingTarget.create(path, hasCheckpoints(flags)));
    return await runRequest(request, target.record);
  });
}

async function recordLab(flags: Flags, path: string): Promise<number> {
  const [{ runLabRequest }, { LabTarget }] = await Promise.all([
    import("./lab.ts"),
    import("./record_lab.ts"),
  ]);
  const others = RECORD_FLAGS.map(({ name }) => name);
  return await claimed(path, (closed) =>
    runLabRequest(flags, others, async (plan) => {
      for (const { disks } of plan.guests) requireNoDisk("-o", path, disks);
      return closed(await LabTarget.create(path, plan, hasCheckpoints(flags)));
    }));
}

function hasCheckpoints({ values }: Flags): boolean {
  return !values.has("no-checkpoints");
}

/**
 * Keeps the file for a run, whose target writes there when it begins and no sooner: what stops a
 * run from beginning leaves an older recording as it is.
 */
async function claimed(
  path: string,
  run: (closed: <Target extends { close(): void }>(target: Target) => Target) => Promise<number>,
): Promise<number> {
  const claim = new ClaimedFile(path);
  let target: { close(): void } | undefined;
  try {
    return await run((closed) => {
      target = closed;
      return closed;
    });
  } finally {
    target?.close();
    claim.release();
  }
}
