/** A recording's file while it is written. */
import fs from "node:fs";
import type { ByteSink } from "../format/codec.ts";
import { joined, lengthOf, type Pieces } from "../format/pieces.ts";

/** Pieces smaller than this, on average, are small. */
const PIECE_BYTES = 64 * 1024;

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the disk",
  EDQUOT: "no space left to this user",
  ENOENT: "no such folder",
  EACCES: "permission denied",
  EISDIR: "is a directory",
};

/** The recording cannot be written. The message is one line. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";

  /** @param why as {@link writeFault} says it */
  constructor(readonly path: string, why: string) {
    super(`cannot write the recording ${path}: ${why}`);
  }
}

/** What went wrong with a file, in words. */
export function writeFault(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return WORDS[code ?? ""] ?? message ?? String(error);
}

/** Makes an empty file. @throws RecordingError */
export function createFile(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, "w"));
  } catch (error) {
    throw new RecordingError(path, writeFault(error));
  }
}

/** Methods throw what the host throws. */
export class FileSink implements ByteSink {
  readonly #descriptor: number;
  #sizeBytes = 0;

  /** @param path an empty file */
  constructor(path: string) {
    this.#descriptor = fs.openSync(path, "r+");
  }

  isDue(): boolean {
    return true;
  }

  write(...pieces: Pieces): void {
    try {
      for (const piece of gathered(pieces)) this.#write(piece);
    } catch (error) {
      this.#undo();
      throw error;
    }
    this.#sizeBytes += lengthOf(pieces);
  }

  #write(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      done += fs.writeSync(this.#descriptor, bytes, done, bytes.length - done);
    }
  }

  /** A piece of a chunk is of no use; where it cannot be taken back, readers pass over it. */
  #undo(): void {
    try {
      fs.ftruncateSync(this.#descriptor, this.#sizeBytes);
    } catch {
      // The file ends within a chunk, as after a kill.
    }
  }
}

/** A call takes as long as to copy some tens of KiB: small pieces are written as one. */
function gathered(pieces: Pieces): Pieces {
  return lengthOf(pieces) < pieces.length * PIECE_BYTES ? [joined(pieces)] : pieces;
}
