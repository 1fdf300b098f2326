/** Puts the images of a recording together from their pieces. Source: FORMAT.md, "IMAG". */
import { type Codec, FormatError } from "./codec.ts";
import { decodePiece, hex, type ImageInfo } from "./header.ts";
import type { Image } from "./chunk_file.ts";

export class ImageReader {
  readonly #pieces = new Map<string, { sizeBytes: number; pieces: Uint8Array[] }>();

  constructor(readonly infos: readonly ImageInfo[], readonly codec: Codec) {
    for (const { sha256 } of infos) this.#pieces.set(sha256, { sizeBytes: 0, pieces: [] });
  }

  /** The pieces of an image come in order, without a gap. */
  piece(payload: Uint8Array): void {
    const { sha256, offset, bytes } = decodePiece(payload);
    const image = this.#pieces.get(sha256);
    const info = this.infos.find((info) => info.sha256 === sha256);
    if (image === undefined || info === undefined) {
      throw new FormatError("a piece of an image that the header does not name");
    }
    if (
      offset !== image.sizeBytes || bytes.length === 0 || offset + bytes.length > info.sizeBytes
    ) {
      throw new FormatError(`a piece of image ${info.name} that is none of it`);
    }
    image.sizeBytes += bytes.length;
    image.pieces.push(bytes);
  }

  /** @throws FormatError unless every image is whole */
  finish(damage: string | undefined): Image[] {
    return this.infos.map(({ role, name, sha256, sizeBytes }) => {
      const image = this.#pieces.get(sha256)!;
      if (image.sizeBytes !== sizeBytes) {
        throw new FormatError(damage ?? `the recording ends within image ${name}`);
      }
      const bytes = new Uint8Array(sizeBytes);
      let at = 0;
      for (const piece of image.pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      if (hex(this.codec.sha256(bytes)) !== sha256) {
        throw new FormatError(`image ${name} is not the one that the header names`);
      }
      return { role, name, bytes };
    });
  }
}
