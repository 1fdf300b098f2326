/** An end in memory, for tests and browsers. */
import type { NetworkEnd } from "./network_end.ts";
import type { NetworkMailbox } from "./network_mailbox.ts";

/** Frames that nobody has taken are kept up to this number. */
export const SENT_FRAMES_MAX = 4096;

export class MemoryEnd implements NetworkEnd {
  /** What the guest has sent, the oldest first. */
  #sent: Uint8Array[] = [];

  /** @param onFrame called with each frame that the guest sends; absent: they wait for `taken` */
  constructor(
    readonly mailbox: NetworkMailbox,
    readonly onFrame?: (frame: Uint8Array) => void,
  ) {}

  send(frame: Uint8Array): void {
    if (this.onFrame !== undefined) this.onFrame(frame);
    else if (this.#sent.length < SENT_FRAMES_MAX) this.#sent.push(frame);
    else this.mailbox.lose("from the guest, which nobody took");
  }

  /** Removes and returns what the guest has sent. */
  taken(): Uint8Array[] {
    return this.#sent.splice(0);
  }

  close(): void {
    this.mailbox.close("the other end of the cable has gone");
  }
}
