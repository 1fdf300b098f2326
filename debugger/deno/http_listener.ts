/** The TCP end of the HTTP face: on loopback only. */
import type { HttpFace } from "../http/app.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** A token that nobody guesses. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Serves the face until it is closed. */
export class HttpListener {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #face: HttpFace;

  /**
   * @param port 0: any free port
   * @throws RangeError if the host name is not one of this machine alone
   */
  constructor(hostname: string, port: number, face: HttpFace) {
    if (!LOOPBACK.test(hostname)) {
      throw new RangeError(`${hostname} is not a loopback address, such as 127.0.0.1`);
    }
    this.#face = face;
    this.#server = Deno.serve(
      { hostname, port, onListen: () => {} },
      (request, { completed }) => {
        const gone = new AbortController();
        completed.catch(() => gone.abort());
        return face.fetch(request, gone.signal);
      },
    );
  }

  /** HOST:PORT */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
    await this.#face.close();
  }
}
