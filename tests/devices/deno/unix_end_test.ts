/** A cable through a Unix socket, with a peer that behaves and with one that does not. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UNSENT_BYTES_MAX } from "../../../devices/deno/frame_connection.ts";
import { NetworkError } from "../../../devices/deno/network_error.ts";
import { connectUnix, UnixListener } from "../../../devices/deno/unix_end.ts";
import type { NetworkEnd } from "../../../devices/host/network_end.ts";
import { MAILBOX_INPUTS_MAX, NetworkMailbox } from "../../../devices/host/network_mailbox.ts";
import { streamFrame } from "../../../devices/host/frame_stream.ts";

const PATIENCE_MS = 5000;

/** What the machine would take next, once it is there. */
async function next(mailbox: NetworkMailbox): Promise<string> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    const input = mailbox.take(mailbox.next);
    if (input?.kind === "frame") return `frame of ${input.bytes.length}`;
    if (input?.kind === "link") return `link ${input.up ? "up" : "down"}`;
    if (input?.kind === "host") return `${input.event}: ${input.text}`;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("nothing came");
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !condition();) {
    assert(performance.now() < end, "it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A listening end at a path, and a peer that has connected to it. */
async function withPeer(
  run: (
    peer: Deno.UnixConn,
    mailbox: NetworkMailbox,
    end: NetworkEnd,
    path: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "socket");
  const mailbox = new NetworkMailbox("net0", () => {});
  const end = await UnixListener.open(path, mailbox);
  try {
    assertEquals(await next(mailbox), "link down");
    const peer = await Deno.connect({ transport: "unix", path });
    assertEquals(await next(mailbox), "link up");
    await run(peer, mailbox, end, path);
  } finally {
    end.close();
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeAll(peer: Deno.UnixConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await peer.write(bytes.subarray(done));
}

Deno.test("two ends of a Unix socket exchange frames, both ways", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "socket");
  const [listening, connected] = [0, 1].map(() => new NetworkMailbox("net0", () => {}));
  const a = await UnixListener.open(path, listening);
  const b = await connectUnix(path, connected);
  assertEquals([await next(listening), await next(listening)], ["link down", "link up"]);
  a.send(new Uint8Array(60));
  b.send(new Uint8Array(61));
  b.send(new Uint8Array(65_535));
  assertEquals(await next(connected), "frame of 60");
  assertEquals([await next(listening), await next(listening)], ["frame of 61", "frame of 65535"]);
  b.close();
  assertEquals(await next(listening), "end-closed: the peer has gone");
  assertEquals(await next(listening), "link down");
  const again = await connectUnix(path, connected);
  assertEquals(await next(listening), "link up");
  a.close();
  assertEquals(await next(connected), "end-closed: the peer has gone");
  assertEquals(await next(connected), "link down");
  assert(!connected.isOpen);
  again.close();
  assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
  await Deno.remove(folder);
});

Deno.test("a peer may go at any byte", async () => {
  const stream = streamFrame(new Uint8Array(20));
  for (let count = 0; count <= stream.length; count++) {
    await withPeer(async (peer, mailbox) => {
      await writeAll(peer, stream.subarray(0, count));
      peer.close();
      if (count === stream.length) assertEquals(await next(mailbox), "frame of 20");
      assertEquals(await next(mailbox), "end-closed: the peer has gone");
      assertEquals(await next(mailbox), "link down");
      assert(mailbox.isOpen); // another may come
    });
  }
});

Deno.test("a length that no frame has ends the connection, and is told", async () => {
  await withPeer(async (peer, mailbox) => {
    await writeAll(peer, Uint8Array.of(...streamFrame(new Uint8Array(60)), 0x47, 0x45, 0x54, 0x20));
    assertEquals(await next(mailbox), "frame of 60");
    assertEquals(
      await next(mailbox),
      "end-closed: the peer announced a frame of 1195725856 bytes; at most 69632 fit",
    );
    assertEquals(await next(mailbox), "link down");
    assertEquals(await peer.read(new Uint8Array(1)), null);
    peer.close();
  });
});

Deno.test("a peer that never stops waits until the machine has taken what is there", async () => {
  await withPeer(async (peer, mailbox) => {
    const burst = new Uint8Array(64 * 1000).map((_, i) => streamFrame(new Uint8Array(60))[i % 64]);
    let isOver = false;
    let sentBytes = 0;
    const sending = (async () => {
      while (!isOver) sentBytes += await peer.write(burst);
    })().catch(() => {});
    await until(() => !mailbox.hasRoom);
    const before = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert(sentBytes - before < 2_000_000, `${sentBytes - before} bytes went somewhere`);
    for (let i = 0; i < 3 * MAILBOX_INPUTS_MAX; i++) {
      assertEquals(await next(mailbox), "frame of 60");
    }
    isOver = true;
    peer.close();
    await sending;
  });
});

Deno.test("what a peer does not read is lost at a bound, and told", async () => {
  await withPeer(async (peer, mailbox, end) => {
    const frame = new Uint8Array(1514);
    const count = Math.ceil(2 * UNSENT_BYTES_MAX / frame.length);
    for (let i = 0; i < count; i++) end.send(frame);
    const lost = /^frames-lost: (\d+) frames from the guest, which its peer did not read$/
      .exec(await next(mailbox));
    assert(Number(lost?.[1]) > count / 4 && Number(lost?.[1]) < count, `${lost}`);
    peer.close();
  });
});

Deno.test("a second peer is turned away while the first is there", async () => {
  await withPeer(async (peer, mailbox, end, path) => {
    const second = await Deno.connect({ transport: "unix", path });
    assertEquals(await second.read(new Uint8Array(1)), null);
    second.close();
    end.send(new Uint8Array(60));
    assertEquals(await peer.read(new Uint8Array(100)), 64);
    peer.close();
    assertEquals(await next(mailbox), "end-closed: the peer has gone");
  });
});

Deno.test("UnixListener takes over a socket that somebody left behind, and no other file", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "socket");
  const mailbox = new NetworkMailbox("net0", () => {});
  const other = join(folder, "other");
  const listener = Deno.listen({ transport: "unix", path: other });
  await Deno.rename(other, path); // so that it stays
  listener.close();
  await assertRejects(() => connectUnix(path, mailbox), NetworkError, "nobody listens there");
  const end = await UnixListener.open(path, mailbox);
  await assertRejects(() => UnixListener.open(path, mailbox), NetworkError, "taken");
  end.close();
  const file = join(folder, "file"); // at the old path Deno may yet clear up
  await Deno.writeTextFile(file, "precious");
  await assertRejects(() => UnixListener.open(file, mailbox), NetworkError, "taken");
  assertEquals(await Deno.readTextFile(file), "precious");
  await assertRejects(() => connectUnix(join(folder, "none"), mailbox), NetworkError, "no such");
  await Deno.remove(folder, { recursive: true });
});
