/**
 * `deno task bench [boot|kernels|lab|disk|hunt|network|pauses|record|stops|timetravel]… [--rounds N] [--json]`:
 * our machine side by side with QEMU, in turns in one run. Exits 1 with the reason if a figure cannot be measured.
 */
import { parseArgs } from "@std/cli/parse-args";
import { benchBoot } from "./boot.ts";
import { benchDisk } from "./disk.ts";
import { benchHunt } from "./hunt.ts";
import { benchKernels } from "./kernels.ts";
import { benchLab } from "./lab.ts";
import { benchNetwork } from "./network.ts";
import { benchPauses } from "./pauses.ts";
import { qemuVersion } from "./peers.ts";
import { benchRecord } from "./record.ts";
import { formatReport, type Report } from "./report.ts";
import { benchStops } from "./stops.ts";
import { benchTimetravel } from "./timetravel.ts";

const BENCHMARKS: Readonly<Record<string, (rounds: number) => Promise<Report>>> = {
  boot: benchBoot,
  kernels: benchKernels,
  lab: benchLab,
  disk: benchDisk,
  hunt: benchHunt,
  network: benchNetwork,
  pauses: benchPauses,
  record: benchRecord,
  stops: benchStops,
  timetravel: benchTimetravel,
};

const unknown: string[] = [];
const flags = parseArgs(Deno.args, {
  boolean: ["json"],
  string: ["rounds"],
  unknown: (argument: string) => Object.hasOwn(BENCHMARKS, argument) || unknown.push(argument),
});
const names: string[] = flags._.length > 0 ? flags._.map(String) : Object.keys(BENCHMARKS);
const rounds = Number(flags.rounds ?? 5);
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(
    "usage: deno task bench [boot|kernels|lab|disk|hunt|network|pauses|record|stops|timetravel]... [--rounds N] [--json]",
  );
  Deno.exit(2);
}
try {
  const qemu = await qemuVersion();
  const reports: Record<string, Report> = {};
  if (!flags.json) console.log(`Deno ${Deno.version.deno}, ${qemu}\n`);
  for (const name of names) {
    reports[name] = await BENCHMARKS[name](rounds);
    if (!flags.json) console.log(formatReport(reports[name]));
  }
  if (flags.json) {
    const flat = Object.entries(reports).map(([name, { title, rows, figures }]) => [
      name,
      { title, rows, ...figures },
    ]);
    const head = { deno: Deno.version.deno, qemu, rounds };
    console.log(JSON.stringify({ ...head, ...Object.fromEntries(flat) }, null, 2));
  }
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
