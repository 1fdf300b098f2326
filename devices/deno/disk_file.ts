/** A disk's backing store: a file on the host. */
import fs from "node:fs";
import type { HostEvent } from "../../core/host_event.ts";
import type { DiskRequest } from "../../core/host.ts";
import { SECTOR_BYTES } from "../virtio/disk.ts";
import { type Changed, ImageWatch } from "./image_watch.ts";
import { TouchedMemory } from "./touched_memory.ts";

/**
 * What becomes of what the guest writes: kept in the machine and lost with it (`overlay`), refused
 * (`ro`), or written to the file as well (`through`).
 */
export type DiskAccess = "overlay" | "ro" | "through";

/** The host's answer: an errno name, or the bytes of a read. */
export interface DiskAnswer {
  readonly error: string | undefined;
  readonly bytes?: Uint8Array;
  /** What the guest cannot see of it. */
  readonly events?: readonly DiskEvent[];
}

/** Something about a disk's file that is worth a host event. */
export type DiskEvent = Pick<
  HostEvent,
  "event" | "request" | "error" | "offset" | "text" | "bytes"
>;

/** What became of a transfer; of a read that failed, the bytes that there were. */
interface Transfer {
  readonly error: string | undefined;
  readonly bytes?: Uint8Array;
  /** In words, where the error's name does not say it. */
  readonly reason?: string;
}

/**
 * Up to this size a transfer is made at once: on cached data it takes 3 µs for 4 KiB, 0.5 ms for
 * 1 MiB, and through the thread pool 30 µs or more on an idle host and milliseconds on a busy one,
 * which a guest that waits for each of its reads would feel. Debian's Linux asks for 1.25 MiB at most
 * (max_sectors_kb).
 */
export const IMMEDIATE_BYTES_MAX = 4 * 1024 * 1024;

/** So often a file is asked, when the guest reads, whether somebody has changed it. */
const CHANGE_CHECK_MS = 1000;

const DONE: Transfer = { error: undefined };

/** A file cannot be a disk. The message is one line. */
export class DiskFileError extends Error {
  override readonly name = "DiskFileError";
}

export class DiskFile {
  readonly #descriptor: number;
  readonly #watch: ImageWatch;
  /** The time of change up to which the file is known. */
  #mtimeMs: number;
  #checkedMs: number;

  private constructor(
    readonly path: string,
    readonly access: DiskAccess,
    readonly sizeBytes: number,
    descriptor: number,
    mtimeMs: number,
    readonly nowMs: () => number,
    readonly memory: TouchedMemory,
  ) {
    this.#descriptor = descriptor;
    this.#watch = new ImageWatch(sizeBytes);
    this.#mtimeMs = mtimeMs;
    this.#checkedMs = nowMs();
  }

  /**
   * @param nowMs milliseconds of wall time, for tests
   * @param memory for what is read; may be shared with other disks
   * @throws DiskFileError if the file cannot be opened or is not a whole number of sectors
   */
  static open(
    path: string,
    access: DiskAccess,
    { nowMs = () => performance.now(), memory = new TouchedMemory(() => {}) }: {
      readonly nowMs?: () => number;
      readonly memory?: TouchedMemory;
    } = {},
  ): DiskFile {
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
      return new DiskFile(path, access, status.size, descriptor, status.mtimeMs, nowMs, memory);
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
  }

  /** Serves a request; small transfers at once. Errors are answers, never exceptions. */
  serve(request: DiskRequest): DiskAnswer | Promise<DiskAnswer> {
    const transfer = this.#transfer(request);
    if (transfer instanceof Promise) return transfer.then((it) => this.#answer(request, it));
    return this.#answer(request, transfer);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  #transfer(request: DiskRequest): Transfer | Promise<Transfer> {
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

  #answer(asked: DiskRequest, transfer: Transfer): DiskAnswer {
    const { error, bytes, reason } = transfer;
    const { request, operation, offset, sizeBytes } = asked;
    if (operation === "write" && this.access === "through") this.#watch.written(offset, sizeBytes);
    if (error !== undefined) {
      const what = sizeBytes > 0 ? `${operation} of ${sizeBytes} bytes at ${offset}` : operation;
      const text = `${what}: ${reason ?? error}`;
      const event = { event: "io-error", request, error, offset, text } as const;
      return { error, events: [bytes === undefined ? event : { ...event, bytes }] };
    }
    if (operation !== "read") return transfer;
    const changed = this.#watch.read(offset, bytes!);
    const elsewhere = this.#changedSince();
    if (changed.length + elsewhere.length === 0) return transfer;
    return { error, bytes, events: [...changed, ...elsewhere].map(imageChanged) };
  }

  /** Reads again what was read before, if the file's time of change says that it may be other. */
  #changedSince(): readonly Changed[] {
    const nowMs = this.nowMs();
    // What the guest writes through changes the time as well.
    if (this.access === "through" || nowMs - this.#checkedMs < CHANGE_CHECK_MS) return [];
    this.#checkedMs = nowMs;
    const { mtimeMs } = fs.fstatSync(this.#descriptor);
    if (mtimeMs === this.#mtimeMs) return [];
    const { changed, isAll } = this.#watch.readAgain((offset, bytes) =>
      this.#readNow(offset, bytes).error === undefined
    );
    if (isAll) this.#mtimeMs = mtimeMs;
    return changed;
  }

  #read(offset: number, sizeBytes: number): Transfer | Promise<Transfer> {
    if (sizeBytes === 0) return { error: undefined, bytes: new Uint8Array() };
    const bytes = this.memory.take(sizeBytes);
    if (sizeBytes > IMMEDIATE_BYTES_MAX) return this.#readLater(offset, bytes);
    return this.#readNow(offset, bytes);
  }

  #readNow(offset: number, bytes: Uint8Array): Transfer {
    try {
      let filled = 0;
      while (filled < bytes.length) {
        const count = fs.readSync(
          this.#descriptor,
          bytes,
          filled,
          bytes.length - filled,
          offset + filled,
        );
        if (count === 0) return short(offset, bytes.subarray(0, filled));
        filled += count;
      }
      return { error: undefined, bytes };
    } catch (error) {
      return { error: errnoName(error) };
    }
  }

  /** Positions are given with each read: nothing else moves them meanwhile. */
  #readLater(offset: number, bytes: Uint8Array): Promise<Transfer> {
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
            else if (count === 0) resolve(short(offset, bytes.subarray(0, filled)));
            else if (filled + count < bytes.length) more(filled + count);
            else resolve({ error: undefined, bytes });
          },
        );
      more(0);
    });
  }

  /** At once whatever the size, so that writes reach the file in the guest's order. */
  #write(offset: number, bytes: Uint8Array): Transfer {
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

  #flush(): Promise<Transfer> {
    return new Promise((resolve) =>
      fs.fsync(
        this.#descriptor,
        (error) => resolve(error ? { error: errnoName(error) } : DONE),
      )
    );
  }
}

/** The file has become shorter. */
function short(offset: number, bytes: Uint8Array): Transfer {
  return { error: "EIO", bytes, reason: `the file ends at byte ${offset + bytes.length}` };
}

function imageChanged({ offset, bytes }: Changed): DiskEvent {
  const text = `${bytes.length} bytes at ${offset} of the image are others than those read before`;
  return { event: "image-changed", offset, text, bytes };
}

/** The name in errno.h of what went wrong; `EIO` if the host has no name for it. */
export function errnoName(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "EIO";
}
