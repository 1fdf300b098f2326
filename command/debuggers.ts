/** Debuggers for a recording file: its timeline, its symbols, its inputs. */
import { isElf } from "../devices/boot/elf.ts";
import { Debugger } from "../debugger/debugger.ts";
import { eventLoopTurns } from "../debugger/deno/event_loop.ts";
import type { LabPlace } from "../debugger/lab.ts";
import { elfSymbols } from "../debugger/symbols/elf_symbols.ts";
import { type KernelFinding, KernelSymbols } from "../debugger/symbols/kernel_symbols.ts";
import { CombinedSymbols } from "../debugger/symbols/symbols.ts";
import { logBytes } from "../replay/held_bytes.ts";
import { Timeline } from "../replay/timeline.ts";
import { UsageError } from "./errors.ts";
import type { OpenRecording } from "./recording_file.ts";

/** For checkpoints, unless told otherwise. */
export const BUDGET_BYTES = 2 ** 30;

/** And the recording; and gdb, an HTTP client, and what that one reads at other cycles have a machine each. */
export function budgetFor(recording: OpenRecording, checkpointBytes = BUDGET_BYTES): number {
  return checkpointBytes + 4 * recording.config.memoryBytes + bytesOf(recording);
}

/** What a recording takes in memory. */
function bytesOf({ log, images }: OpenRecording): number {
  return images.reduce((sum, { bytes }) => sum + bytes.length, logBytes(log));
}

/** Makes debuggers over one timeline, each with a cursor of its own at the cycle that is asked for. */
export function debuggers(
  recording: OpenRecording,
  budgetBytes: number,
): (at: number, lab?: LabPlace) => Promise<Debugger> {
  const { path, log, config, images, build, stored } = recording;
  const timeline = new Timeline({
    log,
    budgetBytes,
    recordingBytes: bytesOf(recording),
    harts: config.harts,
    createMachine: (host) => build(host),
    stored,
    onDropped: (cycle, why) =>
      console.error(`hindsight: ${path}: the checkpoint at cycle ${cycle} is not used: ${why}`),
    turn: eventLoopTurns(),
  });
  const tables = images.filter(({ bytes }) => isElf(bytes)).map(({ bytes }) => elfSymbols(bytes));
  const finding: KernelFinding = {};
  return async (at: number, lab?: LabPlace) => {
    const cursor = await timeline.cursor(at);
    const symbols = new CombinedSymbols([...tables, new KernelSymbols(cursor, finding)]);
    return new Debugger({ cursor, symbols, events: log.entries, lab });
  };
}

/** A cycle as the command line has it. @throws UsageError if it is none of the recording's */
export function positionIn(text: string, end: number): number {
  if (text === "start") return 0;
  if (text === "end") return end;
  const cycle = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll("_", "")) : NaN;
  if (!(cycle <= end)) {
    throw new UsageError(`--at ${text}: a cycle from 0 to ${end}, start, or end`);
  }
  return cycle;
}
