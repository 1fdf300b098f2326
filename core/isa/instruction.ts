/** One instruction: its assembly syntax, its encoding and its effects. */
import type { Effect } from "./effect.ts";

/**
 * @property syntax mnemonic and operands as the assembler writes them, e.g. `lw rd, imm(rs1)`
 * @property encoding from bit 31 (or 15) to bit 0: bits, and fields with the bits they hold, e.g.
 *   `imm[11:5] rs2 rs1 010 imm[4:0] 0100011`
 * @property effects what it does, in order
 */
export interface Instruction {
  readonly syntax: string;
  readonly encoding: string;
  readonly effects: readonly Effect[];
}

/** Describes an instruction. */
export function instruction(syntax: string, encoding: string, ...effects: Effect[]): Instruction {
  return { syntax, encoding, effects };
}

/**
 * A compressed instruction: its own encoding, and the instruction that it stands for.
 *
 * @property expands the full instruction, with the fields that the encoding does not give, e.g.
 *   `addi rd, rd, imm` or `jalr x1, 0(rs1)`
 */
export interface Compressed {
  readonly syntax: string;
  readonly encoding: string;
  readonly expands: string;
}

/** Describes a compressed instruction. */
export function compressed(syntax: string, encoding: string, expands: string): Compressed {
  return { syntax, encoding, expands };
}
