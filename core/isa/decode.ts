/** Instruction words, decoded through tables made from the encodings. */
import { COMPRESSED, INSTRUCTIONS } from "./isa.ts";
import {
  type EncodedField,
  type Encoding,
  extract,
  isExcluded,
  matches,
  overlap,
  parseEncoding,
} from "./encoding.ts";
import { expansionOf, type Source } from "./expansion.ts";

/** An instruction, decoded. Fields that the instruction does not have are 0. */
export interface Decoded {
  /** Into {@link INSTRUCTIONS}; for a compressed word, of the instruction that it stands for. */
  readonly index: number;
  /** Bytes. */
  readonly length: 2 | 4;
  readonly rd: number;
  /** Also the 5-bit immediate of CSR instructions. */
  readonly rs1: number;
  readonly rs2: number;
  readonly rs3: number;
  /** Rounding mode, 0 to 4 or 7: dynamic. */
  readonly rm: number;
  /** Signed, 32 bits; of CSR instructions the CSR's number. */
  readonly imm: number;
}

/** The encodings of {@link INSTRUCTIONS}, by index. */
export const ENCODINGS: readonly Encoding[] = INSTRUCTIONS.map((full) =>
  parseEncoding(full.encoding)
);

/** The encodings of {@link COMPRESSED}, by index. */
export const COMPRESSED_ENCODINGS: readonly Encoding[] = COMPRESSED.map((short) =>
  parseEncoding(short.encoding)
);

/**
 * Decodes the instruction at the front of a little-endian fetch.
 *
 * @param word 32 bits, of which a compressed instruction takes the low 16
 * @returns `undefined` for an illegal instruction: unknown, reserved, or with a reserved rounding
 *   mode. Whether the hart's state allows it (privilege, FS, CSR) is not decided here.
 *
 * @example
 * ```ts
 * import { decode } from "./decode.ts";
 * import { assertEquals } from "@std/assert";
 * assertEquals(decode(0x00a58533)?.rd, 10); // add a0, a1, a0
 * ```
 */
export function decode(word: number): Decoded | undefined {
  const isFull = (word & 3) === 3;
  const form = isFull
    ? find(FULL[fullBucket(word)], word)
    : find(SHORT[shortBucket(word)], word & 0xffff);
  if (form === undefined) return undefined;
  const rm = take(form.rm, word);
  if (rm === 5 || rm === 6) return undefined; // reserved (unprivileged spec, F, table of modes)
  return {
    index: form.index,
    length: isFull ? 4 : 2,
    rd: take(form.rd, word),
    rs1: take(form.rs1, word),
    rs2: take(form.rs2, word),
    rs3: take(form.rs3, word),
    rm,
    imm: typeof form.imm === "number" ? form.imm : extract(form.imm, word),
  };
}

/** The index into {@link COMPRESSED} of a 16-bit word; -1 if illegal. */
export function findCompressed(half: number): number {
  return COMPRESSED_ENCODINGS.findIndex((encoding) => matches(encoding, half));
}

/** A register or a rounding mode: `(word >>> shift & mask) + bias`, for a constant with a mask of 0. */
interface Run {
  readonly shift: number;
  readonly mask: number;
  readonly bias: number;
}

/** How to recognise an encoding, and how to fill a {@link Decoded} from it. */
interface Form {
  readonly index: number;
  readonly mask: number;
  readonly match: number;
  /** Fields with values that are reserved or belong to another instruction. */
  readonly choosy: readonly EncodedField[];
  readonly rd: Run;
  readonly rs1: Run;
  readonly rs2: Run;
  readonly rs3: Run;
  readonly rm: Run;
  readonly imm: EncodedField | number;
}

refuseOverlaps();

const EXPANSIONS = COMPRESSED.map((short) => expansionOf(short, INSTRUCTIONS));

/** Forms by the bits that {@link fullBucket} and {@link shortBucket} take of a word. */
const FULL = bucketed(
  ENCODINGS.map((encoding, index) => formOf(encoding, index, (name) => ({ field: name }))),
  256,
  fullBucket,
);
const SHORT = bucketed(
  COMPRESSED_ENCODINGS.map((encoding, i) =>
    formOf(encoding, EXPANSIONS[i].index, (name) => EXPANSIONS[i].fields.get(name))
  ),
  32,
  shortBucket,
);

function fullBucket(word: number): number {
  return word >>> 2 & 31 | word >>> 7 & 7 << 5; // opcode, funct3
}

function shortBucket(half: number): number {
  return half & 3 | half >>> 11 & 7 << 2; // op, funct3
}

// Each form is in all the buckets that its words may be in, in the order of the encodings.
function bucketed(
  forms: readonly Form[],
  count: number,
  bucketOf: (word: number) => number,
): readonly (readonly Form[])[] {
  return Array.from(
    { length: count },
    (_, bucket) =>
      forms.filter(({ mask, match }) => ((bucketOf(match) ^ bucket) & bucketOf(mask)) === 0),
  );
}

/** @param sourceOf where a field of the instruction comes from; `undefined`: it has none of this name */
function formOf(
  { mask, match, fields }: Encoding,
  index: number,
  sourceOf: (name: string) => Source | undefined,
): Form {
  const valueOf = (name: string): EncodedField | number => {
    const source = sourceOf(name);
    if (source === undefined) return 0;
    if ("constant" in source) return source.constant;
    return fields.find((field) => field.name === source.field) ?? 0;
  };
  return {
    index,
    mask: mask | 0,
    match: match | 0,
    choosy: fields.filter(({ excluded }) => excluded.length > 0),
    rd: runOf(valueOf("rd")),
    rs1: runOf(valueOf("rs1") || valueOf("zimm")),
    rs2: runOf(valueOf("rs2")),
    rs3: runOf(valueOf("rs3")),
    rm: runOf(valueOf("rm")),
    imm: valueOf("imm") || valueOf("csr"),
  };
}

function runOf(value: EncodedField | number): Run {
  if (typeof value === "number") return { shift: 0, mask: 0, bias: value };
  const [{ lowBit, width }] = value.pieces;
  return { shift: lowBit, mask: (1 << width) - 1, bias: value.bias };
}

/** One word must not be two instructions. */
function refuseOverlaps(): void {
  for (let a = 0; a < ENCODINGS.length; a++) {
    for (let b = 0; b < a; b++) {
      if (overlap(ENCODINGS[a], ENCODINGS[b])) {
        throw new SyntaxError(
          `Encodings overlap: "${INSTRUCTIONS[a].syntax}" and "${INSTRUCTIONS[b].syntax}"`,
        );
      }
    }
  }
}

// Loops by index: most code is decoded once, before this is optimised.
function find(forms: readonly Form[], word: number): Form | undefined {
  for (let i = 0; i < forms.length; i++) {
    const form = forms[i];
    if ((word & form.mask) === form.match && !isExcluded(form.choosy, word)) return form;
  }
  return undefined;
}

function take({ shift, mask, bias }: Run, word: number): number {
  return (word >>> shift & mask) + bias;
}
