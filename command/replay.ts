/** `hindsight replay`: prints a recording's console again, then the final cycle and digest. */
import { printLine, writeOutput } from "../devices/deno/terminal.ts";
import { replay as replayLog } from "../replay/replayer.ts";
import { HostError, STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags } from "./flags.ts";
import { JIT_FLAG } from "./machine_config.ts";
import { withProgress } from "./progress.ts";
import { PrefixedLines } from "./prefixed_lines.ts";
import { openToReplay } from "./open_to_replay.ts";
import type { OpenLab } from "./recorded_lab.ts";
import { GUEST_FLAG, onlyFile, type OpenRecording } from "./recording_file.ts";
import { reachOf, replayLab } from "./replay_lab.ts";

export const REPLAY_FLAGS: readonly Flag[] = [
  { name: "until", value: "CYCLE", summary: "stop there" },
  GUEST_FLAG,
  JIT_FLAG,
];

/** @returns the exit status @throws HostError after replaying what is whole of a damaged file */
export async function replay(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, REPLAY_FLAGS);
  const path = onlyFile("replay", flags.positional);
  const until = cycleFlag(flags, "until");
  const { lab, machine } = await openToReplay(path, flags);
  return lab ? await replayAll(lab, until) : await replayOne(machine, until);
}

/** A lab: its guests together, with their names before what they print. */
async function replayAll(lab: OpenLab, until = reachOf(lab)): Promise<number> {
  const reach = reachOf(lab);
  requireWithin(until, reach);
  const lines = new PrefixedLines(writeOutput);
  const { guests, cycle } = await withProgress(
    "replaying",
    until,
    !Deno.stdout.isTerminal(),
    (onProgress) =>
      replayLab(lab, {
        until,
        onProgress,
        onPrinted: (guest, printed) => {
          for (const { bytes } of printed) lines.add(guest, bytes);
        },
      }),
  );
  lines.finish();
  for (const [number, { cycle, digest }] of guests.entries()) {
    printLine(`${lab.guests[number].name} cycle ${cycle} digest ${digest}`);
  }
  if (lab.damage !== undefined && cycle === reach) {
    throw new HostError(`${lab.path}: ${lab.damage}`);
  }
  return STATUS.ok;
}

function requireWithin(until: number, endCycle: number): void {
  if (until <= endCycle) return;
  throw new UsageError(`--until ${until}: the recording ends at cycle ${endCycle}`);
}

async function replayOne(recording: OpenRecording, until?: number): Promise<number> {
  const { path, log, build, damage } = recording;
  requireWithin(until ?? 0, log.endCycle);
  const printed = new Lines();
  // On a terminal the console itself shows how far it is.
  const isAside = !Deno.stdout.isTerminal();
  const { cycle, digest } = await withProgress(
    "replaying",
    until ?? log.endCycle,
    isAside,
    (reached) =>
      replayLog(log, build, {
        until,
        onOutput: (_cycle, _device, output) => {
          if (output.kind === "console") printed.write(output.bytes);
        },
        onProgress: (cycle) => {
          printed.flush();
          reached(cycle);
        },
      }),
  );
  printed.flush();
  if (!printed.isAtLineStart) printLine();
  printLine(`cycle ${cycle} digest ${digest}`);
  if (damage !== undefined && cycle === log.endCycle) throw new HostError(`${path}: ${damage}`);
  return STATUS.ok;
}

/** Gathers console bytes, which come one by one. */
class Lines {
  #pieces: Uint8Array[] = [];
  isAtLineStart = true;

  write(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    if (bytes.length > 0) this.isAtLineStart = bytes.at(-1) === 10;
    if (this.#pieces.length >= 4096) this.flush();
  }

  /** @throws OutputError if standard output is gone */
  flush(): void {
    const all = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#pieces.splice(0)) {
      all.set(piece, at);
      at += piece.length;
    }
    writeOutput(all);
  }
}
