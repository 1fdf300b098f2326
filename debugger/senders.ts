/** Goes on in the guest that sent a frame, where a value was followed to a byte of it. */
import type { MemoryPlace } from "../replay/provenance/place.ts";
import { type Provenance, provenance, type Step } from "../replay/provenance/provenance.ts";
import { sentPlaces } from "../replay/provenance/sent_frame.ts";
import type { Debugger } from "./debugger.ts";
import type { LabGuest } from "./lab.ts";

/** Frames that are answers to frames that are answers. */
const DEPTH_MAX = 8;

export interface SendersOptions {
  /** For each guest, at most. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
}

/** A value in the memory of a guest as it sent it, and where that came from. */
export interface Sender {
  readonly guest: string;
  /** The frame's id. */
  readonly frame: string;
  /** Before it was sent. */
  readonly cycle: number;
  /** Of its guest, at the end of the way back; describes what its steps name. */
  readonly debug: Debugger;
  readonly found: Provenance;
  readonly senders: readonly Sender[];
}

/**
 * Those who sent what a way back ends in, each frame's byte once; their cursors are to be closed
 * with {@link closeAll}.
 */
export async function sendersOf(
  debug: Debugger,
  { steps }: Provenance,
  options: SendersOptions,
  depth = 0,
): Promise<Sender[]> {
  const senders: Sender[] = [];
  if (debug.lab === undefined || depth === DEPTH_MAX) return senders;
  const known = new Set<string>();
  for (const step of steps) {
    const { frame, byte } = sentByte(step) ?? {};
    if (frame === undefined || known.has(`${frame} ${byte}`) || options.signal?.aborted) continue;
    known.add(`${frame} ${byte}`);
    senders.push(...await follow(debug, step, frame, byte!, options, depth));
  }
  return senders;
}

export function closeAll(senders: readonly Sender[]): void {
  for (const { debug, senders: others } of senders) {
    debug.cursor.close();
    closeAll(others);
  }
}

/** The byte of a guest's frame in which a way back ends. */
function sentByte({ origin }: Step): { frame: string; byte: number } | undefined {
  if (origin.kind !== "input") return undefined;
  const { sent, byte } = origin.arrived;
  return sent === undefined || byte === undefined ? undefined : { frame: sent, byte };
}

async function follow(
  debug: Debugger,
  { place: { sizeBytes } }: Step,
  frame: string,
  byte: number,
  options: SendersOptions,
  depth: number,
): Promise<Sender[]> {
  const { guests, sentAt } = debug.lab!;
  const { labBranch } = debug;
  const cycleOf = (id: string) => labBranch?.sentAt.get(id) ?? sentAt(id);
  const [, name, device, n] = /^(.*)\/(.*)>(\d+)$/.exec(frame)!;
  const guest: LabGuest | undefined = guests.find((it) => it.name === name);
  const cycle = await cycleOf(frame);
  if (guest === undefined || cycle === undefined) return [];
  let before = 0; // frames that left in the same cycle
  while (await cycleOf(`${name}/${device}>${Number(n) - before - 1}`) === cycle) before++;
  const sender = await guest.aside(cycle, labBranch);
  const places = sentPlaces(sender.cursor, device, before, { offset: byte, sizeBytes });
  const senders: Sender[] = [];
  for (const place of places ?? []) {
    senders.push(await one(sender, place, { guest: name, frame, cycle }, options, depth));
  }
  if (senders.length === 0) sender.cursor.close();
  return senders;
}

async function one(
  debug: Debugger,
  place: MemoryPlace,
  sent: Pick<Sender, "guest" | "frame" | "cycle">,
  { steps, signal }: SendersOptions,
  depth: number,
): Promise<Sender> {
  const entries = debug.events ?? [];
  const found = await provenance(debug.cursor, place, { entries, steps, signal });
  const senders = await sendersOf(debug, found, { steps, signal }, depth + 1);
  return { ...sent, debug, found, senders };
}
