/** The list of all chunks at a file's end, so that opening need not walk from one to the next. Source: FORMAT.md, "INDX". */
import { type ChunkRef, type ChunkType, FRAME_BYTES } from "./chunk.ts";
import { decodeCbor, encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

/** The file's last bytes: where the index lies, and a mark. */
export const TRAILER_BYTES = 16;
const TRAILER_MAGIC = 0x6b4e_4849_5253_4800n; // "\0HSRIHNk"
const CHUNKS_MAX = 400_000;

/** A row names one by its place here. */
const TYPES: readonly ChunkType[] = [
  ...["HEAD", "IMAG", "BLOB", "LOG", "END", "PAGE", "CKPT", "LAB", "FATE"] as const,
];
/** What stands before the owner, in the number that stands for both. */
const OWNER = 16;
const OWNERS_MAX = 256;

export function encodeIndex(chunks: readonly ChunkRef[]): Uint8Array {
  let cycle = 0;
  const rows = chunks.map(({ type, owner, storedBytes, firstCycle, lastCycle }) => {
    const what = TYPES.indexOf(type) + OWNER * owner;
    const row = [what, storedBytes, firstCycle - cycle, lastCycle - firstCycle];
    cycle = firstCycle;
    return row;
  });
  return encodeCbor([rows]);
}

/** @param start where the first chunk lies @throws FormatError if it is not an index */
export function decodeIndex(payload: Uint8Array, start: number): ChunkRef[] {
  const fields = new Fields(decodeCbor(payload, "the index"), "the index");
  let offset = start;
  let cycle = 0;
  const chunks = [...fields.rows(CHUNKS_MAX)].map((row): ChunkRef => {
    const what = row.whole(OWNER * OWNERS_MAX - 1);
    const type = TYPES[what % OWNER];
    if (type === undefined) throw new FormatError("the index has a chunk of no type");
    const owner = Math.floor(what / OWNER);
    const storedBytes = row.whole(0xffff_ffff);
    // Of another guest of a lab it may lie before.
    const firstCycle = cycle + row.integer(-cycle);
    const lastCycle = firstCycle + row.whole();
    const ref = { type, owner, offset, storedBytes, firstCycle, lastCycle };
    row.end();
    offset += FRAME_BYTES + storedBytes;
    cycle = firstCycle;
    return ref;
  });
  fields.end();
  return chunks;
}

export function encodeTrailer(indexOffset: number): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(indexOffset), true);
  view.setBigUint64(8, TRAILER_MAGIC, true);
  return bytes;
}

/** Where the index lies; `undefined` if these bytes are no trailer. */
export function decodeTrailer(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, TRAILER_BYTES);
  if (view.getBigUint64(8, true) !== TRAILER_MAGIC) return undefined;
  return Number(view.getBigUint64(0, true));
}
