/** The list of all chunks at a file's end, so that opening need not walk from one to the next. Source: FORMAT.md, "INDX". */
import { type ChunkRef, type ChunkType, FRAME_BYTES } from "./chunk.ts";
import { decodeCbor, encodeCbor, Fields } from "./cbor.ts";

/** The file's last bytes: where the index lies, and a mark. */
export const TRAILER_BYTES = 16;
const TRAILER_MAGIC = 0x6b4e_4849_5253_4800n; // "\0HSRIHNk"
const CHUNKS_MAX = 400_000;

const TYPES: readonly ChunkType[] = ["HEAD", "IMAG", "BLOB", "LOG", "END", "PAGE", "CKPT"];

export function encodeIndex(chunks: readonly ChunkRef[]): Uint8Array {
  let cycle = 0;
  const rows = chunks.map(({ type, storedBytes, firstCycle, lastCycle }) => {
    const row = [TYPES.indexOf(type), storedBytes, firstCycle - cycle, lastCycle - firstCycle];
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
    const type = TYPES[row.whole(TYPES.length - 1)];
    const storedBytes = row.whole(0xffff_ffff);
    const firstCycle = cycle + row.whole();
    const ref = { type, offset, storedBytes, firstCycle, lastCycle: firstCycle + row.whole() };
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
