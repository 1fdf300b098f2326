/** Instruction words as text, in GNU syntax without pseudoinstructions. Derived from the descriptions. */
import { decode, findCompressed } from "./decode.ts";
import { type EncodedField, extract } from "./encoding.ts";
import { COMPRESSED_FORMS, type Form, FORMS, type OperandKind } from "./forms.ts";
import { CSR_NAMES, F_NAMES, ROUNDING_MODES, X_NAMES } from "./registers.ts";

/**
 * Writes the instruction at the front of a little-endian fetch as text.
 *
 * @param word 32 bits, of which a compressed instruction takes the low 16
 * @param pc its address; given one, branches and jumps show their target instead of an offset
 * @returns for an illegal instruction its bits as a directive, such as `.short 0x0000`
 *
 * @example
 * ```ts
 * import { disassemble } from "./disassemble.ts";
 * import { assertEquals } from "@std/assert";
 * assertEquals(disassemble(0x00c5a503), "lw a0,12(a1)");
 * ```
 */
export function disassemble(word: number, pc?: number | bigint): string {
  const decoded = decode(word);
  const half = word & 0xffff;
  if (decoded === undefined) {
    return (word & 3) === 3
      ? `.word 0x${(word >>> 0).toString(16).padStart(8, "0")}`
      : `.short 0x${half.toString(16).padStart(4, "0")}`;
  }
  const form = decoded.length === 4 ? FORMS[decoded.index] : COMPRESSED_FORMS[findCompressed(half)];
  return format(form, word, pc);
}

function format(form: Form, word: number, pc: number | bigint | undefined): string {
  const fields = new Map(form.encoding.fields.map((field) => [field.name, field]));
  const operands = form.operands
    .filter(({ name }) => !(name === "rm" && extract(fields.get(name)!, word) === 7)) // dynamic
    .map(({ name, kind }) => formatOperand(kind, extract(fields.get(name)!, word), pc));
  const text = form.mnemonic + ordering(fields, word);
  if (operands.length === 0) return text;
  // The syntax puts an address register in parentheses, as operand 1 or 2.
  let syntax = form.syntax.slice(form.mnemonic.length + 1).replaceAll(" ", "");
  if (form.syntax.endsWith(", rm") && operands.length < form.operands.length) {
    syntax = syntax.slice(0, -",rm".length);
  }
  let i = 0;
  return `${text} ${syntax.replace(/[a-z]+\d?/g, (name) => name === "sp" ? name : operands[i++])}`;
}

function ordering(fields: ReadonlyMap<string, EncodedField>, word: number): string {
  const aq = fields.get("aq");
  const rl = fields.get("rl");
  if (aq === undefined || rl === undefined) return "";
  return ["", ".rl", ".aq", ".aqrl"][extract(aq, word) * 2 + extract(rl, word)];
}

function formatOperand(kind: OperandKind, value: number, pc: number | bigint | undefined): string {
  switch (kind) {
    case "x":
      return X_NAMES[value];
    case "f":
      return F_NAMES[value];
    case "csr":
      return CSR_NAMES.get(value) ?? `0x${value.toString(16)}`;
    case "rounding":
      return ROUNDING_MODES[value] ?? String(value);
    case "order":
      return [..."iorw"].filter((_, i) => (value >> (3 - i) & 1) !== 0).join("") || "unknown";
    case "upper":
      return `0x${(value >>> 12).toString(16)}`;
    case "target":
      return pc === undefined
        ? String(value)
        : `0x${BigInt.asUintN(64, BigInt(pc) + BigInt(value)).toString(16)}`;
    case "immediate":
      return String(value);
  }
}
