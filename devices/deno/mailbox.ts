/** What a live end has received and the machine has not yet taken. */
import { HOST_DEVICE } from "../../core/host_event.ts";
import type { Input } from "../../core/host.ts";

/** An end that has this many bytes waiting must hold back more. */
export const MAILBOX_BYTES_MAX = 64 * 1024;

/** Console input comes in pieces of this size at most. */
const PIECE_BYTES_MAX = 4096;

/** A bounded queue of console input for one device, filled at any time and drained by the machine. */
export class Mailbox {
  readonly #pieces: Uint8Array[] = [];
  #tellsEnd = false;
  #sizeBytes = 0;
  #isOpen = true;
  #onRoom: (() => void) | undefined;

  /** @param onArrival called after each change that the machine may be waiting for */
  constructor(readonly device: string, readonly onArrival: () => void) {}

  /** Whether more may come: while it does, the machine waits in wall time. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0 && !this.#tellsEnd;
  }

  /** Puts bytes in; resolves when there is room for more. */
  async post(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += PIECE_BYTES_MAX) {
      this.#pieces.push(bytes.slice(start, start + PIECE_BYTES_MAX));
    }
    this.#sizeBytes += bytes.length;
    this.onArrival();
    if (this.#sizeBytes < MAILBOX_BYTES_MAX) return;
    await new Promise<void>((resolve) => this.#onRoom = resolve);
  }

  take(): Input | undefined {
    const bytes = this.#pieces.shift();
    if (bytes === undefined) return this.#takeEnd();
    this.#sizeBytes -= bytes.length;
    if (this.#sizeBytes < MAILBOX_BYTES_MAX) {
      this.#onRoom?.();
      this.#onRoom = undefined;
    }
    return { device: this.device, kind: "console", bytes };
  }

  /** Nothing more will come. A second call does nothing. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#tellsEnd = true;
    this.onArrival();
  }

  #takeEnd(): Input | undefined {
    if (!this.#tellsEnd) return undefined;
    this.#tellsEnd = false;
    return {
      device: HOST_DEVICE,
      kind: "host",
      event: "end-closed",
      concerns: this.device,
      text: "the other end of the console has closed",
    };
  }
}
