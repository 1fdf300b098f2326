/** Operands of assembly syntax, and what a compressed instruction gives for each of its expansion's. */
import type { Compressed, Instruction } from "./instruction.ts";

/** Where a field of the full instruction comes from: a field of the compressed one, or a constant. */
export type Source = { readonly field: string } | { readonly constant: number };

/** What a compressed instruction stands for. */
export interface Expansion {
  /** Into the list of full instructions. */
  readonly index: number;
  /** Sources by field of the full instruction. */
  readonly fields: ReadonlyMap<string, Source>;
}

/** The mnemonic of a syntax or of assembly text. */
export function mnemonicOf(text: string): string {
  return text.split(/\s/, 1)[0];
}

/** The operands of a syntax or of assembly text: `lw rd, imm(rs1)` gives `rd`, `imm`, `rs1`. */
export function operandsOf(text: string): string[] {
  return text.slice(mnemonicOf(text).length).split(/[,()\s]+/).filter((operand) => operand !== "");
}

/**
 * Finds the instruction that a compressed one expands to.
 * @throws SyntaxError if there is none or its operands do not fit
 */
export function expansionOf(short: Compressed, instructions: readonly Instruction[]): Expansion {
  const mnemonic = mnemonicOf(short.expands);
  const index = instructions.findIndex((full) => mnemonicOf(full.syntax) === mnemonic);
  const names = index < 0 ? [] : operandsOf(instructions[index].syntax);
  const operands = operandsOf(short.expands);
  if (index < 0 || names.length !== operands.length) {
    throw new SyntaxError(`Cannot expand "${short.syntax}" to "${short.expands}"`);
  }
  return { index, fields: new Map(names.map((name, i) => [name, sourceOf(operands[i])])) };
}

function sourceOf(operand: string): Source {
  const constant = operand.match(/^x?(\d+)$/);
  return constant === null ? { field: operand } : { constant: Number(constant[1]) };
}
