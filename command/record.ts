/** `hindsight record`: as `run`, with everything that the machine learns from outside written down. */
import { UsageError } from "./errors.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { MACHINE_FLAGS, machineRequest } from "./machine_config.ts";
import { ClaimedFile, requireNoInput } from "./output_file.ts";
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
  const flags = parseFlags(args, [...MACHINE_FLAGS, ...RECORD_FLAGS]);
  if (flags.positional.length > 0) {
    throw new UsageError(`record takes flags only, not "${flags.positional[0]}"`);
  }
  const path = flags.values.get("o")?.[0];
  if (path === undefined) {
    throw new UsageError("where to? write `hindsight record MACHINE -o FILE`");
  }
  const request = machineRequest(flags);
  const claim = new ClaimedFile(path);
  let target: RecordingTarget | undefined;
  try {
    requireNoInput("-o", path, request); // now, since the file is there
    return await runRequest(request, async (...run) => {
      // Not before: what stops a run from beginning leaves an older recording as it is.
      target = await RecordingTarget.create(path, !flags.values.has("no-checkpoints"));
      return target.record(...run);
    });
  } finally {
    target?.close();
    claim.release();
  }
}
