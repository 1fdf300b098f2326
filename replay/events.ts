/** Finds the nearest event of a kind, by replaying and watching. */
import type { Output } from "../core/host.ts";
import type { EventKind } from "./cursor.ts";
import type { LogEntry } from "./log.ts";
import type { Acted } from "./trail.ts";
import type { Traveller } from "./traveller.ts";

/** Some event is among these cycles: exactly one cycle, or a stretch to be searched. */
interface Candidate {
  readonly from: number;
  /** The cycle after the last one. */
  readonly to: number;
}

const LINE_FEED = 10;

/**
 * The nearest cycle, other than the traveller's own, in which such an event happens; the traveller
 * is left wherever it is.
 * @param entries what came in, by cycle
 */
export async function nextEvent(
  traveller: Traveller,
  entries: readonly LogEntry[],
  kind: EventKind,
  direction: "next" | "previous",
  signal?: AbortSignal,
): Promise<number | "interrupted" | undefined> {
  const here = traveller.cycle;
  if (kind === "input") {
    return direction === "next"
      ? entries.find(({ cycle }) => cycle > here)?.cycle
      : entries.findLast(({ cycle }) => cycle < here)?.cycle;
  }
  return direction === "next"
    ? await after(traveller, kind, here, signal)
    : await before(traveller, kind, here, signal);
}

async function after(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  here: number,
  signal?: AbortSignal,
): Promise<number | "interrupted" | undefined> {
  for (let from = here + 1; from < traveller.course.end;) {
    if (!await traveller.seek(from, signal)) return "interrupted";
    traveller.checkpoint();
    const end = Math.min(from + traveller.spacing, traveller.course.end);
    const { candidates, reason } = await candidatesUntil(traveller, kind, end, signal);
    if (reason === "interrupted") return reason;
    if (candidates.length > 0) return await firstIn(traveller, kind, candidates[0]);
    if (reason === "power" || reason === "stuck") return undefined;
    from = end;
  }
  return undefined;
}

async function before(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  here: number,
  signal?: AbortSignal,
): Promise<number | "interrupted" | undefined> {
  for (let end = here;;) {
    const start = traveller.nearest(end - 1)?.cycle;
    if (start === undefined) return undefined;
    traveller.restore(start);
    const { candidates, reason } = await candidatesUntil(traveller, kind, end, signal);
    if (reason === "interrupted") return reason;
    if (candidates.length > 0) return await lastIn(traveller, kind, candidates.at(-1)!);
    end = start;
    await traveller.turn();
  }
}

async function candidatesUntil(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  end: number,
  signal?: AbortSignal,
) {
  const candidates: Candidate[] = [];
  if (kind === "console") {
    traveller.seam.onOutput = (cycle, _device, output) => {
      if (endsLine(output)) candidates.push({ from: cycle, to: cycle + 1 });
    };
  } else {
    traveller.onActed = (acted) => {
      if (countOf(acted, kind) > 0) candidates.push(acted);
    };
  }
  try {
    const { reason } = await traveller.advance(end, signal);
    return { candidates, reason };
  } finally {
    traveller.seam.onOutput = undefined;
    traveller.onActed = undefined;
  }
}

function endsLine(output: Output): boolean {
  return output.kind === "console" && output.bytes.includes(LINE_FEED);
}

async function firstIn(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  { from, to }: Candidate,
): Promise<number> {
  if (kind === "console") return from;
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (await happens(traveller, kind, from, middle)) to = middle;
    else from = middle;
  }
  return from;
}

async function lastIn(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  { from, to }: Candidate,
): Promise<number> {
  if (kind === "console") return from;
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (await happens(traveller, kind, middle, to)) from = middle;
    else to = middle;
  }
  return from;
}

// Whether a hart trapped, or took an interrupt, from one cycle to before another.
async function happens(
  traveller: Traveller,
  kind: "interrupt" | "trap",
  from: number,
  to: number,
): Promise<boolean> {
  await traveller.seek(from);
  traveller.checkpoint();
  let count = 0;
  traveller.onActed = (acted) => count += countOf(acted, kind);
  await traveller.advance(to).finally(() => traveller.onActed = undefined);
  return count > 0;
}

function countOf({ traps, interrupts }: Acted, kind: "interrupt" | "trap"): number {
  return kind === "trap" ? traps : interrupts;
}
