/** A cable to another program through a Unix socket: a QEMU guest with `-netdev stream`, or any other. */
import type { NetworkEnd } from "../host/network_end.ts";
import type { NetworkMailbox } from "../host/network_mailbox.ts";
import { FrameConnection } from "./frame_connection.ts";
import { NetworkError } from "./network_error.ts";

/** @throws NetworkError if nobody listens there */
export async function connectUnix(path: string, mailbox: NetworkMailbox): Promise<NetworkEnd> {
  const conn = await Deno.connect({ transport: "unix", path }).catch((error) => {
    throw new NetworkError(`unix:${path}: ${reasonOf(error)}`);
  });
  return new FrameConnection(conn, mailbox, (why) => mailbox.close(why));
}

/** The link is up while somebody is connected: one at a time, one after another. */
export class UnixListener implements NetworkEnd {
  #connection: FrameConnection | undefined;
  #isOpen = true;

  private constructor(
    readonly path: string,
    readonly listener: Deno.Listener<Deno.Conn>,
    readonly mailbox: NetworkMailbox,
  ) {
    mailbox.setLink(false);
    this.#accept();
  }

  /** @throws NetworkError if the path cannot be listened on */
  static async open(path: string, mailbox: NetworkMailbox): Promise<UnixListener> {
    if (await isTaken(path)) throw new NetworkError(`unix:${path},listen: the path is taken`);
    try {
      return new UnixListener(path, Deno.listen({ transport: "unix", path }), mailbox);
    } catch (error) {
      throw new NetworkError(`unix:${path},listen: ${reasonOf(error)}`);
    }
  }

  send(frame: Uint8Array): void {
    this.#connection?.send(frame);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#connection?.close();
    this.listener.close();
    try {
      Deno.removeSync(this.path);
    } catch {
      // Somebody else has removed it.
    }
  }

  async #accept(): Promise<void> {
    for (;;) {
      const conn = await this.listener.accept().catch(() => undefined);
      if (conn === undefined) return this.mailbox.close("nobody listens any more");
      if (this.#connection !== undefined) {
        conn.close();
        continue;
      }
      await this.mailbox.room();
      this.mailbox.setLink(true);
      this.#connection = new FrameConnection(conn, this.mailbox, (why) => this.#left(why));
    }
  }

  #left(why: string): void {
    this.#connection = undefined;
    this.mailbox.tell("end-closed", why);
    this.mailbox.setLink(false);
  }
}

/** Removes a socket that somebody left behind. Anything else that is there stays, and stands in the way. */
async function isTaken(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (!info?.isSocket) return info !== undefined;
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) return true;
    await Deno.remove(path);
    return false;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such socket";
  if (error instanceof Deno.errors.ConnectionRefused) return "nobody listens there";
  return error instanceof Error ? error.message : String(error);
}
