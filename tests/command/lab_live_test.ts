/** A live end in a lab, beside a switch: what comes is logged, and the recording is what repeats. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { streamFrame } from "../../devices/host/frame_stream.ts";
import { hindsight, startHindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const PINGS = 5;
const PAUSE_MS = 20;
const ADDRESS = "02:00:00:00:00:01";

/** One guest is on a socket and on the switch, another on the switch alone. */
const LAB = {
  guests: {
    a: {
      guest: "pocket",
      nics: [{ end: "unix:socket,listen", mac: ADDRESS }, { end: "switch:lan" }],
    },
    b: { guest: "pocket", nics: [{ end: "switch:lan" }] },
  },
  switches: { lan: {} },
};

/** An echo request from 10.0.2.9 to 10.0.2.1; pocket looks at no IP checksum. */
function ping(n: number): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + 16);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 44]);
  bytes.set([64, 1, 0, 0, 10, 0, 2, 9, 10, 0, 2, 1, 8, 0, 0xf7, 0xff - n, 0, 0, 0, n], 22);
  return bytes;
}

/** The peer pings, one after the other, each once the answer to the one before has come. */
async function pings(path: string): Promise<number> {
  const peer = await Deno.connect({ transport: "unix", path });
  const buffer = new Uint8Array(65536);
  let replies = 0;
  for (let n = 0; n < PINGS; n++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await peer.write(streamFrame(ping(n)));
    while (replies === n) {
      const size = await peer.read(buffer) ?? 0;
      if (size === 0) return replies;
      for (let at = 0; at < size;) {
        const length = new DataView(buffer.buffer).getUint32(at);
        if (buffer[at + 4 + 34] === 0 && buffer[at + 4 + 23] === 1) replies++;
        at += 4 + length;
      }
    }
  }
  peer.close();
  return replies;
}

Deno.test("a lab with a live end is recorded, and replays without it", async () => {
  await inFolder(async (folder) => {
    const [lab, path] = [join(folder, "lab.json"), join(folder, "lab.hsr")];
    await Deno.writeTextFile(lab, JSON.stringify(LAB));
    const child = startHindsight(["record", "--lab", lab, "--workers", "2", "-o", path]);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let printed = "";
    while (!/^a\| .*network card/m.test(printed)) printed += (await reader.read()).value ?? "";
    assertEquals(await pings(join(folder, "socket")), PINGS);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 143);
    await reader.cancel();
    await Deno.remove(join(folder, "socket")).catch(() => {});

    const verified = await hindsight(["verify", path, "--jobs", "2"]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
    assertMatch(verified.stdout, /2 guests together/);
    assertEquals(await hindsight(["verify", path, "--jobs", "1"]), verified);
    assertEquals((await hindsight(["verify", path, "--guest", "a"])).status, 0);

    const { stdout } = await hindsight(["packets", path, "--guest", "a", "--json"]);
    const rows = JSON.parse(stdout).filter(({ device }: { device: string }) => device === "net0");
    const of = (way: string) =>
      rows.filter(({ direction }: { direction: string }) => direction === way);
    const [requests, replies] = [of("received"), of("sent")];
    assertEquals([requests.length, replies.length], [PINGS, PINGS]);
    for (const { id, fate } of requests) assertEquals([id[1], fate], ["/", "from outside"]);
    for (const { id, fate } of replies) assert(/^a\/net0>\d+$/.test(id) && fate === "left");
  });
});

Deno.test("a hunt refuses a lab with a live end, and forwards need one", async () => {
  await inFolder(async (folder) => {
    const lab = join(folder, "lab.json");
    const run = async (command: string[], described: unknown) => {
      await Deno.writeTextFile(lab, JSON.stringify(described));
      const { status, stderr } = await hindsight([...command, "--lab", lab]);
      assertEquals(status, 2);
      return stderr;
    };
    assertMatch(await run(["hunt", "--seeds", "1"], LAB), /^hindsight: --lab: live ends .*\n$/);
    const nics = [{ end: "switch:lan", hostfwd: ["tcp:8080:80"] }];
    const wrong = { guests: { a: { guest: "pocket", nics } }, switches: { lan: {} } };
    assertMatch(await run(["run"], wrong), /a's net0: hostfwd needs the end "user"\n$/);
  });
});
