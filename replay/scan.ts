/** Looks for stops, forward from here or backward over checkpoint intervals. */
import type { WatchHit } from "../core/machine.ts";
import type { StopConditions } from "./cursor.ts";
import type { Traveller } from "./traveller.ts";

/** A stop. `cycle`: a breakpoint's instruction, or the access, happens in it. */
export type Hit =
  | { readonly reason: "breakpoint"; readonly cycle: number; readonly hart: number }
  | { readonly reason: "watchpoint"; readonly cycle: number; readonly hits: readonly WatchHit[] };

/** More stops than this in one interval: look at it in parts. */
const HITS_MAX = 64;
const PARTS = 16;
/** Cycles below which all stops are looked at. */
const PART_CYCLES_MIN = 4096;

/** The first stop at or after the traveller's cycle, `atOnce` or not, and before the end; it is left wherever it is. */
export async function firstHit(
  traveller: Traveller,
  conditions: StopConditions,
  end: number,
  signal?: AbortSignal,
  atOnce = false,
): Promise<Hit | "interrupted" | undefined> {
  traveller.arm(conditions);
  try {
    return await nextHit(traveller, end, signal, atOnce);
  } finally {
    traveller.disarm();
  }
}

async function nextHit(
  traveller: Traveller,
  end: number,
  signal: AbortSignal | undefined,
  atOnce: boolean,
): Promise<Hit | "interrupted" | undefined> {
  const stop = await traveller.advance(end, signal, atOnce);
  if (stop.reason === "interrupted") return "interrupted";
  if (stop.reason === "breakpoint") {
    return { reason: "breakpoint", cycle: traveller.cycle, hart: stop.hart };
  }
  // The machine stands after the accessing cycle.
  return stop.reason === "watchpoint"
    ? { reason: "watchpoint", cycle: traveller.cycle - 1, hits: stop.hits }
    : undefined;
}

/** The last stop before a cycle, and not before another one. */
export async function lastHit(
  traveller: Traveller,
  conditions: StopConditions,
  before: number,
  signal?: AbortSignal,
  notBefore = 0,
): Promise<Hit | "interrupted" | undefined> {
  for (let end = before;;) {
    const checkpoint = end > notBefore ? traveller.nearest(end - 1) : undefined;
    if (!checkpoint) return undefined;
    const hit = await lastIn(traveller, conditions, checkpoint.cycle, end, signal);
    if (hit) return hit === "interrupted" || hit.cycle >= notBefore ? hit : undefined;
    end = checkpoint.cycle;
    // Stretches between checkpoints are too short to let the event loop turn by themselves.
    await traveller.turn();
    if (signal?.aborted) return "interrupted";
  }
}

// From a cycle with a checkpoint.
async function lastIn(
  traveller: Traveller,
  conditions: StopConditions,
  from: number,
  end: number,
  signal?: AbortSignal,
): Promise<Hit | "interrupted" | undefined> {
  traveller.restore(from);
  const hitsMax = end - from > PART_CYCLES_MIN ? HITS_MAX : Infinity;
  traveller.arm(conditions);
  const found = await traveller.sparsely(() => lastOnTheWay(traveller, end, hitsMax, signal))
    .finally(() => traveller.disarm());
  if (found !== "many") return found;
  // A part with a stop is looked at more closely; the others cost no more than the run through them.
  traveller.restore(from);
  const part = Math.ceil((end - from) / PARTS);
  let last: number | undefined;
  for (let start = from; start < end; start += part) {
    if (!await traveller.seek(start, signal)) return "interrupted";
    traveller.checkpoint();
    const hit = await firstHit(traveller, conditions, Math.min(start + part, end), signal, true);
    if (hit === "interrupted") return hit;
    if (hit) last = start;
    await traveller.turn();
  }
  return lastIn(traveller, conditions, last!, Math.min(last! + part, end), signal);
}

async function lastOnTheWay(
  traveller: Traveller,
  end: number,
  hitsMax: number,
  signal?: AbortSignal,
): Promise<Hit | "interrupted" | "many" | undefined> {
  let last: Hit | undefined;
  for (let hits = 0;; hits++) {
    // After an access, the next instruction has not had its chance yet.
    const atOnce = last === undefined || last.reason === "watchpoint";
    const hit = await nextHit(traveller, end, signal, atOnce);
    if (hit === "interrupted" || hit === undefined) return hit ?? last;
    if (hits >= hitsMax) return "many";
    last = hit;
    await traveller.turn();
  }
}
