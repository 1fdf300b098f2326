/** What the format needs of its host: compression, sums, and a place for the bytes. */

import { lengthOf, type Pieces } from "./pieces.ts";

/** Compression and sums. Sources: RFC 8878 (Zstandard), RFC 1952 section 8 (CRC-32), FIPS 180-4 (SHA-256). */
export interface Codec {
  /** Zstandard at level 1. */
  compress(bytes: Uint8Array): Uint8Array;
  /** @throws Error if the bytes are damaged or hold more than `sizeBytesMax` */
  decompress(bytes: Uint8Array, sizeBytesMax: number): Uint8Array;
  /** CRC-32 of the pieces one after the other, unsigned. */
  crc32(...pieces: readonly Uint8Array[]): number;
  sha256(bytes: Uint8Array): Uint8Array;
}

/** Where a recording goes. */
export interface ByteSink {
  /** Appends all of the pieces, or throws and leaves the file as it was. */
  write(...pieces: Pieces): void;
  /** Whether so much time has passed since the last write that the next is due. */
  isDue(): boolean;
}

/** Where a recording comes from. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Bytes within the source; all of them, or it throws. */
  read(offset: number, sizeBytes: number): Uint8Array;
}

/** A file that is not a recording, is damaged, or is of a version that this build does not know. The message is one line. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

/** A recording in memory. */
export class MemoryFile implements ByteSink, ByteSource {
  #bytes = new Uint8Array(64 * 1024);
  sizeBytes = 0;

  constructor(content: Uint8Array = new Uint8Array()) {
    this.write(content);
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.sizeBytes);
  }

  isDue(): boolean {
    return true;
  }

  write(...pieces: Pieces): void {
    const sizeBytes = this.sizeBytes + lengthOf(pieces);
    if (sizeBytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(sizeBytes, 2 * this.#bytes.length));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    for (const piece of pieces) {
      this.#bytes.set(piece, this.sizeBytes);
      this.sizeBytes += piece.length;
    }
  }

  read(offset: number, sizeBytes: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + sizeBytes);
  }
}
