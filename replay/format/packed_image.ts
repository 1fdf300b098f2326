/** An image as its IMAG chunks hold it; kept from one recording to the next. Source: FORMAT.md, "IMAG". */
import {
  decodeFrame,
  FRAME_BYTES,
  frameChunk,
  type Packed,
  packPayload,
  requireSum,
  ZSTD,
} from "./chunk.ts";
import { type Codec, FormatError } from "./codec.ts";
import { PIECE_BYTES, PIECE_HEAD_BYTES, PieceEncoder } from "./header.ts";
import type { Pieces } from "./pieces.ts";

/** Smaller ones are soon compressed, larger ones take too much room. */
const KEPT_BYTES_MIN = 1024 * 1024;
const KEPT_BYTES_MAX = 256 * 1024 * 1024;

/** Keeps packed images: to compress them takes longer than all else at the start of a recording. */
export interface PackedImages {
  /** What was put there under this name, if nobody has touched it since; `undefined` if it is gone. */
  get(sha256: string): Uint8Array | undefined;
  put(sha256: string, packed: Pieces): void;
}

/** The payloads of an image's chunks, each until the next is asked for. @param sha256 of the bytes */
export function* packImage(
  codec: Codec,
  sha256: string,
  bytes: Uint8Array,
  images?: PackedImages,
): Generator<Packed> {
  const isKept = bytes.length >= KEPT_BYTES_MIN && bytes.length <= KEPT_BYTES_MAX;
  const known = isKept && images && find(codec, images, sha256, bytes.length);
  if (known) return yield* known;
  const encoder = new PieceEncoder();
  const payloads: Packed[] = [];
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    const piece = bytes.subarray(offset, offset + PIECE_BYTES);
    const packed = packPayload(codec, [encoder.encode(sha256, offset, piece)]);
    yield packed;
    // What is not compressed is soon packed, and does not stay where it is.
    if (isKept && packed.compression === ZSTD) payloads.push(packed);
  }
  if (payloads.length * PIECE_BYTES < bytes.length) return;
  images?.put(sha256, encodePackedImage(codec, payloads));
}

function find(
  codec: Codec,
  images: PackedImages,
  sha256: string,
  sizeBytes: number,
): Packed[] | undefined {
  const bytes = images.get(sha256);
  if (bytes === undefined) return undefined;
  try {
    return decodePackedImage(codec, bytes, sizeBytes);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Its chunks as they stand in a recording. */
function encodePackedImage(codec: Codec, payloads: readonly Packed[]): Pieces {
  return payloads.flatMap((packed) =>
    frameChunk(codec, { type: "IMAG", firstCycle: 0, lastCycle: 0, packed })
  );
}

/** @throws FormatError unless all is there of an image of this size */
function decodePackedImage(codec: Codec, bytes: Uint8Array, sizeBytes: number): Packed[] {
  const payloads: Packed[] = [];
  let imageBytes = 0;
  for (let offset = 0; offset < bytes.length;) {
    const head = bytes.subarray(offset, offset + FRAME_BYTES);
    if (head.length < FRAME_BYTES) throw new FormatError("cut within a frame");
    const frame = decodeFrame(head, offset);
    offset += FRAME_BYTES;
    const stored = bytes.subarray(offset, offset + frame.storedBytes);
    requireSum(codec, frame, head, stored);
    offset += frame.storedBytes;
    const { compression, payloadBytes } = frame;
    payloads.push({ stored: [stored], compression, payloadBytes });
    imageBytes += payloadBytes - PIECE_HEAD_BYTES;
  }
  if (imageBytes !== sizeBytes) throw new FormatError(`${imageBytes} bytes, not ${sizeBytes}`);
  return payloads;
}
