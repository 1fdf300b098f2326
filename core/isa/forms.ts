/** Every instruction, full and compressed, as the assembler and the disassembler see it. */
import { accesses } from "./accesses.ts";
import { COMPRESSED_ENCODINGS, ENCODINGS } from "./decode.ts";
import type { Encoding } from "./encoding.ts";
import { expansionOf, mnemonicOf, operandsOf } from "./expansion.ts";
import { COMPRESSED, INSTRUCTIONS } from "./isa.ts";

/** What an operand in assembly text means. */
export type OperandKind =
  | "x"
  | "f"
  | "immediate"
  | "upper" // the upper 20 bits, as lui takes them
  | "target" // relative to the instruction's address
  | "csr"
  | "rounding"
  | "order"; // of fence: a set of i, o, r, w

/** A mnemonic and its operands. */
export interface Form {
  readonly mnemonic: string;
  /** As in the descriptions, e.g. `lw rd, imm(rs1)`. */
  readonly syntax: string;
  readonly encoding: Encoding;
  /** In the order of the text. `name` is a field of the encoding. */
  readonly operands: readonly { readonly name: string; readonly kind: OperandKind }[];
}

/** Forms of the full instructions, by their index. */
export const FORMS: readonly Form[] = INSTRUCTIONS.map((full, index) => {
  const { reads, writes, pc } = accesses(full);
  const floating = (name: string) =>
    name === "rd"
      ? writes.f.some((field) => field === name)
      : reads.f.some((field) => field === name);
  const mnemonic = mnemonicOf(full.syntax);
  const kindOf = (name: string): OperandKind => {
    if (/^r[ds]\d?$/.test(name)) return floating(name) ? "f" : "x";
    if (name === "csr") return "csr";
    if (name === "rm") return "rounding";
    if (name === "pred" || name === "succ") return "order";
    if (name === "imm" && full.encoding.startsWith("imm[31:12]")) return "upper";
    if (name === "imm" && (pc === "branch" || mnemonic === "jal")) return "target";
    return "immediate";
  };
  const operands = operandsOf(full.syntax).map((name) => ({ name, kind: kindOf(name) }));
  return { mnemonic, syntax: full.syntax, encoding: ENCODINGS[index], operands };
});

/** Forms of the compressed instructions, by their index. */
export const COMPRESSED_FORMS: readonly Form[] = COMPRESSED.map((short, index) => {
  const { index: full, fields } = expansionOf(short, INSTRUCTIONS);
  const kindOf = (name: string): OperandKind => {
    for (const operand of FORMS[full].operands) {
      const source = fields.get(operand.name)!;
      if ("field" in source && source.field === name) return operand.kind;
    }
    throw new SyntaxError(`"${short.expands}" does not use ${name} of "${short.syntax}"`);
  };
  const operands = operandsOf(short.syntax)
    .filter((name) => name !== "sp")
    .map((name) => ({ name, kind: kindOf(name) }));
  const mnemonic = mnemonicOf(short.syntax);
  return { mnemonic, syntax: short.syntax, encoding: COMPRESSED_ENCODINGS[index], operands };
});

/** Forms by mnemonic. */
export const FORMS_BY_MNEMONIC: ReadonlyMap<string, Form> = new Map(
  [...FORMS, ...COMPRESSED_FORMS].map((form) => [form.mnemonic, form]),
);
