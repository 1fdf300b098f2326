/** What moving about in a recording costs: a crash of Debian, and ten minutes of its life. */
import { fromFileUrl, join } from "@std/path";
import { median, percentile, timeRun } from "./measure.ts";
import { ours } from "./peers.ts";
import type { Report } from "./report.ts";

const SEED = 1;
const COUNT = 200;
const MIB = 2 ** 20;
const TIGHT_BYTES = 512 * MIB;

const CRASH = "echo c > /proc/sysrq-trigger";
const SLEEPER = "i=0; while [ $i -lt 600 ]; do sleep 1; i=$((i+1)); done";
const WORKER =
  "i=0; while [ $i -lt 600 ]; do sleep 1; i=$((i+1)); [ $((i%20)) = 0 ] && sha256sum /bin/busybox; done";

interface Costs {
  readonly ms: number;
  readonly dirtyPages: number;
}

/** Once through the recording, in wall time and in that of processors. */
interface Pass {
  readonly ms: number;
  readonly processorMs: number;
}

type Memory = Readonly<
  Record<"endCycle" | "entries" | "passMs" | "checkpoints" | "mostBytes" | "grownRss", number>
>;

export async function benchTimetravel(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  try {
    const crash = join(folder, "crash.hsr");
    await record(crash, CRASH, 1);
    const rows: Record<string, string | number>[] = [];
    const row = (what: string, ms: readonly number[], bound: number | string) =>
      rows.push({
        what,
        p50: percentile(ms, 0.5),
        p95: percentile(ms, 0.95),
        most: Math.max(...ms),
        bound,
      });
    const first: { openMs: number; firstMs: number }[] = [];
    for (let n = 0; n < rounds; n++) first.push(await probe("first", crash));
    row("opening at the end", first.map(({ openMs }) => openMs), "");
    row("first reverse step", first.map(({ firstMs }) => firstMs), "1000");
    row("reverse steps in a row", (await probe<{ ms: number[] }>("row", crash)).ms, "50, 250");
    const { seekMs, stepMs } = await probe<Record<string, number[]>>("positions", crash);
    row("reverse steps at positions", stepMs, "50, 250");
    row("seeks to them", seekMs, "500");
    const costs = await probe<Costs[]>("checkpoints", crash);
    row("a checkpoint", costs.map(({ ms }) => ms), "10 + pages");
    const pages = costs.map(({ dirtyPages }) => dirtyPages);
    const [scans, replays]: [Pass[], Pass[]] = [[], []];
    for (let n = 0; n < rounds; n++) {
      scans.push(await probe("scan", crash));
      replays.push(await probe("replay", crash));
    }
    row("reverse continue to the reset", scans.map(({ ms }) => ms), "");
    row("one replay", replays.map(({ ms }) => ms), "");
    const ratio = (of: (pass: Pass) => number) => median(scans.map(of)) / median(replays.map(of));
    return {
      title: `timetravel on a crash of Debian: milliseconds, ${COUNT} of each, seed ${SEED}`,
      rows,
      figures: {
        scanToReplay: ratio(({ ms }) => ms),
        scanToReplayProcessor: ratio(({ processorMs }) => processorMs),
        dirtyPagesMedian: median(pages),
        dirtyPagesMost: Math.max(...pages),
        ...await memory(folder, "asleep", SLEEPER),
        ...await memory(folder, "atWork", WORKER),
      },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A timeline over ten minutes, with a budget that it needs and with one that it must do with. */
async function memory(
  folder: string,
  name: string,
  command: string,
): Promise<Record<string, number>> {
  const path = join(folder, `${name}.hsr`);
  await record(path, command, 0);
  const figures: Record<string, number> = {};
  for (const [kind, budget] of [["", undefined], ["Tight", TIGHT_BYTES]] as const) {
    const found = await probe<Memory>("memory", path, budget);
    figures[`${name}${kind}GuestSeconds`] = found.endCycle / 1e9;
    figures[`${name}${kind}Checkpoints`] = found.checkpoints;
    figures[`${name}${kind}CountedMiB`] = found.mostBytes / MIB;
    figures[`${name}${kind}ResidentMiB`] = found.grownRss / MIB;
  }
  return figures;
}

async function record(path: string, command: string, status: number): Promise<void> {
  await timeRun(ours("record", "--guest", "debian", "--run", command, "-o", path), status);
}

async function probe<Result>(what: string, path: string, budget?: number): Promise<Result> {
  const script = fromFileUrl(new URL("./timetravel_probe.ts", import.meta.url));
  const args = ["run", "-A", script, what, path, String(SEED), String(COUNT)];
  if (budget !== undefined) args.push(String(budget));
  return JSON.parse((await timeRun({ program: Deno.execPath(), args })).text);
}
