/** What a recording begins with: its machine, and which images it boots. Source: FORMAT.md, "HEAD" and "IMAG". */
import { decodeCbor, encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

/** Rises when an older reader could no longer make sense of a file. */
export const FORMAT_VERSION = 1;

/** An image travels in pieces of this size. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** All images of a recording together. */
export const IMAGES_BYTES_MAX = 2 * 1024 * 1024 * 1024;
const IMAGES_MAX = 64;

const ROLE = /^(bios|kernel|initrd)$/;
const SHA256 = /^[0-9a-f]{64}$/;

export interface ImageInfo {
  readonly role: "bios" | "kernel" | "initrd";
  /** Its file's name, for messages. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Header {
  /** Program and version that wrote the file. */
  readonly program: string;
  /** Everything that the machine is built from; whoever builds it checks it. */
  readonly machine: unknown;
  /** In the order in which they are given to the machine. */
  readonly images: readonly ImageInfo[];
}

export function encodeHeader({ program, machine, images }: Header): Uint8Array {
  const rows = images.map((image) => [image.role, image.name, image.sha256, image.sizeBytes]);
  return encodeCbor([FORMAT_VERSION, program, machine, rows]);
}

export function decodeHeader(payload: Uint8Array): Header {
  const fields = new Fields(decodeCbor(payload, "the header"), "the header");
  const version = fields.whole(65535);
  if (version !== FORMAT_VERSION) {
    throw new FormatError(`format version ${version}: this build reads ${FORMAT_VERSION}`);
  }
  const program = fields.text(/^[\x20-\x7e]{1,80}$/);
  const machine = fields.any();
  let sizeBytes = 0;
  const images = [...fields.rows(IMAGES_MAX)].map((row): ImageInfo => {
    const image = {
      role: row.text(ROLE) as ImageInfo["role"],
      name: row.text(/^[^\p{C}]{1,255}$/u),
      sha256: row.text(SHA256),
      sizeBytes: row.whole(IMAGES_BYTES_MAX),
    };
    row.end();
    sizeBytes += image.sizeBytes;
    return image;
  });
  fields.end();
  if (sizeBytes > IMAGES_BYTES_MAX) throw new FormatError("the images are too large");
  return { program, machine, images };
}

/** Before the bytes of a piece: 32 bytes of the image's SHA-256, 8 bytes of offset. */
export const PIECE_HEAD_BYTES = 40;

/** Encodes pieces of images one after the other, each in place of the one before: fresh memory costs more. */
export class PieceEncoder {
  readonly #payload = new Uint8Array(PIECE_HEAD_BYTES + PIECE_BYTES);

  /** @returns the payload, until the next call */
  encode(sha256: string, offset: number, bytes: Uint8Array): Uint8Array {
    const payload = this.#payload.subarray(0, PIECE_HEAD_BYTES + bytes.length);
    payload.set(Uint8Array.from(sha256.match(/../g)!, (digits) => parseInt(digits, 16)));
    new DataView(payload.buffer).setBigUint64(32, BigInt(offset), true);
    payload.set(bytes, PIECE_HEAD_BYTES);
    return payload;
  }
}

export function decodePiece(
  payload: Uint8Array,
): { readonly sha256: string; readonly offset: number; readonly bytes: Uint8Array } {
  if (payload.length < PIECE_HEAD_BYTES) throw new FormatError("a piece of an image is too short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return {
    sha256: hex(payload.subarray(0, 32)),
    offset: Number(view.getBigUint64(32, true)),
    bytes: payload.subarray(PIECE_HEAD_BYTES),
  };
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
