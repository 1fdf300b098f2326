/** `hindsight verify`: replays a recording and compares every output and digest. */
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import { printLine } from "../devices/deno/terminal.ts";
import { replay } from "../replay/replayer.ts";
import { StoredCheck } from "../replay/stored_check.ts";
import { HostError, STATUS } from "./errors.ts";
import { parseFlags } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { onlyFile, openRecording } from "./recording_file.ts";

/**
 * @returns the exit status
 * @throws DivergenceError at the first difference
 * @throws HostError if only a part of the file is whole, after verifying that part
 */
export async function verify(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, [JIT_FLAG]);
  const path = onlyFile("verify", flags.positional);
  const compiler = new ThreadCompiler();
  const recording = await openRecording(path, {
    engine: { compiler: (shape) => compiler.open(shape), ...engineOf(flags) },
  });
  const { log, build, outputHash, damage, stored, checkpoints } = recording;
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
  for (const note of [...checkpoints.notes, ...check.notes]) {
    console.error(`hindsight: ${path}: a stored checkpoint is damaged, and is not used: ${note}`);
  }
  const outputs = log.outputs.reduce((sum, { count }) => sum + count, 0);
  const cut = log.end.reason === "cut" ? "; the recording was cut there" : "";
  printLine(
    `verified to cycle ${cycle}: ${log.entries.length} inputs, ${outputs} outputs, ` +
      `${digestCount} digests match${
        stored.length > 0 ? `, and ${check.count} stored checkpoints` : ""
      }; ` +
      `digest ${digest}${cut}`,
  );
  if (damage !== undefined) throw new HostError(`${path}: damaged after cycle ${cycle}: ${damage}`);
  return STATUS.ok;
}
