/** Debian on real networks: the host's, through passt, and a cable to a guest of QEMU. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Random } from "../../core/random.ts";
import { streamFrame } from "../../devices/host/frame_stream.ts";
import { extraInitramfs } from "../../guests/debian/extra.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hasQemu, runOnQemu } from "../guests/debian/qemu.ts";
import { sha256 } from "../guests/debian/deno/fake_archive.ts";
import { hasPeer } from "../peer.ts";
import { hindsight, startHindsight } from "./cli.ts";

const FILE_BYTES = 4 * 2 ** 20;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A port of the host that nobody has. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("Debian gets an address, fetches from the host's loopback and serves it, recorded", async () => {
  if (await preparedGuest() === undefined || !await hasPeer("passt", "passt")) return;
  const content = new Uint8Array(new Random(5).bytes(FILE_BYTES));
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => new Response(request.url.endsWith("/file") ? content : `you asked ${request.url}`),
  );
  const url = `http://10.0.2.2:${server.addr.port}`;
  const port = freePort();
  await withFolder(async (folder) => {
    const file = join(folder, "it.hsr");
    // httpd runs `who` for the host, and `bye` ends the guest.
    const run = `udhcpc -q -i eth0 && ip addr show eth0 && cat /etc/resolv.conf
      wget -q -O - ${url}/file | sha256sum
      mkdir -p /www/cgi-bin && cd /www/cgi-bin
      printf '#!/bin/sh\\necho; uname -m; echo asked >> /root/asked\\n' > who && chmod +x who
      httpd -h /www; echo SERVING
      until [ "$(grep -c asked /root/asked 2>/dev/null)" = 3 ]; do sleep 0.1; done; sleep 0.5`;
    const child = startHindsight(
      ["record", "--guest", "debian", "--nic", "user", "--hostfwd", `tcp:${port}:80`]
        .concat(["--run", run, "-o", file]),
      { stderr: "piped" },
    );
    const errors = new Response(child.stderr).text();
    let printed = "";
    let isServing = false;
    const asked: string[] = [];
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      if (isServing || !printed.includes("SERVING")) continue;
      isServing = true;
      for (let i = 0; i < 3; i++) {
        asked.push(await (await fetch(`http://127.0.0.1:${port}/cgi-bin/who`)).text());
      }
    }
    assertEquals((await child.status).code, 0, `${printed}\n${await errors}`);
    assertEquals(asked, ["riscv64\n", "riscv64\n", "riscv64\n"]);
    assertMatch(printed, /inet 10\.0\.2\.15\/24 /);
    assertStringIncludes(printed, "nameserver 10.0.2.3");
    assertStringIncludes(printed, sha256(content));
    await server.shutdown();
    const verified = await hindsight(["verify", file]);
    assertEquals(verified.status, 0, verified.stderr);
    const facts = JSON.parse((await hindsight(["info", "--json", file])).stdout);
    assertEquals(facts.hostEvents["frames-lost"], undefined, JSON.stringify(facts.hostEvents));
    assert(facts.inputs.frame > 60, JSON.stringify(facts.inputs));
  });
});

/** Pings its peer until that answers, and then five times; leaves it time to do the same. */
function pinging(own: string, peer: string): string {
  return `ip link set eth0 up; ip addr add ${own}/24 dev eth0
    until ping -c 1 -W 1 ${peer} > /dev/null; do :; done
    ping -c 5 -W 5 -s 1400 ${peer}
    touch /www; httpd -h / -p 80; until wget -q -O /dev/null http://${peer}/www; do sleep 0.2; done
    sleep 3`;
}

Deno.test("Debian of ours and Debian on QEMU ping each other over a Unix socket, recorded", async () => {
  const guest = await preparedGuest();
  if (guest === undefined || !await hasQemu()) return;
  await withFolder(async (folder) => {
    const [socket, file, disk] = ["socket", "it.hsr", "disk"].map((name) => join(folder, name));
    await Deno.copyFile(guest.disk, disk);
    const ours = hindsight(
      ["record", "--guest", "debian", "--nic", `unix:${socket},listen`, "-o", file]
        .concat(["--run", pinging("10.1.0.1", "10.1.0.2")]),
    );
    while (await Deno.lstat(socket).catch(() => undefined) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const qemu = await runOnQemu({
      bios: guest.firmwareJump,
      kernel: guest.kernel,
      initrds: [
        guest.initrd,
        extraInitramfs({ run: pinging("10.1.0.2", "10.1.0.1"), copy: [] }),
      ],
      append: guest.append,
      diskPath: disk,
      timeoutMs: 180_000,
    }, [
      ...["-netdev", `stream,id=n,server=off,addr.type=unix,addr.path=${socket}`],
      ...["-device", "virtio-net-device,netdev=n"],
    ]);
    const { status, stdout, stderr } = await ours;
    for (const console of [stdout, qemu.console]) {
      assertMatch(console, /5 packets transmitted, 5 packets received, 0% packet loss/);
    }
    assertEquals([status, qemu.status], [0, 0], stderr);
    const verified = await hindsight(["verify", file]);
    assertEquals(verified.status, 0, verified.stderr);
  });
});

const FLOOD_FRAMES = 100_000;

Deno.test("Debian survives frames of all sizes, noise, and 100,000 frames in a burst, recorded", async () => {
  if (await preparedGuest() === undefined) return;
  await withFolder(async (folder) => {
    const [socket, file] = ["socket", "it.hsr"].map((name) => join(folder, name));
    const run = `ip addr add 10.1.0.1/24 dev eth0; ip link set eth0 up mtu 65521; echo READY
      until [ -e /sys/class/net/eth0/carrier ] && [ "$(cat /sys/class/net/eth0/carrier)" = 0 ]; do
        sleep 0.2
      done
      echo survived $(cat /sys/class/net/eth0/statistics/rx_packets) frames`;
    const child = startHindsight(
      ["record", "--guest", "debian", "--nic", `unix:${socket},listen`, "--run", run, "-o", file],
      { stderr: "piped" },
    );
    const errors = new Response(child.stderr).text();
    let printed = "";
    let flooded = Promise.resolve();
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const wasReady = printed.includes("READY");
      printed += text;
      if (!wasReady && printed.includes("READY")) flooded = flood(socket);
    }
    await flooded;
    assertEquals((await child.status).code, 0, `${printed}\n${await errors}`);
    const survived = Number(/survived (\d+) frames/.exec(printed)?.[1]);
    assert(survived > 2000, printed);
    const { inputs } = JSON.parse((await hindsight(["info", "--json", file])).stdout);
    assert(inputs.frame > FLOOD_FRAMES && survived < inputs.frame, JSON.stringify(inputs));
    const verified = await hindsight(["verify", file]);
    assertEquals(verified.status, 0, verified.stderr);
  });
});

/** Noise for everybody: some of each size, then as many as there can be, then a length that is none. */
async function flood(path: string): Promise<void> {
  using peer = await Deno.connect({ transport: "unix", path });
  const random = new Random(7);
  const noise = random.bytes(65_536);
  const say = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += await peer.write(bytes.subarray(done));
  };
  const sizes = Array.from({ length: 1600 }, (_, i) => i);
  sizes.push(...Array.from({ length: 64 }, () => random.below(65_536)), 65_535, 65_536);
  for (const size of sizes) {
    const frame = noise.slice(0, size);
    frame.fill(0xff, 0, 6); // broadcast
    await say(streamFrame(frame));
  }
  const small = noise.slice(0, 60);
  small.fill(0xff, 0, 6);
  const burst = streamFrame(small);
  const bursts = new Uint8Array(burst.length * 1000);
  for (let at = 0; at < bursts.length; at += burst.length) bursts.set(burst, at);
  for (let sent = 0; sent < FLOOD_FRAMES; sent += 1000) await say(bursts);
  await say(noise.subarray(0, 64));
  // Our side closes on that.
  await peer.read(new Uint8Array(1)).catch(() => {});
}
