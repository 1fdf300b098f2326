/** Runs a lab: all its guests and the network between them, from reset to the end. */
import xxhash from "xxhash-wasm";
import { DIGEST_CYCLES } from "../core/machine.ts";
import { encodeState } from "../core/state.ts";
import { type GuestHooks, machineCrew, type RemoteHooks } from "../devices/deno/lab_machine.ts";
import { LabOutside } from "../devices/deno/lab_outside.ts";
import type { FabricEvent } from "../devices/network/events.ts";
import { Fabric } from "../devices/network/fabric.ts";
import { Lab, type LabStop } from "../devices/network/lab.ts";
import type { TurnEnd } from "../devices/network/lab_guest.ts";
import type { LabPlan } from "./lab_config.ts";
import { type EndingSignal, onEndingSignal } from "./signals.ts";

/** In a list of digests, the name of what connects the guests. */
export const NETWORK = "network";

export interface LabRun {
  readonly plan: LabPlan;
  /** How many threads run the guests. */
  readonly workers: number;
  /** What a guest has printed. */
  readonly onConsole: (guest: string, bytes: Uint8Array) => void;
  /** The digest of a guest, or of the network, at a multiple of 10 million cycles. */
  readonly onDigest?: (name: string, cycle: number, digest: string) => void;
  readonly onEvent?: (event: FabricEvent) => void;
  readonly untilCycle?: number;
  readonly endsOnSignals?: boolean;
  /** What writes the run down. */
  readonly record?: LabRecording;
}

/** What writes a lab's run down. */
export interface LabRecording {
  hooks(guest: number): GuestHooks;
  readonly remote: RemoteHooks;
  event(event: FabricEvent): void;
  /** A round is over: all that happened in the network before this cycle has been told. */
  reached(cycle: number): void;
  /** What the guests' hooks are told at the end. */
  conclusion(end: LabEnd): unknown;
  /** The guests have concluded. */
  finish(end: LabEnd): void;
}

export interface LabEnd {
  readonly stop: LabStop | { readonly reason: "signal"; readonly signal: EndingSignal };
  readonly cycle: number;
  /** Of each guest that has ended: how. */
  readonly ends: readonly (TurnEnd | undefined)[];
}

/**
 * @throws DiskFileError, ImageError for what cannot be attached or loaded
 * @throws NetworkError for a cable that leads nowhere
 */
export async function runLab(run: LabRun): Promise<LabEnd> {
  const { outside: cards = [] } = run.plan;
  const outside = cards.length === 0 ? undefined : await LabOutside.open(cards);
  try {
    return await runWith(run, outside);
  } finally {
    outside?.close();
  }
}

async function runWith(run: LabRun, outside: LabOutside | undefined): Promise<LabEnd> {
  const { plan, record, onConsole, onDigest } = run;
  const { h64Raw } = await xxhash();
  const hooks = record && ((guest: number) => record.hooks(guest));
  const crew = await machineCrew(plan.guests, run.workers, hooks, record?.remote);
  let signal: EndingSignal | undefined;
  const stopListening = run.endsOnSignals
    ? onEndingSignal((it) => {
      signal ??= it;
      outside?.unplug();
    })
    : () => {};
  const ends: (TurnEnd | undefined)[] = plan.guests.map(() => undefined);
  const fabric = new Fabric(plan.network, (event) => {
    record?.event(event);
    run.onEvent?.(event);
  });
  const names = [...plan.guests.map(({ name }) => name), NETWORK];
  const digests = new DigestOrder((owner, ...digest) => onDigest?.(names[owner], ...digest));
  const lab = new Lab({
    fabric,
    members: plan.members,
    crew,
    outside,
    meetEvery: DIGEST_CYCLES,
    onMeet: (cycle) => {
      const digest = () => h64Raw(encodeState(fabric.save())).toString(16).padStart(16, "0");
      if (onDigest) digests.add(plan.guests.length, cycle, digest());
    },
    onTurn: (end) => {
      const { name } = plan.guests[end.guest];
      for (const { bytes } of end.printed) onConsole(name, bytes);
      for (const { cycle, digest } of end.digests) digests.add(end.guest, cycle, digest);
      if (end.stop) ends[end.guest] = end;
    },
  });
  const isOver = () => {
    digests.settle();
    record?.reached(lab.cycle);
    return signal !== undefined || plan.until.every((guest) => ends[guest] !== undefined) ||
      ends.some((end) => end !== undefined && hasFailed(end));
  };
  try {
    const stop = await lab.run(run.untilCycle ?? Infinity, { isOver });
    digests.settle();
    const end: LabEnd = {
      stop: signal === undefined ? stop : { reason: "signal", signal },
      cycle: lab.cycle,
      ends,
    };
    if (record) await crew.conclude(record.conclusion(end));
    record?.finish(end);
    return end;
  } finally {
    stopListening();
    crew.close();
  }
}

/** Puts digests into the order of cycles, and then of guests with the network last. */
class DigestOrder {
  readonly #pending: [owner: number, cycle: number, digest: string][] = [];

  constructor(readonly pass: (owner: number, cycle: number, digest: string) => void) {}

  add(owner: number, cycle: number, digest: string): void {
    this.#pending.push([owner, cycle, digest]);
  }

  /** A round is over, so that all are as far as the last meeting. */
  settle(): void {
    if (this.#pending.length === 0) return;
    this.#pending.sort(([a, cycleA], [b, cycleB]) => cycleA - cycleB || a - b);
    for (const it of this.#pending.splice(0)) this.pass(...it);
  }
}

/** A guest that did not turn itself off in good order. */
export function hasFailed({ stop }: TurnEnd): boolean {
  return stop !== undefined && stop.power.action !== "poweroff";
}
