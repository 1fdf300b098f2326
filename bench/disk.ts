/** Direct reads of the disk, one after the other: the way of a request there and back. */
import { DebianRuns } from "./debian.ts";
import { betweenMs, median, timeRun } from "./measure.ts";
import type { Report } from "./report.ts";

const READS = 4096;
const COMMAND = `echo bench: start; ` +
  `dd if=/dev/vda of=/dev/null bs=4k count=${READS} iflag=direct 2>&1 && echo bench: end`;

/** The wall time between two lines of the console; a guest's own clock is virtual. */
export async function benchDisk(rounds: number): Promise<Report> {
  await using runs = await DebianRuns.open(COMMAND);
  const readMs = { ours: [] as number[], qemuPlain: [] as number[] };
  const engines = ["ours", "qemuPlain"] as const;
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const run = await timeRun(runs[engine]);
      if (!run.text.includes(`${READS}+0 records in`)) {
        throw new Error(`disk: dd failed on ${engine}:\n${run.text.slice(-2000)}`);
      }
      readMs[engine].push(betweenMs(run, "bench: start", "bench: end"));
    }
  }
  return {
    title: `disk: ${READS} direct reads of 4 KiB, milliseconds, medians of ${rounds}`,
    rows: engines.map((name) => ({
      name,
      median: median(readMs[name]),
      least: Math.min(...readMs[name]),
      most: Math.max(...readMs[name]),
      microsecondsEach: median(readMs[name]) * 1000 / READS,
    })),
    figures: { ratioToQemuPlain: median(readMs.ours) / median(readMs.qemuPlain) },
  };
}
