/** A recording's file while it is written. */
import fs from "node:fs";
import type { ByteSink } from "../format/codec.ts";

/** Half of what a killed recording may lose at most, so that a late slice does not exceed it. */
const FLUSH_MS = 50;

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

  constructor(readonly path: string, cause: unknown) {
    const { code, message } = cause as { code?: string; message?: string };
    super(`cannot write the recording ${path}: ${WORDS[code ?? ""] ?? message}`, { cause });
  }
}

export class FileSink implements ByteSink {
  readonly #descriptor: number;
  #sizeBytes = 0;
  #writtenMs = performance.now();

  /** @throws RecordingError if the file cannot be created */
  constructor(readonly path: string) {
    try {
      this.#descriptor = fs.openSync(path, "w");
    } catch (error) {
      throw new RecordingError(path, error);
    }
  }

  isDue(): boolean {
    return performance.now() - this.#writtenMs >= FLUSH_MS;
  }

  write(bytes: Uint8Array): void {
    let done = 0;
    try {
      while (done < bytes.length) {
        done += fs.writeSync(this.#descriptor, bytes, done, bytes.length - done);
      }
    } catch (error) {
      this.#undo();
      throw new RecordingError(this.path, error);
    }
    this.#sizeBytes += bytes.length;
    this.#writtenMs = performance.now();
  }

  close(): void {
    fs.closeSync(this.#descriptor);
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
