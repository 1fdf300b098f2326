/** A {@link Profile} that outlives the process: a file in the host's cache, which may go at any time. */
import { Buffer } from "node:buffer";
import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Profile } from "../../core/hart/jit/profile.ts";
import { writeWhole } from "../../deno/whole_file.ts";

/** Before the sum and the compressed profile; another format has another one. */
const MAGIC = "hindsight profile 2\n";
const SUM_BYTES = 4;
/** Of the uncompressed profile. */
const BYTES_MAX = 8 << 20;

/** Read when it is made. A file that is damaged or cannot be read is as good as none. */
export class ProfileFile {
  readonly profile = new Profile();

  constructor(readonly path: string) {
    this.#read();
    this.profile.settle();
  }

  /**
   * Writes down what is new, beside what others have written since; whole or not at all. Without a
   * profile machines run as well, if not as fast: where it cannot be written, nothing is.
   */
  save(): void {
    if (!this.profile.isChanged) return;
    this.#read();
    const compressed = zstdCompressSync(this.profile.bytes);
    const sum = Buffer.alloc(SUM_BYTES);
    sum.writeUInt32LE(crc32(compressed));
    if (writeWhole(this.path, Buffer.from(MAGIC), sum, compressed)) this.profile.settle();
  }

  #read(): void {
    try {
      const file = Buffer.from(Deno.readFileSync(this.path).buffer);
      const compressed = file.subarray(MAGIC.length + SUM_BYTES);
      if (file.toString("latin1", 0, MAGIC.length) !== MAGIC) return;
      if (file.readUInt32LE(MAGIC.length) !== crc32(compressed)) return;
      this.profile.add(zstdDecompressSync(compressed, { maxOutputLength: BYTES_MAX }));
    } catch {
      // There is none, or it is none of ours: the next one that is written replaces it.
    }
  }
}
