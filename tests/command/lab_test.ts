/** `run --lab`: what its file may say, and how a lab runs and ends. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { labPlan } from "../../command/lab_config.ts";
import { networkOf } from "../../command/lab_network.ts";
import { LabSchema } from "../../command/lab_schema.ts";
import { PrefixedLines } from "../../command/prefixed_lines.ts";
import { CERTAIN } from "../../devices/network/impairment.ts";
import { imageUrl } from "../../guests/images.ts";
import { hindsight, startHindsight } from "./cli.ts";

/** Prints a text, waits so many rounds of a loop, and writes a word to the test finisher. */
function program(text: string, rounds: number, word: number): Uint8Array {
  const words = [0x1000_02b7]; // lui t0, 0x10000
  for (const byte of new TextEncoder().encode(text)) {
    words.push(byte << 20 | 0x313, 0x0062_8023); // li t1, byte; sb t1, 0(t0)
  }
  words.push(
    rounds << 12 | 0x3b7, // lui t2, rounds
    0xfff3_8393, // addi t2, t2, -1
    0xfe03_9ee3, // bnez t2, -4
    0x0010_02b7, // lui t0, 0x100
    ((word + 0x800) >>> 12) << 12 | 0x337, // lui t1
    (word & 0xfff) << 20 | 0x3_031b, // addiw t1, t1
    0x0062_a023, // sw t1, 0(t0)
    0x0000_006f,
  );
  return new Uint8Array(Uint32Array.from(words).buffer);
}

const POWEROFF = 0x5555;
const FAIL_7 = 0x7_3333;

async function withLab<T>(lab: unknown, use: (file: string, folder: string) => Promise<T>) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(folder, "first"), program("hello\nfirst", 16, POWEROFF));
    await Deno.writeFile(join(folder, "second"), program("and\n", 1, POWEROFF));
    // A count from below zero takes centuries.
    await Deno.writeFile(join(folder, "endless"), program("here\n", 0xfffff, POWEROFF));
    await Deno.writeFile(join(folder, "failing"), program("oh\n", 1, FAIL_7));
    await Deno.writeTextFile(join(folder, "lab.json"), JSON.stringify(lab));
    return await use(join(folder, "lab.json"), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const guest = (bios: string, ...ends: string[]) => ({
  bios,
  memory: "1M",
  nics: ends.map((end) => ({ end })),
});

Deno.test("run --lab prints consoles with names, and ends when all guests have", async () => {
  const lab = { guests: { a: guest("first"), b: guest("second") } };
  await withLab(lab, async (file) => {
    const outcome = await hindsight(["run", "--lab", file]);
    assertEquals(outcome, { status: 0, stdout: "a| hello\nb| and\na| first\n", stderr: "" });
  });
});

Deno.test("run --lab ends with the first guest that fails, or with those that it is to wait for", async () => {
  await withLab({ guests: { a: guest("first"), "b-2": guest("failing") } }, async (file) => {
    const { status, stdout, stderr } = await hindsight(["run", "--lab", file]);
    assertEquals([status, stderr], [1, "b-2: guest failed with status 7\n"]);
    assert(stdout.includes("b-2| oh\n"), stdout);
  });
  await withLab({ guests: { a: guest("endless"), b: guest("failing") } }, async (file) => {
    const { status, stdout, stderr } = await hindsight(["run", "--lab", file, "--json"]);
    assertEquals([status, stderr], [1, "b: guest failed with status 7\n"]);
    const rows = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const { cycle } = rows.at(-1);
    assert(cycle > 0);
    assertEquals(rows, [
      { guest: "a", console: "here" },
      { guest: "b", console: "oh" },
      { guest: "a", end: null, code: null, cycle },
      { guest: "b", end: "fail", code: 7, cycle: rows[3].cycle },
      { lab: "until", signal: null, cycle, status: 1 },
    ]);
    assert(rows[3].cycle <= cycle);
  });
  const forever = { ...guest("first"), bios: imageUrl("pocket").pathname, memory: "16M" };
  await withLab({ guests: { a: forever, b: guest("second") }, until: ["b"] }, async (file) => {
    const { status, stderr } = await hindsight(["run", "--lab", file]);
    assertEquals([status, stderr], [0, ""]);
  });
});

Deno.test("a signal ends run --lab at once, whatever its threads are doing", async () => {
  await withLab({ guests: { a: guest("endless"), b: guest("endless") } }, async (file) => {
    const child = startHindsight(["run", "--lab", file, "--workers", "2"], { stderr: "piped" });
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let printed = "";
    while (!printed.includes("b| here\n")) printed += (await reader.read()).value ?? "";
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 143);
    await reader.cancel();
    assertEquals(await new Response(child.stderr).text(), "");
  });
});

Deno.test("run --lab gives the same digests on one thread and on two, and others with another seed", async () => {
  const pocket = { guest: "pocket", nics: [{ end: "switch:lan" }] };
  const lab = { guests: { a: pocket, b: { ...pocket, harts: 1 } }, switches: { lan: {} } };
  await withLab(lab, async (file, folder) => {
    const run = async (...flags: string[]) => {
      const digests = join(folder, "digests");
      const args = ["run", "--lab", file, "--until-cycle", "10_000_000", "--digests", digests];
      const { status, stderr, stdout } = await hindsight([...args, ...flags]);
      assertEquals([status, stderr], [0, ""]);
      return { stdout, digests: await Deno.readTextFile(digests) };
    };
    const one = await run("--workers", "1");
    assertMatch(one.digests, /^10000000 a \w{16}\n10000000 b \w{16}\n10000000 network \w{16}\n$/);
    assertMatch(one.stdout, /a\| pocket: network card in slot 0, 10\.0\.2\.1/);
    assertMatch(one.stdout, /b\| pocket: network card in slot 0, 10\.0\.2\.2/);
    assertEquals(await run("--workers", "2", "--jit-threshold", "64"), one);
    assert((await run("--seed", "1")).digests !== one.digests);
  });
});

Deno.test("what a lab's file cannot say is one line that names it", async () => {
  const two = { a: guest("first", "switch:lan"), b: guest("second", "switch:lan") };
  const lan = { lan: {} };
  const links = (fields: unknown) => ({ guests: two, switches: lan, links: { "a.net0": fields } });
  const cases: [lab: unknown, message: RegExp][] = [
    [{}, /lab\.json: guests: /],
    [{ guests: {} }, /guests: a lab has 1 to 64 guests/],
    [{ guests: { A: guest("first") } }, /a name is needed/],
    [{ guests: two }, /a's net0: there is no switch "lan"/],
    [{ guests: two, switches: { lam: {} } }, /no switch "lan"; did you mean lam\?/],
    [{ guests: two, switches: lan, until: ["c"] }, /until: there is no guest "c"/],
    [{ guests: { a: guest("first", "usr") } }, /guests\.a\.nics\.0\.end: switch:NAME, link:NAME/],
    [{ guests: { a: guest("first", "link:x") } }, /link "x" has one end/],
    [{ guests: { a: guest("first", "link:x", "link:x", "link:x") } }, /"x" has two ends already/],
    [{ guests: { a: guest("nowhere") } }, /guest a: --bios .*nowhere: no such file/],
    [
      { guests: { a: { ...guest("first"), "disk-timing": "live" } } },
      /guest a: disk-timing: model/,
    ],
    [{ guests: { a: { ...guest("first"), hart: 2 } } }, /guests\.a: unknown field "hart"; .*harts/],
    [{ guests: { a: { ...guest("first"), harts: 9 } } }, /guests\.a\.harts: a whole number from 1/],
    [{ guests: two, switches: lan, links: { "a.net1": {} } }, /no link "a\.net1"; .*a\.net0/],
    [links({ latency: 10 }), /links\.a\.net0\.latency: a whole number from 1000/],
    [links({ impair: { loss: 2 } }), /impair\.loss: a chance is needed/],
    [links({ impair: { reorder: { chance: 1 } } }), /impair\.reorder: .*"delay"/],
    [links({ impair: { up: { los: 1 } } }), /impair\.up: unknown field "los"; did you mean loss/],
    [links({ impair: { flap: [{ from: 5, to: 5 }] } }), /flap\.0: `to` must be after/],
    [links({ impair: { flap: [{ from: 5 }, { from: 9 }] } }), /flap: intervals must be in order/],
  ];
  for (const [lab, message] of cases) {
    await withLab(lab, async (file) => {
      const error = await assertRejects(() => labPlan(file), Error);
      assertMatch(error.message, message);
      assertEquals(error.message.split("\n").length, 1);
      assertEquals(error.name, "UsageError");
    });
  }
  await withLab({ guests: { a: guest("first") } }, async (file) => {
    const cases = [["--harts", "2"], ["--workers", "0"], ["--faults", "/nowhere"]];
    for (const flags of cases) {
      const { status, stderr } = await hindsight(["run", "--lab", file, ...flags]);
      assertEquals(status, 2);
      assertMatch(stderr, new RegExp(`^hindsight: ${flags[0]}[^\\n]*\\n$`));
    }
  });
});

Deno.test("labPlan() makes a network of links and impairments, and --faults takes their place", async () => {
  const lab = {
    guests: {
      a: guest("first", "switch:lan", "link:cable", "none"),
      b: guest("second", "link:cable"),
    },
    switches: { lan: {} },
    seed: 5,
    links: {
      "a.net0": {
        latency: 2000,
        impair: { loss: 0.5, jitter: 7, up: { loss: 0 }, partition: [{ from: 1, to: 2 }] },
      },
      cable: { impair: { reorder: 0.25, duplicate: { chance: 1, delay: 9 } } },
    },
  };
  await withLab(lab, async (file, folder) => {
    const { network, members, guests } = await labPlan(file);
    assertEquals(network.nics, ["a/net0", "a/net1", "a/net2", "b/net0"]);
    assertEquals(members[1], { name: "b", nics: [{ device: "net0", nic: 3 }] });
    const cable = {
      name: "cable",
      nic: 1,
      to: { nic: 3 },
      latency: 100_000,
      up: {
        duplicate: { chance: CERTAIN, delay: 9 },
        reorder: { chance: CERTAIN / 4, delay: 1_000_000 },
      },
      down: {
        duplicate: { chance: CERTAIN, delay: 9 },
        reorder: { chance: CERTAIN / 4, delay: 1_000_000 },
      },
      partitions: [],
      flaps: [],
    };
    assertEquals(network.links, [{
      name: "a.net0",
      nic: 0,
      to: { switch: 0 },
      latency: 2000,
      up: { jitter: 7 },
      down: { jitter: 7, loss: CERTAIN / 2 },
      partitions: [{ from: 1, to: 2 }],
      flaps: [],
    }, cable]);
    const macs = guests.flatMap(({ config }) => config.nics?.map(({ mac }) => mac) ?? []);
    assertEquals(new Set(macs).size, 4);
    const faults = join(folder, "faults.json");
    const plan = {
      links: { cable: { loss: 1, reorder: 0, flap: [{ from: 3 }] } },
      without: ["x#1"],
    };
    await Deno.writeTextFile(faults, JSON.stringify(plan));
    const hostile = (await labPlan(file, { faults, seed: 6 })).network;
    assertEquals([hostile.seed, hostile.without], [6, ["x#1"]]);
    assertEquals(hostile.links[0], network.links[0]);
    const { up, flaps } = hostile.links[1];
    assertEquals(up, { loss: CERTAIN, duplicate: { chance: CERTAIN, delay: 9 } });
    assertEquals(flaps, [{ from: 3, to: Number.MAX_SAFE_INTEGER }]);
  });
});

Deno.test("the README's lab is one", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const [, json] = /```json\n(\{[^]*?)```/.exec(readme)!;
  const lab = LabSchema.parse(JSON.parse(json));
  assertEquals(networkOf(lab, 7).links.map(({ name }) => name), ["client.net0", "cable"]);
});

Deno.test("PrefixedLines keeps lines whole, and bounds them", () => {
  const out: string[] = [];
  const lines = new PrefixedLines((bytes) => out.push(new TextDecoder().decode(bytes)));
  const add = (guest: string, text: string) => lines.add(guest, new TextEncoder().encode(text));
  add("a", "one\ntw");
  add("b", "three\r\n");
  add("a", "o\n$ ");
  add("b", "x".repeat(5000));
  lines.finish();
  assertEquals(out, [
    "a| one\n",
    "b| three\r\n",
    "a| two\n",
    `b| ${"x".repeat(4096)}\n`,
    "a| $ \n",
    `b| ${"x".repeat(904)}\n`,
  ]);
});
