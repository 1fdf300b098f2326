/** Packed images in a folder of the host's cache. Its files may go at any time, and none is needed. */
import fs from "node:fs";
import { join } from "node:path";
import { removeQuietly, writeWhole } from "../../deno/whole_file.ts";
import type { PackedImages } from "../format/packed_image.ts";
import type { Pieces } from "../format/pieces.ts";

/** The kernel and initramfs of some guests; of more, those that were used last. */
const IMAGES_MAX = 8;

export class ImageCache implements PackedImages {
  constructor(readonly folder: string) {}

  get(sha256: string): Uint8Array | undefined {
    const path = join(this.folder, sha256);
    try {
      const bytes = fs.readFileSync(path);
      const now = new Date();
      fs.utimesSync(path, now, now); // it was used
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch {
      return undefined;
    }
  }

  /** Whole or not at all. Without it recordings are made as well: where it cannot be written, it is not. */
  put(sha256: string, packed: Pieces): void {
    try {
      fs.mkdirSync(this.folder, { recursive: true });
      if (writeWhole(join(this.folder, sha256), ...packed)) this.#evict();
    } catch {
      // The folder cannot be made, or has just gone.
    }
  }

  /** With it goes what a process that was killed has left half written. */
  #evict(): void {
    const files = fs.readdirSync(this.folder).map((name) => {
      const path = join(this.folder, name);
      return { path, usedMs: fs.statSync(path).mtimeMs };
    });
    const stale = files.toSorted((a, b) => b.usedMs - a.usedMs).slice(IMAGES_MAX);
    for (const { path } of stale) removeQuietly(path);
  }
}
