/**
 * Where the address came from over which an instruction trapped: its provenance as one way back, as
 * long as it is one way.
 */
import { disassemble } from "../core/isa/disassemble.ts";
import type { Value } from "../core/isa/effect.ts";
import { accesses } from "../core/isa/accesses.ts";
import { decode } from "../core/isa/decode.ts";
import { INSTRUCTIONS } from "../core/isa/isa.ts";
import type { Cursor } from "./cursor.ts";
import type { Names } from "./failures/witness.ts";
import { deviceOf } from "./log.ts";
import type { Arrived, InputEntry } from "./provenance/arrivals.ts";
import { instructionAt } from "./provenance/moment.ts";
import { type Origin, provenance, type Step } from "./provenance/provenance.ts";

/** One step back. */
export interface Link {
  readonly cycle: number;
  readonly what: string;
}

/** What a value is traced to. */
export type ValueOrigin =
  | { readonly kind: "instruction"; readonly cycle: number; readonly what: string }
  /** A device wrote it to memory; `event`: the input that it came in, where that is known. */
  | {
    readonly kind: "device";
    readonly cycle: number;
    readonly device: string;
    readonly event: string | undefined;
    readonly what: string;
    /** It is one of several values from which the address was computed. */
    readonly isOneOfSeveral: boolean;
  }
  /** Nobody wrote it: a pointer that was never set. */
  | { readonly kind: "initial" }
  | { readonly kind: "lost"; readonly why: string };

export interface Trace {
  /** The latest first. */
  readonly links: readonly Link[];
  readonly origin: ValueOrigin;
}

/** An instruction that trapped. */
export interface TrapSite {
  readonly hart: number;
  readonly pc: bigint;
  /** The trap was no later. */
  readonly before: number;
}

export interface TraceOptions {
  readonly entries: readonly InputEntry[];
  readonly names: Names;
  /** Gives up: what was found until then is returned. */
  readonly signal?: AbortSignal;
}

const STEPS = 24;
/** Other harts may have executed the same instruction meanwhile. */
const ARRIVALS_MAX = 8;

export async function traceValue(
  cursor: Cursor,
  { hart, pc, before }: TrapSite,
  { entries, names, signal }: TraceOptions,
): Promise<Trace> {
  await cursor.seek(before, signal);
  if (!await backTo(cursor, hart, pc, signal)) return lost("the trap was not found again");
  const { cycle } = cursor;
  const instruction = instructionAt(cursor, hart);
  const [access] = instruction ? accesses(instructionOf(instruction.word)).memory : [];
  const base = access && baseOf(access.address);
  if (!instruction || base === undefined) return lost("it traps by no address in a register");
  const name = `x${instruction.decoded[base]}`;
  const place = { kind: "register" as const, hart, name, offset: 0, sizeBytes: 8 };
  const trap = { cycle, what: `${at(names, pc)}: ${disassemble(instruction.word, pc)} traps` };
  const { steps } = await provenance(cursor, place, { entries, steps: STEPS, signal });
  const way = oneWay(steps);
  return {
    links: [trap, ...[...way, ...lastPiece(steps, way)].flatMap((step) => linkOf(step, names))],
    origin: originOf(steps, way, names),
  };
}

/** Stands before the last execution of an instruction by a hart. */
async function backTo(cursor: Cursor, hart: number, pc: bigint, signal?: AbortSignal) {
  const conditions = { breakpoints: new Set([pc]), watchpoints: [] };
  for (let arrivals = 0; arrivals < ARRIVALS_MAX; arrivals++) {
    const arrival = await cursor.reverseContinue(conditions, signal);
    if (arrival.reason !== "breakpoint") return false;
    if (arrival.hart === hart) return true;
  }
  return false;
}

function instructionOf(word: number) {
  return INSTRUCTIONS[decode(word)!.index];
}

/** The register of an address, alone or with an immediate. */
function baseOf(address: Value) {
  const register = address.op === "add" && address.b.op === "imm" ? address.a : address;
  return register.op === "x" ? register.field : undefined;
}

/** From the first step on, until a value was made of several. */
function oneWay(steps: readonly Step[]): Step[] {
  const way: Step[] = [];
  for (let step = steps.at(0); step && !way.includes(step);) {
    way.push(step);
    step = step.from.length === 1 ? steps[step.from[0]] : undefined;
  }
  return way;
}

/** Of a value that several have stored, a piece each: who did so last, and made it what it is. */
function lastPiece(steps: readonly Step[], way: readonly Step[]): Step[] {
  const last = way.at(-1);
  if (last?.origin.kind !== "copy" || last.from.length < 2) return [];
  const stored = last.from.map((index) => steps[index]).filter(({ place, origin }) =>
    place.kind === "memory" && "word" in origin
  );
  return stored.sort((a, b) => a.cycle! - b.cycle!).slice(-1);
}

function originOf(steps: readonly Step[], way: readonly Step[], names: Names): ValueOrigin {
  const last = way.at(-1);
  if (last === undefined) return { kind: "lost", why: "nothing of it was found in time" };
  const brought = deviceOrigin(last, false);
  if (brought) return brought;
  if (last.origin.kind === "reset") return { kind: "initial" };
  // What came from outside into a sum is named, though another part of it may be the wrong one.
  for (const step of last.from.length > 1 ? steps : []) {
    const part = deviceOrigin(step, true);
    if (part?.kind === "device" && part.event !== undefined) return part;
  }
  const maker = way.findLast((step) => step.cycle !== undefined && "word" in step.origin);
  if (maker?.cycle === undefined) return { kind: "lost", why: "who made it was not found" };
  // Who stored it is more to the point than what made it.
  const stored = lastPiece(steps, way).at(0) ??
    way.findLast(({ place }) => place.kind === "memory") ?? maker;
  const link = linkOf(stored, names).at(0) ?? linkOf(maker, names)[0];
  return { kind: "instruction", ...link };
}

function deviceOrigin({ cycle, origin }: Step, isOneOfSeveral: boolean): ValueOrigin | undefined {
  if (origin.kind === "device-register" && origin.arrived) {
    const { id, cycle } = origin.arrived;
    const what = arrivedText(origin.arrived);
    return { kind: "device", cycle, device: deviceOf(id), event: id, what, isOneOfSeveral };
  }
  if (cycle === undefined || origin.kind !== "input" && origin.kind !== "device") return undefined;
  const event = origin.kind === "input" ? origin.arrived.id : undefined;
  return {
    kind: "device",
    cycle,
    device: origin.device,
    event,
    what: broughtText(origin),
    isOneOfSeveral,
  };
}

function broughtText(origin: Extract<Origin, { kind: "input" | "device" }>): string {
  if (origin.kind === "device") return `${origin.device} wrote the faulting value`;
  return arrivedText(origin.arrived);
}

function arrivedText({ kind, byte, sector, sectorByte }: Arrived): string {
  const where = sector !== undefined
    ? `sector ${sector}, byte ${sectorByte}`
    : `${kind}${byte === undefined ? "" : `, byte ${byte}`}`;
  return `the faulting value came in: ${where}`;
}

function linkOf({ cycle, origin, place }: Step, names: Names): Link[] {
  if (cycle === undefined) return [];
  if (origin.kind === "input" || origin.kind === "device") {
    return [{ cycle, what: `${origin.device}: ${broughtText(origin)}` }];
  }
  if (!("word" in origin)) return [];
  const { pc, word } = origin;
  const did = place.kind === "memory"
    ? `stores it at 0x${place.address.toString(16)}`
    : `sets ${place.name}`;
  return [{ cycle, what: `${at(names, pc)}: ${disassemble(word, pc)} ${did}` }];
}

function at(names: Names, pc: bigint): string {
  const place = names.nearest(pc);
  return place ? `${place.name}+0x${place.offset.toString(16)}` : `0x${pc.toString(16)}`;
}

function lost(why: string): Trace {
  return { links: [], origin: { kind: "lost", why } };
}
