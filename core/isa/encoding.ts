/**
 * Encoding strings, read: which bits an instruction fixes and where its fields lie.
 * Source: the instruction formats of the RISC-V unprivileged specification, 2.2, 2.3 and "C".
 */

/** A run of bits: `width` bits of the field from `lowBitInField`, held from `lowBit` of the word. */
export interface Piece {
  readonly lowBit: number;
  readonly width: number;
  readonly lowBitInField: number;
}

/** A field of an encoding. */
export interface EncodedField {
  /** `rd`, `rs1`, `rs2`, `rs3`, `rm`, `imm`, `csr`, `zimm`, `aq`, `rl`, `fm`, `pred` or `succ`. */
  readonly name: string;
  readonly pieces: readonly Piece[];
  /** The bits of the field above its highest piece repeat that bit. */
  readonly signed: boolean;
  /** Added to what the pieces hold: 8 for the short register fields of compressed instructions. */
  readonly bias: number;
  /** Values that are reserved or belong to another instruction. */
  readonly excluded: readonly number[];
}

/** An encoding, read. A word has it if `(word & mask) == match` and no field holds an excluded value. */
export interface Encoding {
  /** 16 or 32. */
  readonly widthBits: number;
  /** Unsigned. */
  readonly mask: number;
  /** Unsigned. */
  readonly match: number;
  readonly fields: readonly EncodedField[];
}

const WIDTHS: { readonly [name: string]: number } = {
  "rd": 5,
  "rs1": 5,
  "rs2": 5,
  "rs3": 5,
  "zimm": 5,
  "rd'": 3,
  "rs1'": 3,
  "rs2'": 3,
  "rm": 3,
  "csr": 12,
  "fm": 4,
  "pred": 4,
  "succ": 4,
  "aq": 1,
  "rl": 1,
};

/** The kinds of immediate; those with `nz` are never 0. All of them give the field `imm`. */
const IMMEDIATES: { readonly [name: string]: { readonly signed: boolean; readonly nz: boolean } } =
  {
    imm: { signed: true, nz: false },
    uimm: { signed: false, nz: false },
    nzimm: { signed: true, nz: true },
    nzuimm: { signed: false, nz: true },
  };

/**
 * Reads an encoding string such as `imm[11:5] rs2 rs1 010 imm[4:0] 0100011`.
 *
 * Parts stand from the highest bit to the lowest: literal bits, fields of a known width, or
 * immediates with the bits that they hold. `rd!=0,2` excludes values.
 *
 * @throws SyntaxError if a part is unknown, the widths do not sum up to 16 or 32, or two pieces of
 *   a field overlap
 */
export function parseEncoding(text: string): Encoding {
  const parts = text.split(/\s+/).map((part) => parsePart(part, text));
  const widthBits = parts.reduce((sum, part) => sum + part.widthBits, 0);
  if (widthBits !== 16 && widthBits !== 32) {
    throw new SyntaxError(`Cannot read encoding "${text}": it has ${widthBits} bits, not 16 or 32`);
  }
  let lowBit = widthBits;
  let mask = 0;
  let match = 0;
  const fields = new Map<string, EncodedField>();
  for (const part of parts) {
    lowBit -= part.widthBits;
    if (part.field === undefined) {
      mask |= ones(part.widthBits) << lowBit;
      match |= part.bits << lowBit;
      continue;
    }
    const before = fields.get(part.field.name);
    const pieces = place(part.field.pieces, lowBit, part.widthBits);
    fields.set(part.field.name, {
      ...part.field,
      pieces: [...before?.pieces ?? [], ...pieces],
    });
  }
  for (const field of fields.values()) requireDisjoint(field, text);
  return { widthBits, mask: mask >>> 0, match: match >>> 0, fields: [...fields.values()] };
}

/** The value of a field in a word; signed fields below 0 are negative, others unsigned. */
export function extract(field: EncodedField, word: number): number {
  let value = 0;
  let top = 0;
  // By index: most code is decoded once, before this is optimised.
  for (let i = 0; i < field.pieces.length; i++) {
    const { lowBit, width, lowBitInField } = field.pieces[i];
    value |= ((word >>> lowBit) & ones(width)) << lowBitInField;
    if (lowBitInField + width > top) top = lowBitInField + width;
  }
  return (field.signed ? (value << (32 - top)) >> (32 - top) : value) + field.bias;
}

/**
 * The bits of a word that hold a value.
 * @throws RangeError if the field cannot hold it
 */
export function insert(field: EncodedField, value: number): number {
  let word = 0;
  for (const { lowBit, width, lowBitInField } of field.pieces) {
    word |= (((value - field.bias) >>> lowBitInField) & ones(width)) << lowBit;
  }
  if (extract(field, word) !== value || field.excluded.includes(value)) {
    throw new RangeError(`Cannot encode ${field.name} = ${value}`);
  }
  return word;
}

/** Whether a word has this encoding. */
export function matches(encoding: Encoding, word: number): boolean {
  if (((word & encoding.mask) >>> 0) !== encoding.match) return false;
  return !isExcluded(encoding.fields, word);
}

/** Whether one of the fields has a value in a word that is reserved or belongs to another instruction. */
export function isExcluded(fields: readonly EncodedField[], word: number): boolean {
  for (let i = 0; i < fields.length; i++) {
    const { excluded } = fields[i];
    if (excluded.length > 0 && excluded.includes(extract(fields[i], word))) return true;
  }
  return false;
}

/** Whether some word has both encodings, exclusions apart. */
export function overlap(a: Encoding, b: Encoding): boolean {
  return a.widthBits === b.widthBits && ((a.match ^ b.match) & a.mask & b.mask) === 0;
}

interface Part {
  readonly widthBits: number;
  /** Of literal bits. */
  readonly bits: number;
  /** Its pieces count from the part's own bits: `lowBit` is not known yet. */
  readonly field: EncodedField | undefined;
}

function parsePart(part: string, text: string): Part {
  if (/^[01]+$/.test(part)) {
    return { widthBits: part.length, bits: parseInt(part, 2), field: undefined };
  }
  const [, name, , ranges, , excluded] =
    part.match(/^([a-z]+\d?'?)(\[([\d:|]+)\])?(!=([\d,]+))?$/) ??
      [];
  const immediate = IMMEDIATES[name];
  if (immediate === undefined ? WIDTHS[name] === undefined || ranges : ranges === undefined) {
    throw new SyntaxError(`Cannot read "${part}" in encoding "${text}"`);
  }
  const pieces = (ranges ?? `${WIDTHS[name] - 1}:0`).split("|").map((range) => {
    const [high, low = high] = range.split(":").map(Number);
    return { lowBit: 0, width: high - low + 1, lowBitInField: low };
  });
  return {
    widthBits: pieces.reduce((sum, piece) => sum + piece.width, 0),
    bits: 0,
    field: {
      name: immediate === undefined ? name.replace("'", "") : "imm",
      pieces,
      signed: immediate?.signed ?? false,
      bias: name.endsWith("'") ? 8 : 0,
      excluded: immediate?.nz ? [0] : excluded === undefined ? [] : excluded.split(",").map(Number),
    },
  };
}

function place(pieces: readonly Piece[], lowBit: number, widthBits: number): Piece[] {
  let top = lowBit + widthBits;
  return pieces.map((piece) => ({ ...piece, lowBit: top -= piece.width }));
}

function requireDisjoint(field: EncodedField, text: string): void {
  let seen = 0;
  for (const { width, lowBitInField } of field.pieces) {
    const bits = ones(width) << lowBitInField;
    if ((seen & bits) !== 0) {
      throw new SyntaxError(`Encoding "${text}" holds a bit of ${field.name} twice`);
    }
    seen |= bits;
  }
}

function ones(width: number): number {
  return width === 32 ? -1 : (1 << width) - 1;
}
