/** A disk's backing store: a file on the host. */
import fs from "node:fs";
import type { DiskRequest } from "../../core/host.ts";
import { SECTOR_BYTES } from "../virtio/disk.ts";

/**
 * What becomes of what the guest writes: kept in the machine and lost with it (`overlay`), refused
 * (`ro`), or written to the file as well (`through`).
 */
export type DiskAccess = "overlay" | "ro" | "through";

/** The host's answer: an errno name, or the bytes of a read. */
export interface DiskAnswer {
  readonly error: string | undefined;
  readonly bytes?: Uint8Array;
}

/**
 * Up to this size a transfer is made at once: on cached data it takes 2 µs, and through the thread
 * pool 20 µs or more, which a guest that waits for each of its reads would feel.
 */
const IMMEDIATE_BYTES_MAX = 256 * 1024;

const DONE: DiskAnswer = { error: undefined };

/** A file cannot be a disk. The message is one line. */
export class DiskFileError extends Error {
  override readonly name = "DiskFileError";
}

export class DiskFile {
  readonly #descriptor: number;

  private constructor(
    readonly path: string,
    readonly access: DiskAccess,
    readonly sizeBytes: number,
    descriptor: number,
  ) {
    this.#descriptor = descriptor;
  }

  /** @throws DiskFileError if the file cannot be opened or is not a whole number of sectors */
  static open(path: string, access: DiskAccess): DiskFile {
    let descriptor: number;
    try {
      descriptor = fs.openSync(path, access === "through" ? "r+" : "r");
    } catch (error) {
      throw new DiskFileError(`${path}: cannot open the disk: ${errnoName(error)}`);
    }
    try {
      const status = fs.fstatSync(descriptor);
      if (status.isDirectory()) throw new DiskFileError(`${path}: is a directory, not a disk`);
      if (!status.isFile()) throw new DiskFileError(`${path}: is not a regular file`);
      if (status.size === 0 || status.size % SECTOR_BYTES !== 0) {
        throw new DiskFileError(
          `${path}: a disk has a multiple of ${SECTOR_BYTES} bytes, this file has ${status.size}`,
        );
      }
      return new DiskFile(path, access, status.size, descriptor);
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
  }

  /** Serves a request; small transfers at once. Errors are answers, never exceptions. */
  serve(request: DiskRequest): DiskAnswer | Promise<DiskAnswer> {
    switch (request.operation) {
      case "read":
        return this.#read(request.offset, request.sizeBytes);
      case "write":
        return this.access === "through" ? this.#write(request.offset, request.bytes!) : DONE;
      case "flush":
        return this.access === "through" ? this.#flush() : DONE;
      case "discard":
        return DONE; // a hint; the device keeps the content
    }
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  #read(offset: number, sizeBytes: number): DiskAnswer | Promise<DiskAnswer> {
    if (sizeBytes === 0) return { error: undefined, bytes: new Uint8Array() };
    const bytes = new Uint8Array(sizeBytes);
    if (sizeBytes > IMMEDIATE_BYTES_MAX) return this.#readLater(offset, bytes);
    try {
      let filled = 0;
      while (filled < sizeBytes) {
        const count = fs.readSync(
          this.#descriptor,
          bytes,
          filled,
          sizeBytes - filled,
          offset + filled,
        );
        if (count === 0) return { error: "EIO" }; // the file has become shorter
        filled += count;
      }
      return { error: undefined, bytes };
    } catch (error) {
      return { error: errnoName(error) };
    }
  }

  /** Positions are given with each read: nothing else moves them meanwhile. */
  #readLater(offset: number, bytes: Uint8Array): Promise<DiskAnswer> {
    return new Promise((resolve) => {
      const more = (filled: number) =>
        fs.read(
          this.#descriptor,
          bytes,
          filled,
          bytes.length - filled,
          offset + filled,
          (error, count) => {
            if (error) resolve({ error: errnoName(error) });
            else if (count === 0) resolve({ error: "EIO" });
            else if (filled + count < bytes.length) more(filled + count);
            else resolve({ error: undefined, bytes });
          },
        );
      more(0);
    });
  }

  /** At once whatever the size, so that writes reach the file in the guest's order. */
  #write(offset: number, bytes: Uint8Array): DiskAnswer {
    try {
      let done = 0;
      while (done < bytes.length) {
        done += fs.writeSync(this.#descriptor, bytes, done, bytes.length - done, offset + done);
      }
      return DONE;
    } catch (error) {
      return { error: errnoName(error) };
    }
  }

  #flush(): Promise<DiskAnswer> {
    return new Promise((resolve) =>
      fs.fsync(
        this.#descriptor,
        (error) => resolve(error ? { error: errnoName(error) } : DONE),
      )
    );
  }
}

/** The name in errno.h of what went wrong; `EIO` if the host has no name for it. */
export function errnoName(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "EIO";
}
