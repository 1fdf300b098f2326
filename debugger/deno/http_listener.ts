/** The TCP end of the HTTP face: on loopback only. */
import { type HttpFace, isLoopback } from "../http/app.ts";

/** A token that nobody guesses. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Serves the face until it is closed. */
export class HttpListener {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #face: HttpFace;
  /** Ends all connections and what they wait for. */
  readonly #closing = new AbortController();

  /**
   * @param port 0: any free port
   * @throws RangeError if the host name is not one of this machine alone
   */
  constructor(hostname: string, port: number, face: HttpFace) {
    if (!isLoopback(hostname)) {
      throw new RangeError(`${hostname} is not a loopback address, such as 127.0.0.1`);
    }
    this.#face = face;
    const { signal } = this.#closing;
    this.#server = Deno.serve(
      { hostname, port, signal, onListen: () => {} },
      // A request's own signal fires when its client is gone.
      (request) => face.fetch(request, AbortSignal.any([request.signal, signal])),
    );
  }

  /** HOST:PORT */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#server.finished;
    await this.#face.close();
  }
}
