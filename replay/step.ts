/** One step of one hart, forward or backward, over whatever the others do and however long it waits. */
import type { Acted } from "./trail.ts";
import type { Traveller } from "./traveller.ts";

/** Cycles looked through after the first one; each time nothing is found, eight times as many. */
const SPAN_CYCLES = 512;
/** Checkpoints left in the interval in which somebody steps backward. */
const PARTS = 16;
/** Nearer and nearer to the position, each this many times closer than the one before. */
const CLOSER = 4;
/** A run of so few cycles needs no checkpoint. */
const DISTANCE_CYCLES_MIN = 4096;

/** Goes to just after the next cycle in which a hart acts. */
export async function stepForward(
  traveller: Traveller,
  hart: number,
  signal?: AbortSignal,
): Promise<"acted" | "end" | "interrupted"> {
  let first: number | undefined;
  traveller.onActed = (acted: Acted) => {
    if (acted.hart === hart) first ??= acted.from;
  };
  try {
    for (let span = 1;; span = span === 1 ? SPAN_CYCLES : Math.min(span * 8, traveller.spacing)) {
      const { end } = traveller.course;
      if (traveller.cycle >= end) return "end";
      // A run that goes too far must be able to come back.
      if (span > 1) traveller.checkpoint();
      const { reason } = await traveller.advance(Math.min(traveller.cycle + span, end), signal);
      if (first !== undefined) {
        await traveller.seek(first + 1);
        return "acted";
      }
      if (reason === "interrupted") return "interrupted";
      if (reason === "power" || reason === "stuck") return "end";
      await traveller.turn();
    }
  } finally {
    traveller.onActed = undefined;
  }
}

/** Goes to just before the greatest earlier cycle in which a hart acted, and leaves checkpoints for the steps that are likely to follow. */
export async function stepBackward(
  traveller: Traveller,
  hart: number,
  signal?: AbortSignal,
): Promise<"acted" | "start" | "interrupted"> {
  const cycle = await lastActed(traveller, hart, signal);
  if (cycle === "interrupted") return cycle;
  if (cycle === undefined) return "start";
  const from = traveller.course.checkpoints.atOrBefore(cycle)!.cycle;
  const stops = stopsBetween(from, cycle);
  if (stops.length > 0) {
    traveller.restore(from);
    for (const stop of stops) {
      if (!await traveller.seek(stop, signal)) return "interrupted";
      traveller.checkpoint();
    }
  }
  return await traveller.seek(cycle, signal) ? "acted" : "interrupted";
}

async function lastActed(
  traveller: Traveller,
  hart: number,
  signal?: AbortSignal,
): Promise<number | "interrupted" | undefined> {
  const before = traveller.cycle;
  for (let trail = traveller.trail;; trail = traveller.trail) {
    const found = trail.lastBefore(hart, before);
    if (found !== undefined) return found;
    // Not in the interval that the trail covers: look at the one before it.
    const end = trail.from;
    const checkpoint = traveller.nearest(end - 1);
    if (!checkpoint) return undefined;
    traveller.restore(checkpoint.cycle);
    // Not by a checkpoint at its end, which would leave a gap in the trail.
    const { reason } = await traveller.advance(end, signal);
    if (reason === "interrupted") return reason;
    traveller.trail.append(trail);
    await traveller.turn();
  }
}

// Evenly over the interval, then ever nearer to its end.
function stopsBetween(start: number, end: number): number[] {
  const part = Math.ceil((end - start) / PARTS);
  const stops: number[] = [];
  if (part < DISTANCE_CYCLES_MIN) return stops;
  for (let stop = start + part; stop < end; stop += part) stops.push(stop);
  for (let distance = part / CLOSER; distance >= DISTANCE_CYCLES_MIN; distance /= CLOSER) {
    const stop = Math.floor(end - distance);
    if (stop > (stops.at(-1) ?? start)) stops.push(stop);
  }
  return stops;
}
