/** The TCP end of the gdb face: several clients, one after another. */
import type { Command } from "../command.ts";
import type { Debugger } from "../debugger.ts";
import { GdbSession } from "../gdb/session.ts";

/** Where to listen, and for whom. */
export interface GdbListenerOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  readonly commands: readonly Command[];
  /** All clients see this debugger, so that the next one finds what the last one left. */
  readonly debug: Debugger;
}

/** Serves gdb until it is closed. */
export class GdbListener {
  readonly #listener: Deno.TcpListener;
  readonly #options: GdbListenerOptions;
  readonly #done: Promise<void>;
  #connection: Deno.TcpConn | undefined;

  /** Listens at once. @throws the host's error if the address cannot be had */
  constructor(options: GdbListenerOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: options.hostname, port: options.port });
    this.#done = this.#serve();
  }

  /** HOST:PORT */
  get address(): string {
    const { hostname, port } = this.#listener.addr;
    return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** Ends the client's connection too. */
  async close(): Promise<void> {
    this.#listener.close();
    closeQuietly(this.#connection);
    await this.#done;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#connection = connection;
      connection.setNoDelay(true);
      await this.#client(connection);
      this.#connection = undefined;
    }
  }

  async #client(connection: Deno.TcpConn): Promise<void> {
    const { debug, commands } = this.#options;
    let sent: Promise<void> = Promise.resolve();
    const session = new GdbSession(debug, commands, {
      send: (bytes) => {
        sent = sent.then(() => writeAll(connection, bytes)).catch(() => closeQuietly(connection));
      },
      over: () => {
        sent.then(() => closeQuietly(connection));
      },
    });
    const buffer = new Uint8Array(65536);
    try {
      for (;;) {
        const count = await connection.read(buffer);
        if (count === null) break;
        session.feed(buffer.subarray(0, count));
      }
    } catch {
      // The client is gone, in whatever way; the next one is welcome.
    }
    await session.close();
    await sent;
    closeQuietly(connection);
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

function closeQuietly(connection: Deno.TcpConn | undefined): void {
  try {
    connection?.close();
  } catch {
    // It was closed already.
  }
}
