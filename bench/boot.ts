/** Debian from reset to poweroff, with a little work in user space. */
import { DebianRuns } from "./debian.ts";
import { median, timeRun } from "./measure.ts";
import type { Report } from "./report.ts";

const COMMAND = "sha256sum /bin/busybox; gzip -c /bin/busybox | wc -c";

/** @throws Error if a guest prints another sum than the host's */
export async function benchBoot(rounds: number): Promise<Report> {
  await using runs = await DebianRuns.open(COMMAND);
  const engines = ["ours", "oursRecord", "oursRecordCold", "qemuRecord", "qemuPlain"] as const;
  const wallMs = Object.fromEntries(
    engines.map((engine): [string, number[]] => [engine, []]),
  ) as Record<typeof engines[number], number[]>;
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const run = await timeRun(runs[engine]);
      if (!run.text.includes(runs.busyboxSha256)) {
        throw new Error(`boot: wrong sum of busybox on ${engine}:\n${run.text.slice(-2000)}`);
      }
      wallMs[engine].push(run.wallMs);
    }
  }
  const [oursMs, oursRecordMs, coldMs, recordMs, plainMs] = engines.map((it) => median(wallMs[it]));
  return {
    title: `boot: Debian to poweroff, milliseconds, medians of ${rounds}`,
    rows: engines.map((name) => ({
      name,
      median: median(wallMs[name]),
      least: Math.min(...wallMs[name]),
      most: Math.max(...wallMs[name]),
    })),
    figures: {
      // Both record; neither does.
      ratioToQemuRecord: oursRecordMs / recordMs,
      ratioToQemuPlain: oursMs / plainMs,
      recordToQemuPlain: oursRecordMs / plainMs,
      coldToQemuRecord: coldMs / recordMs,
      recordToRun: oursRecordMs / oursMs,
    },
  };
}
