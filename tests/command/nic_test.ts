/** Network cards as they are asked for, and guests that use them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { ForwardSchema, NicSchema } from "../../command/nic.ts";
import { streamFrame } from "../../devices/host/frame_stream.ts";
import { FrameReader } from "../../devices/host/frame_stream.ts";
import { imageUrl } from "../../guests/images.ts";
import { hasPeer } from "../peer.ts";
import { hindsight, startHindsight } from "./cli.ts";

const MAC = "52:54:00:12:34:56";

Deno.test("NicSchema reads ends, with what belongs to them", () => {
  assertEquals(NicSchema.parse("user"), { end: "user" });
  assertEquals(NicSchema.parse(`none,mac=${MAC}`), { end: "none", mac: MAC });
  assertEquals(NicSchema.parse("switch:lan"), { end: "switch", name: "lan" });
  assertEquals(NicSchema.parse("unix:/a,b:c"), { end: "unix", name: "/a,b:c" });
  const listens = { end: "unix", name: "x", listens: true, mac: MAC } as const;
  assertEquals(NicSchema.parse(`unix:x,listen,mac=${MAC}`), listens);
  for (const wrong of ["", "user:x", "unix", "switch:", "none,mac=", "user,listen", "users"]) {
    assert(!NicSchema.safeParse(wrong).success, wrong);
  }
});

Deno.test("ForwardSchema reads a port of the host and one of the guest", () => {
  const forward = { protocol: "tcp", hostPort: 8080, guestPort: 80 } as const;
  assertEquals(ForwardSchema.parse("tcp:8080:80"), forward);
  assertEquals(ForwardSchema.parse("udp:53:53").protocol, "udp");
  for (const wrong of ["tcp:80", "tcp:0:80", "tcp:80:65536", "sctp:1:1", "tcp:1:1:1", "tcp::1"]) {
    assert(!ForwardSchema.safeParse(wrong).success, wrong);
  }
});

Deno.test("a missing passt is one line that says what to install, and status 4", async () => {
  const args = ["run", "--guest", "pocket", "--nic", "user"];
  const { status, stderr } = await hindsight(args, { env: { PATH: "/nowhere" } });
  assertEquals([status, stderr], [
    4,
    "hindsight: --nic user needs passt, which is missing: apt-get install passt\n",
  ]);
});

/** An Ethernet frame from a peer, 02:00:00:00:00:01 at 10.0.2.1, to pocket at 10.0.2.86. */
function fromPeer(etherType: number, payload: readonly number[], sizeBytes = 0): Uint8Array {
  const frame = [
    0x52,
    0x54,
    0,
    0x12,
    0x34,
    0x56,
    2,
    0,
    0,
    0,
    0,
    1,
    etherType >> 8,
    etherType & 255,
  ];
  frame.push(...payload);
  return Uint8Array.from([...frame, ...Array(Math.max(0, sizeBytes - frame.length)).fill(0xa5)]);
}

// RFC 826: Ethernet, IPv4, request.
const ARP = fromPeer(
  0x0806,
  [0, 1, 8, 0, 6, 4, 0, 1].concat(
    [2, 0, 0, 0, 0, 1, 10, 0, 2, 1],
    [0, 0, 0, 0, 0, 0, 10, 0, 2, 86],
  ),
);
// RFC 791 and 792; pocket looks at neither checksum, and mends the second.
const ECHO = fromPeer(
  0x0800,
  [0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 2, 1].concat(
    [10, 0, 2, 86],
    [8, 0, 0xf0, 0x0f, 0, 1, 0, 2],
  ),
  98,
);

/** What pocket says first, and what it answers to ARP and to a ping. */
const ANSWERS = [
  Uint8Array.from([...Array(6).fill(0xff), 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6].concat(
    [0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 86],
    [0, 0, 0, 0, 0, 0, 10, 0, 2, 86],
  )),
  Uint8Array.from([2, 0, 0, 0, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6].concat(
    [0, 1, 8, 0, 6, 4, 0, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 86],
    [2, 0, 0, 0, 0, 1, 10, 0, 2, 1],
  )),
  Uint8Array.from([2, 0, 0, 0, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 0].concat(
    [0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 2, 86, 10, 0, 2, 1],
    [0, 0, 0xf8, 0x0f, 0, 1, 0, 2, ...Array(56).fill(0xa5)],
  )),
];

/** Plays the peer of a guest that connects to a socket, until it has answered or is gone. */
async function talk(listener: Deno.Listener<Deno.Conn>): Promise<Uint8Array[]> {
  using conn = await listener.accept();
  const heard: Uint8Array[] = [];
  const reader = new FrameReader();
  const buffer = new Uint8Array(4096);
  const say = [ARP, ECHO];
  while (heard.length < ANSWERS.length) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) break;
    for (const frame of reader.feed(buffer.subarray(0, count))) {
      heard.push(frame.slice());
      const next = say.shift();
      if (next !== undefined) await conn.write(streamFrame(next));
    }
  }
  return heard;
}

/** pocket crashes after 142 ms; where the test is not awake in time it gets another chance. */
async function conversation(start: (socket: string) => Deno.ChildProcess): Promise<Uint8Array[]> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "socket");
  try {
    for (let chance = 5;; chance--) {
      using listener = Deno.listen({ transport: "unix", path });
      const guest = start(path);
      const heard = await talk(listener);
      await guest.output();
      if (heard.length === ANSWERS.length || chance === 1) return heard;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("pocket on QEMU answers the same", async () => {
  if (!await hasPeer("qemu-system-riscv64", "qemu-system-misc")) return;
  const heard = await conversation((path) =>
    new Deno.Command("qemu-system-riscv64", {
      args: [
        ...["-M", "virt", "-nographic", "-global", "virtio-mmio.force-legacy=false"],
        ...["-bios", imageUrl("pocket").pathname],
        ...["-netdev", `stream,id=n,server=off,addr.type=unix,addr.path=${path}`],
        ...["-device", `virtio-net-device,netdev=n,mac=${MAC}`],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(60_000),
    }).spawn()
  );
  assertEquals(heard, ANSWERS);
});

Deno.test("pocket answers ARP and a ping through a Unix socket, and replays with no network", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "it.hsr");
  try {
    const heard = await conversation((path) =>
      startHindsight(
        ["record", "--guest", "pocket", "--nic", `unix:${path},mac=${MAC}`, "-o", file],
        { stderr: "piped" },
      )
    );
    assertEquals(heard, ANSWERS);
    const verified = await hindsight(["verify", file]);
    assertEquals(verified.status, 0, verified.stderr);
    const { stdout } = await hindsight(["events", "--json", file]);
    const events: { id: string; kind: string; concerns?: string; text?: string; up?: boolean }[] =
      JSON.parse(stdout);
    const ofNetwork = events.filter(({ id, concerns }) => /net0/.test(`${id} ${concerns}`))
      .map(({ kind, text, up }) => `${kind} ${text ?? up ?? ""}`.trim());
    assertEquals(ofNetwork, ["frame", "frame", "host the peer has gone", "link false"]);
    assertMatch(
      (await hindsight(["info", file])).stdout,
      /"nics":\[\{"mac":"52:54:00:12:34:56"\}\]/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
