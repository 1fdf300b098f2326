/** Runs of the flaky lab: each forked from one boot, and each from reset. */
import { fromFileUrl, join } from "@std/path";
import { median, type Run, timeRun } from "./measure.ts";
import { ours } from "./peers.ts";
import type { Report } from "./report.ts";

const LAB = fromFileUrl(new URL("../guests/labs/flaky.json", import.meta.url));
/** So many runs after the first one share what it takes to boot. */
const SEEDS = 20;
const MINUTE_MS = 60_000;

/** @throws Error if a run ends otherwise than with or without a failure */
export async function benchHunt(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  try {
    const one: Run[] = [], many: Run[] = [], rebooted: Run[] = [];
    for (let round = 0; round < rounds; round++) {
      const hunt = (name: string, last: number) =>
        timeRun(ours(
          ...["hunt", "--lab", LAB, "--jobs", "1"],
          ...[
            "--seeds",
            `${round * 1000}..${round * 1000 + last}`,
            "-o",
            join(folder, `${name}${round}`),
          ],
        ));
      one.push(await hunt("one", 0));
      many.push(await hunt("many", SEEDS));
      rebooted.push(
        await timeRun(ours("run", "--lab", LAB, "--workers", "1", "--seed", `${round}`)),
      );
      if (!/\d+ seeds: /.test(many.at(-1)!.text) || !/teller: total/.test(rebooted.at(-1)!.text)) {
        throw new Error(
          `hunt: ${many.at(-1)!.text.slice(-500)}\n${rebooted.at(-1)!.text.slice(-500)}`,
        );
      }
    }
    const perSeed = (what: "wallMs" | "userMs") =>
      median(many.map((run, round) => (run[what] - one[round][what]) / SEEDS));
    const row = (way: string, wallMs: number, userMs: number) => ({
      way,
      "wall ms": wallMs,
      "user ms": userMs,
      "seeds per minute": MINUTE_MS / wallMs,
      "per minute of processor": MINUTE_MS / userMs,
    });
    const all = (runs: readonly Run[], what: "wallMs" | "userMs") =>
      median(runs.map((run) => run[what]));
    const rows = [
      row("forked", perSeed("wallMs"), perSeed("userMs")),
      row("rebooted", all(rebooted, "wallMs"), all(rebooted, "userMs")),
    ];
    return {
      title:
        `hunt: a run of the flaky lab on one thread, medians of ${rounds} (${SEEDS} forked runs each)`,
      rows,
      figures: { timesQuicker: rows[1]["user ms"] / rows[0]["user ms"] },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
