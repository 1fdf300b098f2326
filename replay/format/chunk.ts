/** The frame of every chunk. Source: FORMAT.md, "Chunks". Integers are little-endian. */
import { type Codec, FormatError } from "./codec.ts";
import { joined, lengthOf, type Pieces, spread, whole } from "./pieces.ts";

/** The first bytes of a file; as in PNG, a transfer that changes line ends is noticed. */
export const FILE_MAGIC = Uint8Array.of(0x89, 0x48, 0x53, 0x52, 0x0d, 0x0a, 0x1a, 0x0a);

const CHUNK_MAGIC = 0x6b4e_4843; // "CHNk"
export const FRAME_BYTES = 40;

/** The chunks that this build knows, each with the version that it writes and reads. */
export const CHUNK_VERSIONS = {
  HEAD: 1,
  IMAG: 1,
  BLOB: 1,
  LOG: 1,
  END: 1,
  INDX: 1,
  PAGE: 1,
  CKPT: 1,
  LAB: 1,
  FATE: 1,
} as const;
export type ChunkType = keyof typeof CHUNK_VERSIONS;

/** A payload, or what is stored of it, has at most this many bytes. */
export const CHUNK_BYTES_MAX = 64 * 1024 * 1024;

const NONE = 0;
export const ZSTD = 1;

/** Payloads from this size on are looked at before they are compressed: it takes ten times as long as to write them. */
const SAMPLED_BYTES_MIN = 1024 * 1024;
const SAMPLES = 16;
const SAMPLE_BYTES = 4096;
/** How far back the compressor looks at level 1. Source: zstd, clevels.h. */
const WINDOW_BYTES = 512 * 1024;
/** Samples that shrink to more than this are noise. */
const RANDOM_PART = 15 / 16;
/** Of noise, and of what is compressed already, each byte value is as frequent as the others, but for this factor. */
const EVENNESS = 1.2;

/** A chunk in its file. */
export interface ChunkRef {
  readonly type: ChunkType;
  /** The number of the lab's guest that it belongs to; 0 where there is but one machine. */
  readonly owner: number;
  /** Of its frame. */
  readonly offset: number;
  /** Without the frame. */
  readonly storedBytes: number;
  readonly firstCycle: number;
  readonly lastCycle: number;
}

/** What a frame says. */
export interface Frame extends ChunkRef {
  readonly compression: number;
  readonly payloadBytes: number;
  readonly crc: number;
}

/** A payload as it is stored, in pieces. */
export interface Packed {
  readonly stored: Pieces;
  readonly compression: number;
  readonly payloadBytes: number;
}

/** Compresses a payload, if that makes it smaller. */
export function packPayload(codec: Codec, payload: Pieces): Packed {
  const payloadBytes = lengthOf(payload);
  if (payloadBytes > CHUNK_BYTES_MAX) {
    throw new RangeError(`A chunk has at most ${CHUNK_BYTES_MAX} bytes, not ${payloadBytes}`);
  }
  if (looksRandom(codec, payload)) return { stored: payload, compression: NONE, payloadBytes };
  const small = codec.compress(whole(payload));
  return small.length < payloadBytes
    ? { stored: [small], compression: ZSTD, payloadBytes }
    : { stored: payload, compression: NONE, payloadBytes };
}

/**
 * Whether compressing a large payload is in vain, as samples of it tell: then it needs no copy either.
 * First the values of bytes count: samples that lie far apart may be alike where a compressor's window
 * is too short to see it. Then, since what is even may be a pattern, samples from a stretch that the
 * window spans are compressed.
 */
function looksRandom(codec: Codec, payload: Pieces): boolean {
  if (lengthOf(payload) < SAMPLED_BYTES_MIN) return false;
  const counts = new Uint32Array(256);
  let sampledBytes = 0;
  for (const sample of spread(payload, SAMPLES, SAMPLE_BYTES)) {
    for (let i = 0; i < sample.length; i++) counts[sample[i]]++;
    sampledBytes += sample.length;
  }
  // The least that it can be is that of 256 equal counts.
  const squares = counts.reduce((sum, count) => sum + count * count, 0);
  if (squares * 256 >= sampledBytes ** 2 * EVENNESS) return false;
  const [, stretch] = spread(payload, 2, WINDOW_BYTES);
  const sample = joined(spread([stretch], SAMPLES, SAMPLE_BYTES));
  return codec.compress(sample).length > sample.length * RANDOM_PART;
}

type Place = Pick<ChunkRef, "type" | "firstCycle" | "lastCycle"> & { readonly owner?: number };

/** The bytes of a chunk, in pieces. */
export function frameChunk(
  codec: Codec,
  { type, firstCycle, lastCycle, owner = 0, packed }: Place & { readonly packed: Packed },
): Pieces {
  const { stored, compression, payloadBytes } = packed;
  const head = new Uint8Array(FRAME_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, CHUNK_MAGIC, true);
  for (let i = 0; i < 4; i++) head[4 + i] = type.charCodeAt(i) || 0x20;
  view.setUint16(8, CHUNK_VERSIONS[type], true);
  view.setUint8(10, compression);
  view.setUint8(11, owner);
  view.setUint32(12, lengthOf(stored), true);
  view.setUint32(16, payloadBytes, true);
  view.setBigUint64(20, BigInt(firstCycle), true);
  view.setBigUint64(28, BigInt(lastCycle), true);
  view.setUint32(36, codec.crc32(head.subarray(0, 36), ...stored), true);
  return [head, ...stored];
}

/** The bytes of a chunk with this payload. */
export function encodeChunk(
  codec: Codec,
  { payload, ...place }: Place & { readonly payload: Uint8Array },
): Uint8Array {
  return joined(frameChunk(codec, { ...place, packed: packPayload(codec, [payload]) }));
}

/** @param bytes {@link FRAME_BYTES} of them @param offset where they lie, for messages and the result */
export function decodeFrame(bytes: Uint8Array, offset: number): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_BYTES);
  const where = `at byte ${offset}`;
  if (view.getUint32(0, true) !== CHUNK_MAGIC) throw new FormatError(`no chunk ${where}`);
  const name = String.fromCharCode(...bytes.subarray(4, 8)).trimEnd();
  const version = view.getUint16(8, true);
  const type = name as ChunkType;
  if (!Object.hasOwn(CHUNK_VERSIONS, name) || CHUNK_VERSIONS[type] !== version) {
    const printable = /^[\x21-\x7e]{1,4}$/.test(name) ? name : "????";
    throw new FormatError(
      `chunk "${printable}" version ${version} ${where}: this build does not know it`,
    );
  }
  const frame = {
    type,
    offset,
    compression: view.getUint8(10),
    owner: view.getUint8(11),
    storedBytes: view.getUint32(12, true),
    payloadBytes: view.getUint32(16, true),
    firstCycle: cycle(view.getBigUint64(20, true), where),
    lastCycle: cycle(view.getBigUint64(28, true), where),
    crc: view.getUint32(36, true),
  };
  if (frame.compression > ZSTD) {
    throw new FormatError(`compression ${frame.compression} ${where}: this build does not know it`);
  }
  if (Math.max(frame.storedBytes, frame.payloadBytes) > CHUNK_BYTES_MAX) {
    throw new FormatError(`a chunk of more than ${CHUNK_BYTES_MAX} bytes ${where}`);
  }
  if (frame.lastCycle < frame.firstCycle) {
    throw new FormatError(`a chunk that ends before it begins ${where}`);
  }
  return frame;
}

/** @param head the frame's bytes @throws FormatError if the chunk's sum does not fit */
export function requireSum(
  codec: Codec,
  frame: Frame,
  head: Uint8Array,
  stored: Uint8Array,
): void {
  if (codec.crc32(head.subarray(0, 36), stored) === frame.crc) return;
  throw new FormatError(`the checksum ${placeOf(frame)} does not fit`);
}

/** The payload of a chunk. @param head its frame's bytes @throws FormatError if its sum does not fit */
export function decodePayload(
  codec: Codec,
  frame: Frame,
  head: Uint8Array,
  stored: Uint8Array,
): Uint8Array {
  const where = placeOf(frame);
  requireSum(codec, frame, head, stored);
  let payload = stored;
  if (frame.compression === ZSTD) {
    try {
      payload = codec.decompress(stored, frame.payloadBytes);
    } catch {
      throw new FormatError(`the content ${where} cannot be decompressed`);
    }
  }
  if (payload.length !== frame.payloadBytes) {
    throw new FormatError(`the length ${where} is ${payload.length}, not ${frame.payloadBytes}`);
  }
  return payload;
}

function placeOf({ type, offset }: Frame): string {
  return `of the ${type} chunk at byte ${offset}`;
}

function cycle(value: bigint, where: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError(`cycle ${value} ${where}`);
  return Number(value);
}
