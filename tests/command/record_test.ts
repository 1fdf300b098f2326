/** `hindsight record`, `replay`, `verify`, `info` and `events` as a user sees them. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { codec } from "../../replay/deno/codec.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { readRecording } from "../../replay/format/reader.ts";
import { hindsight } from "./cli.ts";
import { killRecordings } from "./kill.ts";
import { changeInput, diskFile, inFolder } from "./recordings.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

Deno.test("record ends as run does, and the file tells it all again", async () => {
  await inFolder(async (folder) => {
    const disk = await diskFile(folder);
    const typed = join(folder, "typed");
    await Deno.writeTextFile(typed, "one\ntwo\n");
    const machine = ["--guest", "pocket", "--disk", disk, "--send", typed, "--seed", "3"];
    const path = join(folder, "it.hsr");
    const ran = await hindsight(["run", ...machine]);
    const recorded = await hindsight(["record", ...machine, "-o", path]);
    assertEquals(recorded.status, 1);
    assertEquals(recorded.stderr, "guest failed with status 1\n");
    assertEquals(ran.status, 1);
    await Deno.remove(disk);
    const moved = join(folder, "moved.hsr");
    await Deno.rename(path, moved);

    const verified = await hindsight(["verify", moved]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
    const [, cycle, digest] = /^verified to cycle (\d+): .*digest ([0-9a-f]{16})\n$/.exec(
      verified.stdout,
    )!;

    const replayed = await hindsight(["replay", moved]);
    assertEquals(replayed.status, 0);
    assertEquals(replayed.stdout, `${recorded.stdout}cycle ${cycle} digest ${digest}\n`);

    const part = await hindsight(["replay", moved, "--until", "20_000_000"]);
    assertMatch(part.stdout, /\ncycle 20000000 digest [0-9a-f]{16}\n$/);
    assert(recorded.stdout.startsWith(part.stdout.split("\ncycle ")[0]), part.stdout);
    const beyond = await hindsight(["replay", moved, "--until", "99999999999"]);
    assertEquals(beyond.status, 2);

    const facts = JSON.parse((await hindsight(["info", moved, "--json"])).stdout);
    assertEquals([facts.cycles, facts.isCut], [Number(cycle), false]);
    assertEquals(facts.end, { reason: "power", power: { kind: "power", action: "fail", code: 1 } });
    assertEquals(facts.machine.disks, [{ sizeBytes: 1 << 20, readOnly: false }]);
    assertEquals(facts.sizes.file, Deno.statSync(moved).size);
    assert(facts.inputs.disk > 0, JSON.stringify(facts.inputs));
    assert(facts.logBytesPer1000Instructions < 1, `${facts.logBytesPer1000Instructions}`);
    const page = (await hindsight(["info", moved])).stdout;
    assertMatch(page, /^end +power fail 1$/m);
    assertMatch(page, /^damage +none$/m);

    const list = async (...flags: string[]) =>
      JSON.parse((await hindsight(["events", moved, "--json", ...flags])).stdout);
    const all = await list();
    assertEquals(all.length, Object.values<number>(facts.inputs).reduce((a, b) => a + b, 0));
    const [first] = await list("--kind", "disk");
    assertEquals([first.id, first.machine, first.device], ["m/disk0#0", "m", "disk0"]);
    const span = await list("--from", `${first.cycle}`, "--to", `${first.cycle}`);
    assertEquals(span, [first]);
    assertStringIncludes((await hindsight(["events", moved])).stdout, "m/disk0#0");
    assertEquals((await hindsight(["events", moved, "--kind", "dusk"])).status, 2);
  });
});

Deno.test("a recording is whole although nobody reads the console any more", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const args = ["run", "-A", MAIN, "record", "--guest", "pocket", "-o", path];
    const process = new Deno.Command(Deno.execPath(), {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await process.stdout.cancel();
    const { code, stderr } = await process.output();
    assertEquals(code, 4);
    assertMatch(new TextDecoder().decode(stderr), /^hindsight: standard output: .*pipe.*\n$/);
    const { end, cycles } = JSON.parse((await hindsight(["info", path, "--json"])).stdout);
    assertEquals(end, { reason: "left" });
    assert(cycles > 0);
    assertEquals((await hindsight(["verify", path])).status, 0);
  });
});

Deno.test("verify ends with 3 at the first divergence", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const disk = await diskFile(folder);
    const cycles = ["--until-cycle", "60_000_000"];
    await hindsight(["record", "--guest", "pocket", "--disk", disk, ...cycles, "-o", path]);
    await changeInput(path, "disk", (it) => ({ ...it, error: "EIO", bytes: undefined }));
    const { status, stderr } = await hindsight(["verify", path]);
    assertEquals(status, 3);
    assertMatch(
      stderr,
      /^hindsight: divergence at cycle \d+, \w+: expected .+, actual .+\n$/,
    );
  });
});

Deno.test("a file that is no recording, or damaged, is told in one line", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const cases: [string[], RegExp][] = [
      [["verify"], /^hindsight: which recording\?/],
      [["verify", path], /it\.hsr: no such file\n$/],
      [["info", folder], /: not a regular file\n$/],
      [["record", "--guest", "pocket"], /^hindsight: where to\?/],
    ];
    for (const [args, expected] of cases) {
      const { status, stderr } = await hindsight(args);
      assertEquals(status, 2, stderr);
      assertMatch(stderr, expected);
    }
    await Deno.writeTextFile(path, "something else");
    assertMatch((await hindsight(["replay", path])).stderr, /^hindsight: .*: not a recording\n$/);

    await hindsight(["record", "--guest", "pocket", "--tlb-flush-every", "400", "-o", path]);
    const bytes = await Deno.readFile(path);
    const { chunks } = readRecording(new MemoryFile(bytes), codec);
    bytes[chunks.findLast(({ type }) => type === "LOG")!.offset + 50] ^= 4;
    await Deno.writeFile(path, bytes);
    const { status, stdout, stderr } = await hindsight(["verify", path]);
    assertEquals(status, 4);
    assertMatch(stdout, /^verified to cycle \d+: /);
    assertMatch(stderr, /^hindsight: .*: damaged after cycle \d+: [^\n]*\n$/);
  });
});

Deno.test("a recording that cannot grow any more ends the run with 4 and verifies", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    // A limit on the size of files is met like the end of a disk, and needs no privilege.
    const script = `trap '' XFSZ; ulimit -f 18; exec "$0" "$@"`;
    const flags = ["--guest", "pocket", "--tlb-flush-every", "100"];
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", script, Deno.execPath(), "run", "-A", "--no-check", MAIN, "record", ...flags]
        .concat(
          ["-o", path],
        ),
      stdin: "null",
    }).output();
    assertEquals(code, 4);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^hindsight: cannot write the recording .*it\.hsr: File too large[^\n]*\n$/,
    );
    const verified = await hindsight(["verify", path]);
    assertEquals([verified.status, verified.stderr], [0, ""]);
    assertMatch(verified.stdout, /; the recording was cut there\n$/);
    assertMatch((await hindsight(["info", path])).stdout, /^end +cut$/m);
  });
});

Deno.test("a recording process that is killed leaves a file that verifies", async () => {
  const cycles = await killRecordings({ seed: 21, count: 5 });
  assert(new Set(cycles).size > 1, `${cycles}`);
});
