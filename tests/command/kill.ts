/** Kills recording processes, and looks at what they leave. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openRecording } from "../../command/recording_file.ts";
import { Random } from "../../core/random.ts";
import { replay } from "../../replay/replayer.ts";
import { diskFile } from "./recordings.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

/** The guest runs for some seconds, since it must walk its page tables all the time. */
const SLOW = ["--tlb-flush-every", "200"];
const LIFE_MS = 1500;

/** Each file opens, is cut, and verifies to its last flush. @returns the cycles to which they go */
export async function killRecordings(seed: number, count: number): Promise<number[]> {
  const random = new Random(seed);
  const folder = await Deno.makeTempDir();
  const cycles: number[] = [];
  try {
    const disk = await diskFile(folder);
    for (let n = 0; n < count; n++) {
      const path = join(folder, `${n}.hsr`);
      await recordAndKill(["--guest", "pocket", "--disk", disk, ...SLOW, "-o", path], path, random);
      const { log, build, outputHash, damage } = await openRecording(path);
      assertEquals([log.end.reason, damage], ["cut", undefined], `seed ${seed}, kill ${n}`);
      const { cycle } = await replay(log, build, { check: outputHash });
      assertEquals(cycle, log.endCycle, `seed ${seed}, kill ${n}`);
      cycles.push(cycle);
      await Deno.remove(path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return cycles;
}

async function recordAndKill(flags: string[], path: string, random: Random): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "record", ...flags],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (!hasContent(path)) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, random.below(LIFE_MS)));
  child.kill("SIGKILL");
  const { signal } = await child.status;
  assert(signal === "SIGKILL", "the recording ended before it was killed");
}

/** Beyond the header; a process that is killed before has recorded nothing. */
function hasContent(path: string): boolean {
  try {
    return Deno.statSync(path).size > 8500;
  } catch {
    return false;
  }
}
