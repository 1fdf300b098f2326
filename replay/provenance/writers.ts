/** Who wrote to a place last. The cursor is left before the cycle of the write. */
import type { WatchHit } from "../../core/machine.ts";
import type { Cursor } from "../cursor.ts";
import { instructionAt, writtenRegister } from "./moment.ts";
import type { MemoryPlace, RegisterPlace } from "./place.ts";

/** Positions looked at for the writer of a register: at first so many, then ever more. */
const SPAN_FIRST = 32;
const SPAN_FACTOR = 8;

export type MemoryWriter =
  | { readonly found: "write"; readonly cycle: number; readonly hits: readonly WatchHit[] }
  /** Nobody since reset. */
  | { readonly found: "none" }
  | { readonly found: "interrupted" };

/** The last write before a cycle to any byte of a range. */
export async function lastMemoryWriter(
  cursor: Cursor,
  { address, sizeBytes }: MemoryPlace,
  before: number,
  signal?: AbortSignal,
): Promise<MemoryWriter> {
  if (!await cursor.seek(before, signal)) return { found: "interrupted" };
  const watchpoints = [{ address, sizeBytes, kind: "write" }] as const;
  const arrival = await cursor.reverseContinue({ breakpoints: new Set(), watchpoints }, signal);
  if (arrival.reason === "interrupted") return { found: "interrupted" };
  return arrival.reason === "watchpoint"
    ? { found: "write", cycle: cursor.cycle, hits: arrival.hits }
    : { found: "none" };
}

export type RegisterWriter =
  | { readonly found: "write"; readonly cycle: number }
  /** Not since reset. */
  | { readonly found: "none" }
  /** Not in the cycles that were looked at. */
  | { readonly found: "cut"; readonly cycles: number }
  | { readonly found: "interrupted" };

/** The last instruction before a cycle that wrote a register, whatever it wrote. */
export async function lastRegisterWriter(
  cursor: Cursor,
  { hart, name }: RegisterPlace,
  before: number,
  spanMax: number,
  signal?: AbortSignal,
): Promise<RegisterWriter> {
  let end = before;
  for (let span = SPAN_FIRST;; span *= SPAN_FACTOR) {
    const start = Math.max(cursor.start, before - Math.min(span, spanMax));
    const found = await lastWriteIn(cursor, hart, name, start, end, signal);
    if (found === "interrupted") return { found };
    if (found !== undefined) {
      return await cursor.seek(found, signal)
        ? { found: "write", cycle: found }
        : { found: "interrupted" };
    }
    if (start === cursor.start) return { found: "none" };
    if (span >= spanMax) return { found: "cut", cycles: before - start };
    end = start;
  }
}

async function lastWriteIn(
  cursor: Cursor,
  hart: number,
  name: string,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<number | "interrupted" | undefined> {
  let last: number | undefined;
  if (!await cursor.seek(start, signal)) return "interrupted";
  while (cursor.cycle < end) {
    const instruction = instructionAt(cursor, hart);
    const next = instruction &&
      BigInt.asUintN(64, instruction.pc + BigInt(instruction.decoded.length));
    const writes = instruction !== undefined && writtenRegister(instruction) === name;
    const arrival = await cursor.step(hart, signal);
    if (arrival.reason === "interrupted") return "interrupted";
    if (arrival.reason !== "step" || cursor.cycle > end) break;
    // Unless it trapped, or an interrupt was taken in its place.
    const goesOn = cursor.readRegister(hart, "pc") === next;
    const jumps = instruction?.effects.some(({ op }) => op === "jump") &&
      cursor.readRegister(hart, name) === next;
    if (writes && (goesOn || jumps)) last = cursor.cycle - 1;
  }
  return last;
}
