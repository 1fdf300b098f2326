/** One connection over which frames go both ways, as QEMU's `-netdev stream` has them. */
import { FrameReader, streamFrame } from "../host/frame_stream.ts";
import type { NetworkMailbox } from "../host/network_mailbox.ts";

const READ_BYTES = 256 * 1024;
/** What a peer that does not read leaves waiting; more is lost. */
export const UNSENT_BYTES_MAX = 4 * 1024 * 1024;

export class FrameConnection {
  readonly #unsent: Uint8Array<ArrayBuffer>[] = [];
  #unsentBytes = 0;
  #isWriting = false;
  #isOpen = true;

  /** @param onEnd called once with the reason when the connection ends without {@link close} */
  constructor(
    readonly conn: Deno.Conn,
    readonly mailbox: NetworkMailbox,
    readonly onEnd: (why: string) => void,
  ) {
    this.#read();
  }

  send(frame: Uint8Array): void {
    if (!this.#isOpen) return;
    if (this.#unsentBytes >= UNSENT_BYTES_MAX) {
      return this.mailbox.lose("from the guest, which its peer did not read");
    }
    this.#unsent.push(streamFrame(frame));
    this.#unsentBytes += frame.length;
    if (!this.#isWriting) this.#write();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.conn.close();
  }

  /** Whoever sends faster than the guest takes waits. */
  async #read(): Promise<void> {
    const reader = new FrameReader();
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const count = await this.conn.read(buffer);
        if (count === null) return this.#end("the peer has gone");
        for (const frame of reader.feed(buffer.subarray(0, count))) {
          if (!this.mailbox.hasRoom) await this.mailbox.room();
          if (!this.#isOpen) return;
          this.mailbox.post(frame);
        }
      }
    } catch (error) {
      this.#end(reasonOf(error));
    }
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#unsent.length > 0) {
        const bytes = joined(this.#unsent.splice(0));
        for (let done = 0; done < bytes.length;) {
          done += await this.conn.write(bytes.subarray(done));
        }
        this.#unsentBytes = this.#unsent.reduce((sum, { length }) => sum + length, 0);
      }
    } catch (error) {
      this.#end(reasonOf(error));
    } finally {
      this.#isWriting = false;
    }
  }

  #end(why: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.onEnd(why);
  }
}

function joined(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (pieces.length === 1) return pieces[0];
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const piece of pieces) {
    all.set(piece, filled);
    filled += piece.length;
  }
  return all;
}

/** One line of printable ASCII, as a host event wants it. */
function reasonOf(error: unknown): string {
  const text = error instanceof RangeError ? `the peer announced ${error.message}` : `${error}`;
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}
