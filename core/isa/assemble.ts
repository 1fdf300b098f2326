/** An assembler for single instructions, in the syntax of the descriptions. Derived from them. */
import { insert } from "./encoding.ts";
import { mnemonicOf, operandsOf } from "./expansion.ts";
import { type Form, FORMS_BY_MNEMONIC, type OperandKind } from "./forms.ts";
import { CSR_NUMBERS, F_NAMES, ROUNDING_MODES, X_NAMES } from "./registers.ts";

/** Values of an encoding's fields by name: `rd`, `rs1`, `imm`, `csr`, `rm`, `aq`, …; absent ones are 0. */
export interface Fields {
  readonly [field: string]: number;
}

/** What fields hold that the text does not name. */
const DEFAULTS: Fields = { rm: 7, pred: 15, succ: 15 };

/**
 * Encodes an instruction.
 *
 * @param mnemonic without ordering suffix: `amoadd.w` with `aq`, `rl` as fields
 * @returns the word, unsigned; of a compressed instruction 16 bits
 * @throws SyntaxError if there is no such instruction; RangeError if a field cannot hold its value
 *
 * @example
 * ```ts
 * import { encode } from "./assemble.ts";
 * import { assertEquals } from "@std/assert";
 * assertEquals(encode("addi", { rd: 10, rs1: 10, imm: -1 }), 0xfff50513);
 * ```
 */
export function encode(mnemonic: string, fields: Fields): number {
  return encodeForm(formOf(mnemonic), fields);
}

/**
 * Assembles one instruction.
 *
 * @param text such as `lw a0, 12(sp)`, `fadd.s ft0, ft1, ft2, rtz`, `amoadd.w.aq a0, a1, (a2)`;
 *   registers by ABI or plain name, no pseudoinstructions
 * @param pc its address; given one, branches and jumps name their target instead of an offset
 * @returns the word, unsigned; of a compressed instruction 16 bits
 * @throws SyntaxError, RangeError as {@link encode}
 */
export function assemble(text: string, pc?: number | bigint): number {
  const [, mnemonic, ordering = ""] = mnemonicOf(text).match(/^(.*?)(\.aq|\.rl|\.aqrl)?$/)!;
  const form = formOf(mnemonic);
  const operands = withoutStackPointer(form, operandsOf(text));
  const optional = form.operands.filter(({ name }) => name in DEFAULTS).length;
  const missing = form.operands.length - operands.length;
  if (missing < 0 || missing > optional) {
    throw new SyntaxError(`Cannot assemble "${text}": it should look like "${form.syntax}"`);
  }
  const fields: { [field: string]: number } = {};
  for (const { name } of form.operands) fields[name] = DEFAULTS[name] ?? 0;
  operands.forEach((operand, i) => {
    const { name, kind } = form.operands[i];
    fields[name] = parseOperand(kind, operand, pc, text);
  });
  if (ordering.includes("aq")) fields.aq = 1;
  if (ordering.includes("rl")) fields.rl = 1;
  return encodeForm(form, fields);
}

function formOf(mnemonic: string): Form {
  const form = FORMS_BY_MNEMONIC.get(mnemonic);
  if (form === undefined) throw new SyntaxError(`There is no instruction "${mnemonic}"`);
  return form;
}

function encodeForm(form: Form, fields: Fields): number {
  let word = form.encoding.match;
  for (const field of form.encoding.fields) word |= insert(field, fields[field.name] ?? 0);
  for (const name in fields) {
    if (!form.encoding.fields.some((field) => field.name === name)) {
      throw new RangeError(`"${form.syntax}" has no field ${name}`);
    }
  }
  return word >>> 0;
}

/** Drops the `sp` that the syntax writes out, as in `c.lwsp rd, imm(sp)`: it is no field. */
function withoutStackPointer(form: Form, operands: readonly string[]): readonly string[] {
  const fixed = operandsOf(form.syntax).indexOf("sp");
  return fixed >= 0 && operands[fixed] === "sp" ? operands.filter((_, i) => i !== fixed) : operands;
}

function parseOperand(
  kind: OperandKind,
  operand: string,
  pc: number | bigint | undefined,
  text: string,
): number {
  switch (kind) {
    case "x":
      return register(operand, "x", X_NAMES, text);
    case "f":
      return register(operand, "f", F_NAMES, text);
    case "csr":
      return CSR_NUMBERS.get(operand) ?? number(operand, text);
    case "rounding":
      return required(ROUNDING_MODES.indexOf(operand), operand, text);
    case "order":
      return [..."iorw"].reduce((set, c, i) => operand.includes(c) ? set | 8 >> i : set, 0);
    case "upper":
      return number(operand, text) << 12;
    case "target":
      return pc === undefined
        ? number(operand, text)
        : Number(BigInt.asIntN(64, address(operand, text) - BigInt(pc)));
    case "immediate":
      return number(operand, text);
  }
}

function register(operand: string, prefix: string, names: readonly string[], text: string): number {
  if (operand === "fp" && prefix === "x") return 8;
  const plain = new RegExp(`^${prefix}([12]?\\d|3[01])$`).exec(operand);
  return plain === null ? required(names.indexOf(operand), operand, text) : Number(plain[1]);
}

function number(operand: string, text: string): number {
  const negative = operand.startsWith("-");
  const digits = negative ? operand.slice(1) : operand;
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(digits) ? Number(digits) : -1;
  return required(value, operand, text) * (negative ? -1 : 1);
}

function address(operand: string, text: string): bigint {
  required(/^(0x[0-9a-f]+|\d+)$/i.test(operand) ? 0 : -1, operand, text);
  return BigInt(operand);
}

function required(value: number, operand: string, text: string): number {
  if (value < 0) throw new SyntaxError(`Cannot assemble "${text}": what is "${operand}"?`);
  return value;
}
