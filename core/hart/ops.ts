/**
 * The numbers of the interpreter's handlers.
 *
 * An instruction has one handler for each length that it comes in, so that the step to the next
 * record is a constant, and again one for each where its target lies in the same page.
 */
import type { Effect } from "../isa/effect.ts";
import { expansionOf } from "../isa/expansion.ts";
import { COMPRESSED, INSTRUCTIONS } from "../isa/isa.ts";

/** Records that no instruction has. */
export const OP_UNDECODED = 0;
export const OP_PAGE_END = 1;
export const OP_STRADDLE = 2;
export const OP_ILLEGAL = 3;
/** An instruction at whose page offset a breakpoint is set. */
export const OP_BREAK = 4;
export const OP_FIRST = 5;

/** What a handler is for. */
export interface Handler {
  /** Into INSTRUCTIONS. */
  readonly index: number;
  /** Bytes of the instruction. */
  readonly length: 2 | 4;
  /** The target is in the same page. */
  readonly near: boolean;
}

/** By instruction: whether it jumps to pc + imm, so that its target may be near. */
export const NEAR: readonly boolean[] = INSTRUCTIONS.map(({ effects }) =>
  effects.some(jumpsToPcPlusImm)
);

/** By instruction: whether its immediate is the upper 20 bits of a word. */
export const UPPER_IMM: readonly boolean[] = INSTRUCTIONS.map(({ encoding }) =>
  encoding.includes("imm[31:12]")
);

const compressible = new Set(COMPRESSED.map((short) => expansionOf(short, INSTRUCTIONS).index));

/** The handlers of instructions, in the order of their numbers. */
export const HANDLERS: readonly Handler[] = INSTRUCTIONS.flatMap((_, index) =>
  (compressible.has(index) ? [4, 2] as const : [4] as const).flatMap((length) =>
    (NEAR[index] ? [false, true] : [false]).map((near): Handler => ({ index, length, near }))
  )
);

const OPS = new Uint16Array(INSTRUCTIONS.length * 4);
HANDLERS.forEach(({ index, length, near }, i) => OPS[key(index, length, near)] = OP_FIRST + i);

/** The number of the handler of an instruction. */
export function opOf(index: number, length: 2 | 4, near: boolean): number {
  return OPS[key(index, length, near)];
}

function key(index: number, length: 2 | 4, near: boolean): number {
  return index * 4 + (length === 4 ? 2 : 0) + (near ? 1 : 0);
}

function jumpsToPcPlusImm(effect: Effect): boolean {
  return (effect.op === "jump" || effect.op === "branch") && effect.target.op === "add" &&
    effect.target.a.op === "pc" && effect.target.b.op === "imm";
}
