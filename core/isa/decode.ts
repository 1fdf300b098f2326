/** Instruction words, decoded through tables made from the encodings. */
import { COMPRESSED, INSTRUCTIONS } from "./isa.ts";
import {
  type EncodedField,
  type Encoding,
  extract,
  matches,
  overlap,
  parseEncoding,
} from "./encoding.ts";
import { expansionOf } from "./expansion.ts";

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
  if ((word & 3) === 3) return decodeFull(word);
  const half = word & 0xffff;
  if (shortWords[half] === undefined) shortWords[half] = decodeCompressed(half);
  return shortWords[half] ?? undefined;
}

/** The index into {@link COMPRESSED} of a 16-bit word; -1 if illegal. */
export function findCompressed(half: number): number {
  return COMPRESSED_ENCODINGS.findIndex((encoding) => matches(encoding, half));
}

/** How to fill a {@link Decoded}: the fields of one instruction, `undefined` where it has none. */
interface Extractor {
  readonly index: number;
  readonly mask: number;
  readonly match: number;
  readonly rd: boolean;
  readonly rs1: boolean;
  readonly rs2: boolean;
  readonly rs3: boolean;
  readonly rm: boolean;
  readonly imm: EncodedField | undefined;
}

const extractors = ENCODINGS.map(({ mask, match, fields }, index): Extractor => {
  const has = (name: string) => fields.some((field) => field.name === name);
  const signedMask = mask | 0;
  const signedMatch = match | 0;
  return {
    index,
    mask: signedMask,
    match: signedMatch,
    rd: has("rd"),
    rs1: has("rs1") || has("zimm"),
    rs2: has("rs2"),
    rs3: has("rs3"),
    rm: has("rm"),
    imm: fields.find((field) => field.name === "imm" || field.name === "csr"),
  };
});

refuseOverlaps();

const KEY_BITS = 0xfe00707c; // funct7, funct3, opcode

/** The instructions that a word may be, by funct7, funct3 and opcode; those that were asked for. */
const candidates: (readonly Extractor[] | undefined)[] = new Array(1 << 15).fill(undefined);

const expansions = COMPRESSED.map((short) => expansionOf(short, INSTRUCTIONS));

/** Compressed words decoded so far; `null` for illegal ones. */
const shortWords: (Decoded | null | undefined)[] = new Array(0x10000).fill(undefined);

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

function keyOf(word: number): number {
  return (word >>> 25 << 8) | ((word >>> 12 & 7) << 5) | (word >>> 2 & 31);
}

function candidatesFor(word: number): readonly Extractor[] {
  return candidates[keyOf(word)] ??= extractors.filter(({ mask, match }) =>
    ((word ^ match) & mask & KEY_BITS) === 0
  );
}

function decodeFull(word: number): Decoded | undefined {
  for (const extractor of candidatesFor(word)) {
    if ((word & extractor.mask) !== extractor.match) continue;
    const rm = extractor.rm ? word >>> 12 & 7 : 0;
    if (rm === 5 || rm === 6) return undefined; // reserved (unprivileged spec, F, table of modes)
    return {
      index: extractor.index,
      length: 4,
      rd: extractor.rd ? word >>> 7 & 31 : 0,
      rs1: extractor.rs1 ? word >>> 15 & 31 : 0,
      rs2: extractor.rs2 ? word >>> 20 & 31 : 0,
      rs3: extractor.rs3 ? word >>> 27 : 0,
      rm,
      imm: extractor.imm === undefined ? 0 : extract(extractor.imm, word),
    };
  }
  return undefined;
}

function decodeCompressed(half: number): Decoded | null {
  const found = findCompressed(half);
  if (found < 0) return null;
  const { index, fields } = expansions[found];
  const value = (name: string): number => {
    const source = fields.get(name);
    if (source === undefined) return 0;
    if ("constant" in source) return source.constant;
    const field = COMPRESSED_ENCODINGS[found].fields.find((field) => field.name === source.field);
    return field === undefined ? 0 : extract(field, half);
  };
  return {
    index,
    length: 2,
    rd: value("rd"),
    rs1: value("rs1"),
    rs2: value("rs2"),
    rs3: 0,
    rm: 0,
    imm: value("imm"),
  };
}
