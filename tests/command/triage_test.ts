/** `hindsight triage` on pocket: its own bug, a host's fault, both at once, and with all names and texts gone. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { z } from "zod";
import { imageUrl } from "../../guests/images.ts";
import { hindsight } from "./cli.ts";
import { changeInput, diskFile, inFolder } from "./recordings.ts";

const Side = z.enum(["host", "guest", "emulator", "external", "configuration", "unknown"]);
const Cycle = z.number().int().min(0);

/** What programs rely on. */
const Findings = z.strictObject({
  failures: z.array(z.strictObject({
    cycle: Cycle,
    hart: z.number().int().nullable(),
    pc: z.string().regex(/^0x[0-9a-f]+$/).nullable(),
    kind: z.string(),
    message: z.string().regex(/^[\x20-\x7e]+$/),
  })),
  verdicts: z.array(z.strictObject({
    failure: z.number().int().min(0),
    side: Side,
    origin: z.enum([
      "host-injected",
      "host-environment",
      "emulator",
      "configuration",
      "external",
      "guest-contract",
      "guest-logic",
      "unknown",
    ]),
    response: z.enum(["tolerated", "degraded", "mishandled", "not visible"]),
    responsibility: Side,
    grade: z.enum(["A", "B", "C", "0"]),
    trigger: z.strictObject({
      event: z.string().nullable(),
      cycle: Cycle,
      device: z.string(),
      what: z.string(),
    }).nullable(),
    chain: z.array(z.strictObject({ cycle: Cycle, what: z.string(), command: z.string() })).min(1),
    counterfactual: z.strictObject({
      removed: z.array(z.string()).min(1),
      outcome: z.enum(["necessary", "not necessary", "masked by another", "undetermined"]),
    }).nullable(),
    assumptions: z.array(z.string()).min(1),
  })),
});

/** A bit of pocket's pointer to its ledger, in the most significant byte that it uses. */
const LEDGER_POINTER = { address: 0x8000_4048 + 3, bit: 6 };

async function triage(path: string, status = 0) {
  const { stdout, stderr, status: found } = await hindsight(["triage", path, "--json"]);
  assertEquals([found, stderr], [status, ""]);
  return Findings.parse(JSON.parse(stdout));
}

async function record(folder: string, machine: readonly string[], plan?: object): Promise<string> {
  const [path, faults] = [join(folder, "it.hsr"), join(folder, "plan.json")];
  if (plan) await Deno.writeTextFile(faults, JSON.stringify(plan));
  const flags = plan ? ["--faults", faults] : [];
  const { status } = await hindsight(["record", ...machine, ...flags, "-o", path]);
  assertEquals(status, 1); // the guest failed
  return path;
}

Deno.test("triage acquits an error that pocket bears, and blames pocket for its stray write", async () => {
  await inFolder(async (folder) => {
    const machine = ["--guest", "pocket", "--disk", await diskFile(folder)];
    const plan = { disk: [{ disk: "disk0", fault: "read-error", nth: 3 }] };
    const { failures, verdicts } = await triage(await record(folder, machine, plan));
    assertEquals(failures.map(({ kind, hart }) => [kind, hart]), [["panic", 0], [
      "io-error",
      null,
    ]]);
    const [crash, error] = verdicts;
    assertEquals([crash.side, crash.responsibility, crash.grade], ["guest", "guest", "B"]);
    assertEquals(crash.counterfactual?.outcome, "not necessary");
    assertMatch(crash.trigger!.what, /^note_alarm\+0x[\da-f]+: .* stores it/);
    assertEquals([error.side, error.response], ["host", "tolerated"]);
    assertEquals(crash.counterfactual?.removed, [error.trigger!.event]);
  });
});

Deno.test("triage convicts a flipped bit by a replay without it", async () => {
  await inFolder(async (folder) => {
    const plan = { memory: [{ at: 200_000_000, ...LEDGER_POINTER }] };
    const path = await record(folder, ["--guest", "pocket"], plan);
    const { verdicts: [verdict, ...others] } = await triage(path);
    assertEquals(others, []);
    assertEquals([verdict.side, verdict.origin, verdict.grade], ["host", "host-injected", "A"]);
    assertEquals([verdict.response, verdict.responsibility], ["mishandled", "host"]);
    assertEquals(verdict.counterfactual?.outcome, "necessary");
    assertEquals(verdict.trigger?.cycle, 200_000_000);
    // What a command of the chain claims, it shows.
    const what = verdict.chain.find(({ command }) => command.includes("what-if"))!;
    const [, ...args] = what.command.split(" ");
    assertMatch((await hindsight(args)).stdout, /^without +m\/host#\d+$/m);
  });
});

Deno.test("triage blames the guest alike when it prints nothing, and when it has no names", async () => {
  await inFolder(async (folder) => {
    const image = await Deno.readFile(fromFileUrl(imageUrl("pocket")));
    const silent = silenced(image);
    const stripped = silent.slice();
    stripped.fill(0, 40, 48); // e_shoff: no sections, so no symbols
    const found = [];
    for (const [name, bytes] of Object.entries({ silent, stripped })) {
      const file = join(folder, `${name}.elf`);
      await Deno.writeFile(file, bytes);
      const { failures, verdicts } = await triage(await record(folder, ["--bios", file]));
      const [{ side, responsibility, grade }] = verdicts;
      found.push([name, failures.length, failures[0].kind, side, responsibility, grade]);
    }
    assertEquals(found, [
      ["silent", 1, "panic", "guest", "guest", "B"],
      ["stripped", 1, "fail-code", "guest", "guest", "B"],
    ]);
  });
});

Deno.test("triage accuses the emulator where the replay leaves the recording", async () => {
  await inFolder(async (folder) => {
    const machine = ["--guest", "pocket", "--disk", await diskFile(folder)];
    const path = await record(folder, machine);
    const cycle = await changeInput(
      path,
      "disk",
      (it) => ({ ...it, error: "EIO", bytes: undefined }),
    );
    const { failures, verdicts } = await triage(path, 3);
    assertEquals(failures.map(({ kind }) => kind), ["divergence"]);
    assertEquals([verdicts[0].side, verdicts[0].origin], ["emulator", "emulator"]);
    assert(failures[0].cycle >= cycle);
  });
});

/** The image with every text of a dozen characters or more made empty. */
function silenced(image: Uint8Array): Uint8Array {
  const bytes = image.slice();
  for (let start = 0; start < bytes.length; start++) {
    let end = start;
    while (bytes[end] >= 32 && bytes[end] < 127 || bytes[end] === 10) end++;
    if (end - start >= 12 && bytes[end] === 0) bytes[start] = 0;
    start = Math.max(start, end);
  }
  return bytes;
}
