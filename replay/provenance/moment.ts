/** The instruction that a hart is about to execute, as a cursor sees it. */
import { decode, type Decoded } from "../../core/isa/decode.ts";
import type { Effect } from "../../core/isa/effect.ts";
import { INSTRUCTIONS } from "../../core/isa/isa.ts";
import type { Cursor } from "../cursor.ts";
import type { Moment } from "./evaluate.ts";

/** An instruction at the position of a cursor; it is read while the cursor stays there. */
export interface Instruction extends Moment {
  readonly hart: number;
  /** 32 bits, of which a compressed instruction takes the low 16. */
  readonly word: number;
  readonly effects: readonly Effect[];
}

/** `undefined` if nothing can be fetched there, or what is there is no instruction. */
export function instructionAt(cursor: Cursor, hart: number): Instruction | undefined {
  const pc = cursor.readRegister(hart, "pc");
  const low = halfwordAt(cursor, hart, pc);
  if (low === undefined) return undefined;
  const high = (low & 3) === 3 ? halfwordAt(cursor, hart, BigInt.asUintN(64, pc + 2n)) : 0;
  if (high === undefined) return undefined;
  const word = low | high << 16;
  const decoded: Decoded | undefined = decode(word);
  return decoded && {
    hart,
    pc,
    word,
    decoded,
    effects: INSTRUCTIONS[decoded.index].effects,
    x: (number) => cursor.readRegister(hart, `x${number}`),
    f: (number) => cursor.readRegister(hart, `f${number}`),
  };
}

/** The register that an instruction writes: `x10`, `f3`; `undefined` if it writes none. */
export function writtenRegister({ decoded, effects }: Instruction): string | undefined {
  for (const { op } of effects) {
    if (op === "setX" && decoded.rd !== 0) return `x${decoded.rd}`;
    if (op === "setF") return `f${decoded.rd}`;
  }
  return undefined;
}

function halfwordAt(cursor: Cursor, hart: number, address: bigint): number | undefined {
  const physical = cursor.translate(hart, address);
  const bytes = physical === undefined ? undefined : cursor.readMemory(physical, 2);
  return bytes && (bytes[0] | bytes[1] << 8);
}
