/** A lab is recorded, verified together and guest by guest, and every difference is found. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openLab } from "../../command/recorded_lab.ts";
import { openRecording, readRecordedFile } from "../../command/recording_file.ts";
import { replayLab } from "../../command/replay_lab.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import { codec } from "../../replay/deno/codec.ts";
import { ChunkFile } from "../../replay/format/chunk_file.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { FormatError, MemoryFile } from "../../replay/format/codec.ts";
import { LabWriter } from "../../replay/format/lab_writer.ts";
import { type LabRecording, readRecorded } from "../../replay/format/reader.ts";
import { RecordingWriter } from "../../replay/format/writer.ts";
import type { NotedEvent } from "../../replay/lab_log.ts";
import type { LogEntry } from "../../replay/log.ts";
import { replay } from "../../replay/replayer.ts";
import { hindsight, startHindsight } from "./cli.ts";
import { killLabs } from "./kill.ts";
import { inFolder } from "./recordings.ts";

const CYCLES = 12_000_000;

/** Each says once, on the network, that it is there; to g1 that comes twice. */
const LAB = {
  guests: Object.fromEntries([1, 2, 3].map((seed) => [
    `g${seed}`,
    { guest: "pocket", seed, nics: [{ end: "switch:lan" }] },
  ])),
  switches: { lan: {} },
  links: { "g1.net0": { impair: { duplicate: { chance: 1, delay: 1000 }, up: { loss: 1 } } } },
};

async function recordLab(folder: string, workers: number): Promise<string> {
  const lab = join(folder, "lab.json");
  const path = join(folder, `lab${workers}.hsr`);
  await Deno.writeTextFile(lab, JSON.stringify(LAB));
  const flags = ["--until-cycle", `${CYCLES}`, "--workers", `${workers}`];
  const run = ["record", "--lab", lab, ...flags, "-o", path];
  const { status, stderr } = await hindsight(run);
  assertEquals([status, stderr], [0, ""]);
  return path;
}

/** The same file with another log of one guest, or of the network. */
function rewritten(
  from: string,
  change: {
    entries?: (entries: readonly LogEntry[]) => readonly LogEntry[];
    events?: NotedEvent[];
  },
): LabRecording {
  return readRecorded(fileOf(from, change), codec).lab!;
}

function fileOf(from: string, change: Parameters<typeof rewritten>[1]): MemoryFile {
  const { header, guests, log } = labIn(from);
  const file = new MemoryFile();
  const sink = new ChunkFile(file, codec);
  const lab = new LabWriter(sink, {
    ...header,
    guests: [...guests].map(([name, { header, images }]) => ({ ...header, images, name })),
  });
  [...guests.values()].forEach(({ log }, owner) => {
    const writer = new RecordingWriter(sink, undefined, owner);
    const entries = owner === 1 && change.entries ? change.entries(log.entries) : log.entries;
    writer.part({ firstCycle: 0, lastCycle: log.endCycle, ...log, entries });
    writer.end(log);
  });
  for (const event of change.events ?? log.events) lab.event(event);
  lab.end(log.endCycle);
  return file;
}

async function verifyAll(lab: LabRecording) {
  return await replayLab(await openLab("it", lab));
}

function contentOf(path: string) {
  const { guests, log } = labIn(path);
  const logs = [...guests].map(([name, { log: { entries, digests, end } }]) => ({
    ...{ name, entries, digests, end },
  }));
  return { log, logs };
}

function labIn(path: string): LabRecording {
  const { lab } = readRecordedFile(path);
  assert(lab !== undefined);
  return lab;
}

Deno.test("a lab's recording", async (test) => {
  await inFolder(async (folder) => {
    const path = await recordLab(folder, 2);
    await test.step("is the same from one thread and from two", async () => {
      assertEquals(contentOf(await recordLab(folder, 1)), contentOf(path));
    });
    await test.step("verifies together and guest by guest", () => verifies(path));
    await test.step("says what one guest received that no other sent", () => finds(path));
    await test.step("is debugged guest by guest, at one time", () => debugs(path));
    await test.step("is refused if its network cannot be", () => refuses(path));
  });
});

async function verifies(path: string): Promise<void> {
  const { guests, log } = labIn(path);
  const frames = [...guests.values()].map(({ log }) =>
    log.entries.flatMap((entry) =>
      entry.kind === "input" && entry.input.kind === "frame" ? [entry.input.sent] : []
    )
  );
  assertEquals(frames, [
    ["g2/net0>0", "g3/net0>0", "g2/net0>0", "g3/net0>0"],
    ["g3/net0>0"],
    ["g2/net0>0"],
  ]);
  assertEquals(log.events.filter(({ kind }) => kind === "dropped").length, 1);

  const verified = await hindsight(["verify", path, "--jobs", "2"]);
  assertEquals(await hindsight(["verify", path, "--jobs", "1"]), verified);
  assertEquals([verified.status, verified.stderr], [0, ""]);
  assertMatch(
    verified.stdout,
    /^verified to cycle 12000000: 3 guests together, 6 inputs, \d+ outputs, 6 digests match, \d events of the network; digests g1 [0-9a-f]{16}, g2 [0-9a-f]{16}, g3 [0-9a-f]{16}\n$/,
  );
  for (const guest of guests.keys()) {
    const { log, build, outputHash } = await openRecording(path, { guest });
    const { digest } = await replay(log, build, { check: outputHash });
    assert(verified.stdout.includes(`${guest} ${digest}`), `${guest} ${digest}`);
  }

  const replayed = await hindsight(["replay", path, "--until", "2000000"]);
  assertEquals(replayed.status, 0, replayed.stderr);
  for (const guest of guests.keys()) {
    assert(replayed.stdout.includes(`${guest}| pocket: network card in slot 0`));
    assertMatch(replayed.stdout, new RegExp(`^${guest} cycle 2000000 digest`, "m"));
  }
  const alone = await hindsight(["replay", path, "--guest", "g2", "--until", "1000000"]);
  assertMatch(alone.stdout, /^pocket: up[^|]*\ncycle 1000000 digest [0-9a-f]{16}\n$/);

  const events = JSON.parse((await hindsight(["events", path, "--json"])).stdout);
  assertEquals(events.length, 6 + log.events.length);
  const lost = events.find(({ kind }: { kind: string }) => kind === "dropped");
  assertEquals([lost.id, lost.frame, lost.machine], [
    "g1.net0:up/loss#0",
    "g1/net0>0",
    "network",
  ]);
  const info = JSON.parse((await hindsight(["info", path, "--json"])).stdout);
  assertEquals(Object.keys(info.guests), ["g1", "g2", "g3"]);
  assertEquals([info.guests.g1.inputs, info.events["dropped (loss)"]], [{ frame: 4 }, 1]);
  assertEquals([info.isCut, info.cycles], [false, CYCLES]);
}

async function finds(path: string): Promise<void> {
  const frame = (change: (entry: LogEntry) => LogEntry | undefined) => ({
    entries: (entries: readonly LogEntry[]) =>
      entries.flatMap((entry) => {
        const changed = entry.id === "g2/net0#0" ? change(entry) : entry;
        return changed === undefined ? [] : [changed];
      }),
  });
  const withInput = (entry: LogEntry, fields: object) =>
    ({
      ...entry,
      input: { ...(entry.kind === "input" ? entry.input : {}), ...fields },
    }) as LogEntry;
  const { log } = labIn(path);
  const [loss] = log.events.filter(({ kind }) => kind === "dropped");
  const cases: [Parameters<typeof rewritten>[1], RegExp][] = [
    [
      frame((entry) => withInput(entry, { bytes: new Uint8Array(42) })),
      /g2\/net0: expected g2\/net0#0, frame g3\/net0>0 of 42 bytes 00.*, actual frame g3/,
    ],
    [
      frame((entry) => withInput(entry, { sent: "g1/net0>0" })),
      /g2\/net0: expected g2\/net0#0, frame g1\/net0>0/,
    ],
    [frame((entry) => ({ ...entry, cycle: entry.cycle - 1 })), /g2\/net0: expected g2\/net0#0/],
    [frame(() => undefined), /g2\/net0: expected no more input, actual frame g3\/net0>0/],
    [
      { events: log.events.filter((event) => event !== loss) },
      /network: expected .*, actual g1\/net0>0 dropped at g1.net0:up/,
    ],
    [
      { events: [...log.events, { ...loss, cycle: 11_000_000 }] },
      /cycle 11000000, network: expected g1\/net0>0 dropped .*, actual nothing/,
    ],
  ];
  for (const [change, message] of cases) {
    const error = await assertRejects(() => verifyAll(rewritten(path, change)), DivergenceError);
    assertMatch(error.message, message);
  }
  await findsOnThreads(path, frame((entry) => withInput(entry, { sent: "g1/net0>0" })));
  const { guests } = await verifyAll(rewritten(path, {}));
  assertEquals(guests.map(({ cycle }) => cycle), [CYCLES, CYCLES, CYCLES]);
}

/** g2 runs on another thread than g1 and g3. */
async function findsOnThreads(path: string, change: Parameters<typeof rewritten>[1]) {
  const changed = path.replace(/\.hsr$/, "-changed.hsr");
  const file = fileOf(path, change);
  await Deno.writeFile(changed, file.read(0, file.sizeBytes));
  const one = await hindsight(["verify", changed, "--jobs", "1"]);
  assertEquals(one.status, 3);
  assertMatch(one.stderr, /^hindsight: divergence at cycle \d+, g2\/net0: .*\n$/);
  assertEquals(await hindsight(["verify", changed, "--jobs", "3"]), one);
}

async function debugs(path: string): Promise<void> {
  const flags = ["--gdb", "127.0.0.1:0", "--http", "127.0.0.1:0", "--at", "1000000"];
  const child = startHindsight(["debug", path, ...flags]);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (printed.split("\n").length <= 4) printed += (await lines.read()).value ?? "";
  const names = [...printed.matchAll(/^listening on \S+ for gdb, guest (\S+)$/mg)].map(([, it]) =>
    it
  );
  assertEquals(names, ["g1", "g2", "g3"]);
  const [, address, token] = /^listening on (\S+) for HTTP, token (\S+)$/m.exec(printed)!;
  const ask = async (path: string, body?: string) => {
    const url = `http://${address}${path}${path.includes("?") ? "&" : "?"}token=${token}`;
    return await (await fetch(url, { method: body === undefined ? "GET" : "POST", body })).json();
  };
  await ask("/goto?guest=g2", '{"cycle":2000000}');
  await ask("/sync?guest=g2", "{}");
  assertEquals((await ask("/where?guest=g3")).cycle, 2_000_000);
  const { events } = await ask("/events?guest=g3&from=0");
  assertEquals(events.map(({ id }: { id: string }) => id), ["g3/net0#0"]);
  child.kill("SIGTERM");
  await lines.cancel();
  assertEquals((await child.status).code, 0);
}

async function refuses(path: string): Promise<void> {
  const late = await hindsight(["replay", path, "--until", "30000000"]);
  assertEquals(late.status, 2);
  assert(late.stderr.includes(`--until 30000000: the recording ends at cycle ${CYCLES}`));
  const lab = labIn(path);
  const network = lab.header.lab as FabricConfig;
  const [link] = network.links;
  const cases: [object, string][] = [
    [{ ...network, speed: 1 }, 'it: the lab\'s : Unrecognized key: "speed"'],
    [{ ...network, seed: -1 }, "it: the lab's seed: "],
    [{ ...network, links: [{ ...link, latency: 1 }] }, "it: the lab's links.0.latency: "],
    [{ ...network, links: [{ ...link, nic: 9 }] }, "it: the lab's link g1.net0 leads nowhere"],
    [
      { ...network, links: [{ ...link, to: { nic: 0 } }] },
      "it: the lab's link g1.net0 leads nowhere",
    ],
  ];
  for (const [config, message] of cases) {
    const header = { ...lab.header, lab: config };
    await assertRejects(() => verifyAll({ ...lab, header }), FormatError, message);
  }
}

Deno.test("a process that records a lab and is killed leaves a file that verifies", async () => {
  const [cycle] = await killLabs({ seed: 1, count: 1 });
  assert(cycle > 0);
});
