/** Puts the images of a recording together from their pieces. Source: FORMAT.md, "IMAG". */
import { printable } from "./cbor.ts";
import { type Codec, FormatError } from "./codec.ts";
import { decodePiece, hex, type ImageInfo, IMAGES_BYTES_MAX } from "./header.ts";
import type { Image } from "./chunk_file.ts";

export class ImageReader {
  readonly #pieces = new Map<
    string,
    { info: ImageInfo; sizeBytes: number; pieces: Uint8Array[] }
  >();
  readonly #whole = new Map<string, Uint8Array>();

  constructor(readonly codec: Codec) {}

  /** Names images whose pieces will come. @throws FormatError if they are too many */
  expect(infos: readonly ImageInfo[]): void {
    for (const info of infos) this.#pieces.set(info.sha256, { info, sizeBytes: 0, pieces: [] });
    const sizeBytes = [...this.#pieces.values()].reduce((sum, it) => sum + it.info.sizeBytes, 0);
    if (sizeBytes > IMAGES_BYTES_MAX) throw new FormatError("the images are too large");
  }

  /** The pieces of an image come in order, without a gap. */
  piece(payload: Uint8Array): void {
    const { sha256, offset, bytes } = decodePiece(payload);
    const image = this.#pieces.get(sha256);
    if (image === undefined) {
      throw new FormatError("a piece of an image that the header does not name");
    }
    const { name, sizeBytes } = image.info;
    if (offset !== image.sizeBytes || bytes.length === 0 || offset + bytes.length > sizeBytes) {
      throw new FormatError(`a piece of image ${printable(name)} that is none of it`);
    }
    image.sizeBytes += bytes.length;
    image.pieces.push(bytes);
  }

  /** @throws FormatError unless every image is whole */
  finish(infos: readonly ImageInfo[], damage: string | undefined): Image[] {
    return infos.map((info) => ({
      role: info.role,
      name: info.name,
      bytes: this.#image(info, damage),
    }));
  }

  // Images with one content are one array.
  #image({ name, sha256, sizeBytes }: ImageInfo, damage: string | undefined): Uint8Array {
    const image = this.#pieces.get(sha256)!;
    if (image.sizeBytes !== sizeBytes) {
      throw new FormatError(damage ?? `the recording ends within image ${printable(name)}`);
    }
    let bytes = this.#whole.get(sha256);
    if (bytes === undefined) {
      bytes = joined(image.pieces, sizeBytes);
      if (hex(this.codec.sha256(bytes)) !== sha256) {
        throw new FormatError(`image ${printable(name)} is not the one that the header names`);
      }
      this.#whole.set(sha256, bytes);
    }
    return bytes;
  }
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
