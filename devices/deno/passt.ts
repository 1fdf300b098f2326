/**
 * A cable to the host's network, through a process of Debian's `passt`: it is the guest's gateway,
 * DHCP and DNS server, and opens the guest's connections as the host's own. No privilege is needed.
 */
import type { NetworkEnd } from "../host/network_end.ts";
import type { NetworkMailbox } from "../host/network_mailbox.ts";
import { FrameConnection } from "./frame_connection.ts";
import { NetworkError } from "./network_error.ts";

/** A port of the host's loopback that leads to one of the guest. */
export interface Forward {
  readonly protocol: "tcp" | "udp";
  readonly hostPort: number;
  readonly guestPort: number;
}

/** As QEMU's user network has it, so that a guest sees the same wherever it runs. */
const ADDRESSES = {
  "--address": "10.0.2.15",
  "--netmask": "24",
  /** What the guest sends here goes to the host's loopback. */
  "--gateway": "10.0.2.2",
  "--mac-addr": "52:55:0a:00:02:02",
  "--dns": "10.0.2.3",
  "--dns-forward": "10.0.2.3",
};

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 5;
/** As whom passt runs where it is started as root. */
const NOBODY = 65534;

export class Passt implements NetworkEnd {
  readonly #connection: FrameConnection;

  private constructor(
    readonly process: Deno.ChildProcess,
    conn: Deno.Conn,
    mailbox: NetworkMailbox,
  ) {
    this.#connection = new FrameConnection(conn, mailbox, () => mailbox.close("passt has ended"));
    process.unref();
  }

  /** @throws NetworkError if passt is missing, or does not start */
  static async open(forwards: readonly Forward[], mailbox: NetworkMailbox): Promise<Passt> {
    const folder = Deno.makeTempDirSync({ prefix: "hindsight-" });
    try {
      // Where it is started as root it makes its socket as nobody.
      if (Deno.uid() === 0) Deno.chownSync(folder, NOBODY, NOBODY);
      const path = `${folder}/passt`;
      const process = start(path, forwards);
      try {
        return new Passt(process, await connect(path, process), mailbox);
      } catch (error) {
        kill(process);
        throw error;
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }

  send(frame: Uint8Array): void {
    this.#connection.send(frame);
  }

  close(): void {
    this.#connection.close();
    kill(this.process);
  }
}

/** It ends by itself when its one connection does, so also when this process is killed. */
function start(path: string, forwards: readonly Forward[]): Deno.ChildProcess {
  const args = [
    "--foreground",
    "--stderr",
    "--one-off",
    "--ipv4-only",
    "--socket",
    path,
    ...Object.entries(ADDRESSES).flat(),
    ...(["tcp", "udp"] as const).flatMap((protocol) => {
      const ports = forwards.filter((forward) => forward.protocol === protocol)
        .map(({ hostPort, guestPort }) => `${hostPort}:${guestPort}`);
      return ports.length === 0 ? [] : [`--${protocol}-ports`, `127.0.0.1/${ports.join(",")}`];
    }),
  ];
  try {
    return new Deno.Command("passt", { args, stdin: "null", stdout: "null", stderr: "piped" })
      .spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NetworkError("--nic user needs passt, which is missing: apt-get install passt");
  }
}

/** passt says on standard error why it ends; otherwise its socket is there before long. */
async function connect(path: string, process: Deno.ChildProcess): Promise<Deno.Conn> {
  const lines = new LastLines(process.stderr);
  let hasEnded = false;
  const ended = process.status.then(() => hasEnded = true);
  for (const startMs = performance.now(); performance.now() - startMs < START_TIMEOUT_MS;) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch {
      if (hasEnded) break;
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, RETRY_MS))]);
    }
  }
  await Promise.race([lines.closed, new Promise((resolve) => setTimeout(resolve, RETRY_MS))]);
  throw new NetworkError(`passt did not start: ${lines.last ?? "it said nothing"}`);
}

/** Reads all that a process says, and remembers the end of it. */
class LastLines {
  last: string | undefined;
  readonly closed: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.closed = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!.slice(-1000);
      // Where there is no system log it complains of every line.
      this.last = lines.findLast((line) => !/^(Failed to send .* to syslog)?$/.test(line)) ??
        this.last;
    }
  }
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill();
  } catch {
    // It has ended already.
  }
}
