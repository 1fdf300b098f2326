/** `hindsight packets`: each frame at each place, what became of it, and the same for Wireshark. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { hasPeer, runPeer } from "../peer.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

/** Each guest says once that it is there; what g1 says is lost, what it hears comes twice, g3 hears nothing. */
const LAB = {
  guests: Object.fromEntries([1, 2, 3].map((seed) => [
    `g${seed}`,
    { guest: "pocket", seed, nics: [{ end: "switch:lan" }] },
  ])),
  switches: { lan: {} },
  links: {
    "g1.net0": { impair: { up: { loss: 1 }, down: { duplicate: { chance: 1, delay: 1000 } } } },
    "g3.net0": { impair: { down: { loss: 1 } } },
  },
};

interface Row {
  readonly guest: string;
  readonly direction: string;
  readonly id: string;
  readonly summary: string;
  readonly fate: string;
  readonly events: readonly string[];
}

async function record(folder: string, described: unknown = LAB): Promise<string> {
  const [lab, path] = [join(folder, "lab.json"), join(folder, "lab.hsr")];
  await Deno.writeTextFile(lab, JSON.stringify(described));
  const run = ["record", "--lab", lab, "--until-cycle", "12_000_000", "-o", path];
  const { status, stderr } = await hindsight(run);
  assertEquals([status, stderr], [0, ""]);
  return path;
}

async function rowsOf(path: string, ...flags: string[]): Promise<Row[]> {
  const { status, stdout, stderr } = await hindsight(["packets", path, "--json", ...flags]);
  assertEquals([status, stderr], [0, ""]);
  return JSON.parse(stdout);
}

const brief = ({ guest, direction, id }: Row) => `${guest} ${direction} ${id}`;

Deno.test("the packets of a lab", async (test) => {
  await inFolder(async (folder) => {
    const path = await record(folder);
    const all = await rowsOf(path);
    await test.step("are listed where they were sent and where they came", () => {
      assertEquals(all.map(brief).sort(), [
        "g1 received g2/net0>0",
        "g1 received g2/net0>0",
        "g1 received g3/net0>0",
        "g1 received g3/net0>0",
        "g1 sent g1/net0>0",
        "g2 received g3/net0>0",
        "g2 sent g2/net0>0",
        "g3 sent g3/net0>0",
      ]);
      for (const { summary } of all) assertMatch(summary, /^ARP who has 10\.0\.2\.\d+\? tell /);
    });
    await test.step("have a fate, with the events that made it", () => {
      const sent = (id: string) => all.find((row) => row.id === id && row.direction === "sent")!;
      assertEquals(sent("g1/net0>0").fate, "dropped at g1.net0:up: g1.net0:up/loss#0");
      assertMatch(
        sent("g2/net0>0").fate,
        /^duplicate g1\.net0:down\/duplicate:g2\.net0#0 by 1000, to g1\/net0 at \d+, to g1\/net0 at \d+, dropped at g3\.net0:down: g3\.net0:down\/loss:g2\.net0#0$/,
      );
      assertEquals(sent("g2/net0>0").events.length, 2);
    });
    await test.step("of one guest, and of one link with what was lost on it", async () => {
      const ofGuest = await rowsOf(path, "--guest", "g2");
      assertEquals(ofGuest, all.filter(({ guest }) => guest === "g2"));
      const ofLink = await rowsOf(path, "--link", "g3.net0");
      assertEquals(ofLink.map(brief).sort(), ["g3 lost g2/net0>0", "g3 sent g3/net0>0"]);
    });
    await test.step("are the same for tshark", () => comparesWithTshark(path, folder, all));
    await test.step("of no link that is there are refused", async () => {
      const { status, stderr } = await hindsight(["packets", path, "--link", "g9.net0"]);
      assertEquals(status, 2);
      assertMatch(stderr, /^hindsight: --link g9\.net0: .*lab\.hsr has g1\.net0, .*mean g1\.net0/);
    });
  });
});

Deno.test("frames that a card could not pass on are listed and counted", async () => {
  await inFolder(async (folder) => {
    const deaf = join(folder, "deaf");
    await Deno.writeFile(deaf, Uint8Array.of(0x6f, 0, 0, 0)); // j .
    const ends = { nics: [{ end: "link:cable" }] };
    const guests = {
      g1: { guest: "pocket", ...ends },
      g2: { bios: deaf, memory: "1M", ...ends },
    };
    const path = await record(folder, { guests });
    const all = await rowsOf(path);
    assertEquals(all.map(brief), ["g1 sent g1/net0>0", "g2 received g1/net0>0"]);
    assertMatch(all[0].fate, /^to g2\/net0 at \d+, waits in g2\/net0 for buffers$/);
    assertEquals(all[1].fate, "delivered, waits in g2/net0 for buffers");
    const { stdout } = await hindsight(["packets", path, "--count"]);
    assertEquals(
      stdout,
      "g1/net0: 1 sent, 0 received\n" +
        "g2/net0: 0 sent, 1 received, 1 of these never got by the guest (waits)\n",
    );
  });
});

async function comparesWithTshark(path: string, folder: string, all: Row[]): Promise<void> {
  if (!await hasPeer("tshark", "tshark")) return;
  const capture = join(folder, "lab.pcapng");
  const { status, stdout } = await hindsight(["packets", path, "--pcapng", capture]);
  assertEquals([status, stdout], [0, ""]);
  const fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.comment"];
  const { stdout: text } = await runPeer("tshark", [
    ...["-r", capture, "-T", "fields", "-E", "separator=|"],
    ...fields.flatMap((name) => ["-e", name]),
  ]);
  const rows = text.trimEnd().split("\n").map((line) => line.split("|"));
  assertEquals(
    rows.map(([name, direction]) => [name, Number(direction)]),
    all.map(({ guest, direction }) => [`${guest}/net0`, direction === "sent" ? 2 : 1]),
  );
  all.forEach(({ id, fate, events }, at) => {
    assert(rows[at][2].includes(`frame ${id}: ${fate}`), rows[at][2]);
    for (const event of events) assert(rows[at][2].includes(event));
  });
}
