/** Debuggers for the guests of a recorded lab, which share their time. */
import { eventLoopTurns } from "../debugger/deno/event_loop.ts";
import { type LabBranch, LabGuest, type LabPlace } from "../debugger/lab.ts";
import type { LabRecording } from "../replay/format/reader.ts";
import { describeEnd } from "../replay/log.ts";
import { openCompiler } from "./compiler.ts";
import { BUDGET_BYTES, budgetFor, debuggers } from "./debuggers.ts";
import { branchLab } from "./lab_branch.ts";
import { openLab } from "./recorded_lab.ts";
import { sentFrames } from "./sent_frames.ts";

export interface LabClientsOptions {
  /** Where clients begin; a guest that ended before, at its end. */
  readonly at: number;
  /** For all of them together. */
  readonly budgetBytes?: number;
}

/** @returns what makes the guests for a face; what its clients agree on is nothing to other faces */
export async function labClients(
  path: string,
  recorded: LabRecording,
  { at, budgetBytes }: LabClientsOptions,
): Promise<() => readonly LabGuest[]> {
  const { guests } = await openLab(path, recorded);
  const part = (budgetBytes ?? BUDGET_BYTES) / guests.length;
  const opens = guests.map((guest) =>
    debuggers(guest, budgetBytes === undefined ? budgetFor(guest, part) : part)
  );
  const sentAt = sentFrames(path, recorded);
  const change: LabPlace["change"] = (changes, signal) => branchOf(path, recorded, changes, signal);
  return () => {
    const all: LabGuest[] = guests.map(({ name, log }, index) =>
      new LabGuest(
        name,
        log.endCycle,
        describeEnd(log.end),
        at,
        (at) => opens[index](at, { name, guests: all, sentAt, change }),
      )
    );
    return all;
  };
}

/** Runs on machines of its own, as quickly as a replay does. */
async function branchOf(
  path: string,
  recorded: LabRecording,
  ...[changes, signal]: Parameters<LabPlace["change"]>
): Promise<LabBranch> {
  const compiler = openCompiler();
  try {
    const lab = await openLab(path, recorded, { compiler: (shape) => compiler.open(shape) });
    return await branchLab(lab, changes, { turn: eventLoopTurns(), signal });
  } finally {
    compiler.close();
  }
}
