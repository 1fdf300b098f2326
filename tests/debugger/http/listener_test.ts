/** The HTTP face on a real socket: clients that leave, that never end what they say, or that lie. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger } from "../../../debugger/debugger.ts";
import { eventLoopTurns } from "../../../debugger/deno/event_loop.ts";
import { HttpListener } from "../../../debugger/deno/http_listener.ts";
import { httpFace } from "../../../debugger/http/app.ts";
import { SymbolTable } from "../../../debugger/symbols/symbols.ts";
import { record, timelineOf } from "../../replay/recordings.ts";

const TOKEN = "secret";
/** A scan over so much takes half a second on a fast host. */
const LONG = { image: "sort", harts: 1, cycles: 600_000_000 } as const;

async function listening(
  use: (served: {
    readonly address: string;
    readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
    readonly end: number;
  }) => Promise<void>,
): Promise<void> {
  const recording = await record(LONG);
  const timeline = timelineOf(recording, { turn: eventLoopTurns() });
  const symbols = new SymbolTable([]);
  const open = async () => new Debugger({ cursor: await timeline.cursor(timeline.end), symbols });
  const face = httpFace({ commands: COMMANDS, token: TOKEN, open });
  const listener = new HttpListener("127.0.0.1", 0, face);
  const { address } = listener;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://${address}${path}`, { headers, ...init });
  try {
    await use({ address, ask, end: timeline.end });
  } finally {
    await listener.close();
    timeline.close();
  }
}

/** What the server answers to these bytes, until it closes or says so much. */
async function raw(address: string, text: string): Promise<string> {
  const [hostname, port] = address.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(4096);
  return new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
}

Deno.test("HttpListener: what a client has left behind stops, and the next is served", async () => {
  await listening(async ({ ask, end }) => {
    assertEquals((await (await ask("/where")).json()).cycle, end);
    const gone = new AbortController();
    const post = { method: "POST", body: "{}", signal: gone.signal };
    const moves = [ask("/reverse-continue", post), ask("/goto", { ...post, body: '{"cycle":5}' })];
    const outcomes = Promise.allSettled(moves);
    setTimeout(() => gone.abort(), 100);
    assertEquals((await outcomes).map(({ status }) => status), ["rejected", "rejected"]);
    // Neither the movement under way nor the one that waited for its turn has moved.
    const { cycle, stopped } = await (await ask("/where")).json();
    assertEquals([cycle, stopped], [end, { reason: "interrupted" }]);
    const { cycle: start } = await (await ask("/reverse-continue", { method: "POST", body: "{}" }))
      .json();
    assertEquals(start, 0);
  });
});

Deno.test("HttpListener: half requests keep nobody waiting, not even its own end", async () => {
  const connections: Deno.TcpConn[] = [];
  await listening(async ({ address, ask }) => {
    const [hostname, port] = address.split(":");
    const heads = ["GET /wh", "POST /goto HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "].concat(
      `POST /goto HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        'Content-Length: 99\r\n\r\n{"cycle":',
    );
    for (let i = 0; i < 30; i++) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      connections.push(connection);
      await connection.write(new TextEncoder().encode(heads[i % heads.length]));
    }
    const response = await ask("/where");
    assertEquals(response.status, 200);
    await response.body?.cancel();
  });
  for (const connection of connections) connection.close();
});

Deno.test("HttpListener: another host's name, a wrong token, a body without end", async () => {
  await listening(async ({ address, ask }) => {
    const head = (host: string, token = TOKEN) =>
      `GET /where HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    assertMatch(await raw(address, head("evil.example")), /^HTTP\/1.1 403 /);
    assertMatch(await raw(address, head("127.0.0.1.evil.example:80")), /^HTTP\/1.1 403 /);
    assertMatch(await raw(address, head("localhost:80")), /^HTTP\/1.1 200 /);
    assertMatch(await raw(address, head(address, "wrong")), /^HTTP\/1.1 401 /);
    let sent = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        controller.enqueue(new Uint8Array(1 << 16).fill(0x20));
        if (++sent > 1000) controller.close();
      },
    });
    const response = await ask("/goto", { method: "POST", body: endless }).catch(() => undefined);
    assert(response === undefined || response.status === 413, `${response?.status}`);
    await response?.body?.cancel();
    assert(sent < 200, `it took ${sent} pieces of 64 KiB`);
    const where = await ask("/where");
    assertEquals(where.status, 200);
    await where.body?.cancel();
  });
});
