/** A recording's file while it is read. */
import fs from "node:fs";
import { type ByteSource, FormatError } from "../format/codec.ts";

export class FileSource implements ByteSource {
  readonly #descriptor: number;
  readonly sizeBytes: number;

  /** @throws FormatError if it is no regular file; an error with an errno code if it cannot be opened */
  constructor(readonly path: string) {
    this.#descriptor = fs.openSync(path, "r");
    const status = fs.fstatSync(this.#descriptor);
    if (!status.isFile()) {
      this.close();
      throw new FormatError("not a regular file");
    }
    this.sizeBytes = status.size;
  }

  read(offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const count = fs.readSync(this.#descriptor, bytes, done, sizeBytes - done, offset + done);
      if (count === 0) throw new FormatError("the file has become shorter");
      done += count;
    }
    return bytes;
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
