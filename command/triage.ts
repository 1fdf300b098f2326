/** `hindsight triage`: what failed in a recording, and on whose side the cause is, with the evidence. */
import { openCompiler } from "./compiler.ts";
import { writeOutput } from "../devices/deno/terminal.ts";
import { attribute } from "../replay/attribution.ts";
import { candidatesOf } from "../replay/attribution_candidates.ts";
import type { Inquiry } from "../replay/attribution_judgement.ts";
import { HostError, STATUS } from "./errors.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { engineOf, JIT_FLAG } from "./machine_config.ts";
import { GUEST_FLAG, onlyFile, openRecording } from "./recording_file.ts";
import { withImages } from "./recorded_image.ts";
import { Case } from "./triage/case.ts";
import { findingsJson, findingsText } from "./triage/report.ts";

export const TRIAGE_FLAGS: readonly Flag[] = [
  {
    name: "disk",
    value: "FILE",
    isRepeatable: true,
    summary: "the image of a disk, for blocks that a replay without an event reads; in order",
  },
  { name: "json", summary: "as one JSON object" },
  GUEST_FLAG,
  JIT_FLAG,
];

/** @returns the exit status: that of a divergence if the replay left the recording */
export async function triage(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, TRIAGE_FLAGS);
  const path = onlyFile("triage", flags.positional);
  const guest = flags.values.get("guest")?.[0];
  const compiler = openCompiler();
  const engine = { compiler: compiler.open.bind(compiler), ...engineOf(flags) };
  const recording = await openRecording(path, { engine, guest });
  const disks = flags.values.get("disk") ?? [];
  return await withImages(recording, disks, async (readImage) => {
    const opened = await Case.open(recording, readImage);
    const observed = await opened.observe();
    const findings = await attribute(
      observed,
      candidatesOf(recording.log.entries, opened.background(observed)),
      {
        // No other run of what cannot be replayed says anything.
        ...(observed.divergence ? {} : {
          whatIf: opened.whatIf.bind(opened),
          tiers: opened.tiers.bind(opened),
          trace: opened.trace.bind(opened),
          refusal: opened.refusal.bind(opened),
        }),
        commands: commandsFor(path, guest, disks),
      },
    );
    const text = flags.values.has("json")
      ? JSON.stringify(findingsJson(findings), null, 2) + "\n"
      : findingsText(path, findings, observed.breaches, (address) => opened.describe(address));
    writeOutput(new TextEncoder().encode(text));
    if (recording.damage !== undefined) throw new HostError(`${path}: ${recording.damage}`);
    return observed.divergence === undefined ? STATUS.ok : STATUS.diverged;
  });
}

function commandsFor(
  path: string,
  guest: string | undefined,
  disks: readonly string[],
): Inquiry["commands"] {
  const of = `${quoted(path)}${guest === undefined ? "" : ` --guest ${guest}`}`;
  return {
    at: (cycle) => `hindsight debug ${of} --gdb 127.0.0.1:1234 --at ${cycle}`,
    event: (cycle) => `hindsight events ${of} --from ${cycle} --to ${cycle}`,
    without: (events, kept) =>
      [
        `hindsight what-if ${of}`,
        ...events.map((event) => `--without ${event}`),
        ...[...kept ?? []].map(([event, cycles]) => `--shorten ${event}=${cycles}`),
        ...disks.map((disk) => `--disk ${quoted(disk)}`),
      ].join(" "),
    verify: () => `hindsight verify ${of}`,
  };
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
