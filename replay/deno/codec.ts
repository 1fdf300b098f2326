/** Compression and sums by Deno's zlib and crypto. */
import { createHash } from "node:crypto";
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Codec } from "../format/codec.ts";

const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export const codec: Codec = {
  compress: (bytes) => zstdCompressSync(bytes, OPTIONS),
  decompress: (bytes, sizeBytesMax) => {
    const all = zstdDecompressSync(bytes, { maxOutputLength: Math.max(sizeBytesMax, 1) });
    // No Buffer, whose slice() would be no copy.
    return new Uint8Array(all.buffer, all.byteOffset, all.length);
  },
  crc32: (...pieces) => pieces.reduce((sum, bytes) => crc32(bytes, sum), 0),
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};
