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
const MACHINE = 3n;

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
    for (const candidate of candidates) {
      const found = await firstIn(traveller, kind, candidate);
      if (found !== undefined) return found;
    }
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
    const start = traveller.course.checkpoints.atOrBefore(end - 1)?.cycle;
    if (start === undefined) return undefined;
    traveller.restore(start);
    const { candidates, reason } = await candidatesUntil(traveller, kind, end, signal);
    if (reason === "interrupted") return reason;
    for (const candidate of candidates.reverse()) {
      const found = await lastIn(traveller, kind, candidate);
      if (found !== undefined) return found;
    }
    end = start;
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
    traveller.onActed = ({ from, to, notRetired }) => {
      if (notRetired > 0) candidates.push({ from, to });
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
  candidate: Candidate,
): Promise<number | undefined> {
  if (kind === "console") return candidate.from;
  let { from } = candidate;
  while (await trapsIn(traveller, from, candidate.to)) {
    let to = candidate.to;
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if (await trapsIn(traveller, from, middle)) to = middle;
      else from = middle;
    }
    if (await isKind(traveller, kind, from)) return from;
    from++;
  }
  return undefined;
}

async function lastIn(
  traveller: Traveller,
  kind: Exclude<EventKind, "input">,
  candidate: Candidate,
): Promise<number | undefined> {
  if (kind === "console") return candidate.from;
  let { to } = candidate;
  while (await trapsIn(traveller, candidate.from, to)) {
    let { from } = candidate;
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if (await trapsIn(traveller, middle, to)) from = middle;
      else to = middle;
    }
    if (await isKind(traveller, kind, from)) return from;
    to = from;
  }
  return undefined;
}

// Whether a hart trapped or took an interrupt from one cycle to before another.
async function trapsIn(traveller: Traveller, from: number, to: number): Promise<boolean> {
  if (from >= to) return false;
  await traveller.seek(from);
  traveller.checkpoint();
  let traps = 0;
  await watching(traveller, to, ({ notRetired }) => traps += notRetired);
  return traps > 0;
}

// Interrupts have the highest bit of their cause set.
async function isKind(
  traveller: Traveller,
  kind: "interrupt" | "trap",
  cycle: number,
): Promise<boolean> {
  let hart = 0;
  await traveller.seek(cycle);
  await watching(traveller, cycle + 1, (acted) => hart = acted.hart);
  const { engine } = traveller.machine;
  const cause = engine.field(hart, "privilege") === MACHINE ? "mcause" : "scause";
  return (kind === "interrupt") === (engine.field(hart, cause) >> 63n === 1n);
}

async function watching(traveller: Traveller, to: number, seen: (acted: Acted) => void) {
  traveller.onActed = seen;
  await traveller.advance(to).finally(() => traveller.onActed = undefined);
}
