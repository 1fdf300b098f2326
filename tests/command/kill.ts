/** Kills recording processes, and looks at what they leave. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openLab } from "../../command/recorded_lab.ts";
import { openRecording, readRecordedFile } from "../../command/recording_file.ts";
import { replayLab } from "../../command/replay_lab.ts";
import { Random } from "../../core/random.ts";
import { FormatError } from "../../replay/format/codec.ts";
import { replay } from "../../replay/replayer.ts";
import { StoredCheck } from "../../replay/stored_check.ts";
import { startHindsight } from "./cli.ts";
import { diskFile, inFolder } from "./recordings.ts";

/** The guest runs for some seconds, since it must walk its page tables all the time. */
const SLOW_POCKET = ["--guest", "pocket", "--tlb-flush-every", "50"];

/** Half of the kills come sooner after a flush; one is due every 50 ms, but the host may be busy. */
const LAG_MS_MAX = 500;

export interface Kills {
  readonly seed: number;
  readonly count: number;
  /** What is recorded; it must run for longer than {@link lifeMs}. */
  readonly machine?: readonly string[];
  /** After the guest has begun to run. */
  readonly lifeMs?: number;
}

/**
 * Each file opens, is cut, and verifies to its last flush, which was not long ago.
 * @returns the cycles to which they go
 */
export async function killRecordings(
  { seed, count, machine = SLOW_POCKET, lifeMs = 1500 }: Kills,
): Promise<number[]> {
  const random = new Random(seed);
  const cycles: number[] = [];
  const lags: number[] = [];
  await inFolder(async (folder) => {
    const disk = await diskFile(folder);
    for (let n = 0; n < count; n++) {
      const where = `seed ${seed}, kill ${n}`;
      const path = join(folder, `${n}.hsr`);
      const args = ["record", ...machine, "--disk", disk, "-o", path];
      lags.push(await recordAndKill(args, path, random.below(lifeMs)));
      const { log, build, outputHash, damage, stored } = await openRecording(path);
      assertEquals([log.end.reason, damage], ["cut", undefined], where);
      const check = new StoredCheck(stored);
      const { cycle } = await replay(log, build, {
        check: outputHash,
        onStart: (machine) => check.begin(machine),
        onMatch: (machine) => check.compare(machine),
      });
      assertEquals([cycle, check.count, check.notes], [log.endCycle, stored.length, []], where);
      cycles.push(cycle);
      await Deno.remove(path);
    }
  });
  console.log(`ms from the last flush to the kill: ${lags.sort((a, b) => a - b)}`);
  const median = lags[Math.floor(count / 2)];
  assert(median <= LAG_MS_MAX, `ms from the last flush to the kill: ${lags}`);
  return cycles;
}

/** Two guests that greet each other again and again, and go on for some seconds. */
const SLOW_LAB = {
  guests: Object.fromEntries([1, 2].map((seed) => [
    `g${seed}`,
    { guest: "pocket", seed, "tlb-flush-every": 50, nics: [{ end: "switch:lan" }] },
  ])),
  switches: { lan: {} },
  links: { "g1.net0": { impair: { loss: 0.5 } } },
};

/**
 * As {@link killRecordings}, of a lab: each file verifies together as far as all its guests go, and
 * each guest alone to its own last flush.
 */
export async function killLabs({ seed, count, lifeMs = 1500 }: Kills): Promise<number[]> {
  const random = new Random(seed);
  const cycles: number[] = [];
  await inFolder(async (folder) => {
    const lab = join(folder, "lab.json");
    await Deno.writeTextFile(lab, JSON.stringify(SLOW_LAB));
    for (let n = 0; n < count; n++) {
      const where = `seed ${seed}, kill ${n}`;
      const path = join(folder, `${n}.hsr`);
      await recordAndKill(["record", "--lab", lab, "-o", path], path, random.below(lifeMs));
      const recorded = readRecordedFile(path).lab!;
      assertEquals([recorded.log.isCut, recorded.damage], [true, undefined], where);
      const open = await openLab(path, recorded);
      const { cycle } = await replayLab(open);
      assertEquals(cycle, Math.min(...open.guests.map(({ log }) => log.endCycle)), where);
      for (const { log, build, outputHash } of open.guests) {
        assertEquals(log.end.reason, "cut", where);
        assertEquals((await replay(log, build, { check: outputHash })).cycle, log.endCycle, where);
      }
      cycles.push(cycle);
      await Deno.remove(path);
    }
  });
  return cycles;
}

/** @returns how long before the kill the file was last written to, in milliseconds */
async function recordAndKill(args: string[], path: string, lifeMs: number): Promise<number> {
  const child = startHindsight(args);
  const output = child.stdout.getReader();
  try {
    await output.read();
    // Header and images are there; a process that is killed before has recorded nothing.
    while (!isRecording(path)) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
  } finally {
    child.kill("SIGKILL");
  }
  const lagMs = Date.now() - Deno.statSync(path).mtime!.getTime();
  await output.cancel();
  const { signal } = await child.status;
  assert(signal === "SIGKILL", "the recording ended before it was killed");
  return lagMs;
}

function isRecording(path: string): boolean {
  try {
    readRecordedFile(path);
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}
