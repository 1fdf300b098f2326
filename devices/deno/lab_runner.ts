/** Whoever runs a guest of a lab, on one of the lab's threads: a live machine, or one that replays. */
import type { Turn, TurnEnd } from "../network/lab_guest.ts";

export interface Runner {
  run(edge: number, turn: Turn): Promise<TurnEnd>;
  /** The lab goes no further. @param how what whoever runs the lab says of it; may be JSON */
  conclude?(how: unknown): void;
  /** What there is to tell the lab's own thread since the last call; may be JSON with byte arrays. */
  takeNotes?(): readonly unknown[];
  close(): void;
}

/** By the guest's number. */
export type Runners = ReadonlyMap<number, Runner>;

/** What a module exports from which threads have their runners, as `openRunners`. @param data may be cloned */
export type OpenRunners = (numbers: readonly number[], data: unknown) => Promise<Runners>;

/** Opens one after another; closes them all if one cannot be opened. */
export async function openAll(
  numbers: readonly number[],
  open: (number: number) => Promise<Runner>,
): Promise<Runners> {
  const runners = new Map<number, Runner>();
  try {
    for (const number of numbers) runners.set(number, await open(number));
    return runners;
  } catch (error) {
    closeAll(runners);
    throw error;
  }
}

export function closeAll(runners: Runners): void {
  for (const runner of runners.values()) runner.close();
}

export function concludeAll(runners: Runners, how: unknown): void {
  for (const runner of runners.values()) runner.conclude?.(how);
}

export function takeNotes(runners: Runners): readonly unknown[] {
  return [...runners.values()].flatMap((runner) => runner.takeNotes?.() ?? []);
}
