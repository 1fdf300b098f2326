/** What a run writes harms nothing that it reads, and nothing that another process writes. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { runPeer } from "../peer.ts";
import { hindsight, startHindsight } from "./cli.ts";
import { diskFile, inFolder } from "./recordings.ts";

const SHORT = ["--guest", "pocket", "--until-cycle", "1_000_000"];
/** Runs for some seconds. */
const SLOW = ["--guest", "pocket", "--tlb-flush-every", "400"];

Deno.test("record and run do not write over what the machine is made from", async () => {
  await inFolder(async (folder) => {
    const disk = await diskFile(folder);
    const before = await Deno.readFile(disk);
    const file = (name: string) => join(folder, name);
    await Deno.symlink("disk", file("link"));
    await Deno.link(disk, file("hard"));
    await Deno.copyFile(imageUrl("pocket"), file("bios"));
    const bios = await Deno.readFile(file("bios"));
    const cases: [string[], RegExp][] = [
      [["record", ...SHORT, "--disk", disk, "-o", disk], /is the file of --disk/],
      [["record", ...SHORT, "--disk", `${disk},ro`, "-o", file("link")], /is the file of --disk/],
      [["record", ...SHORT, "--disk", `${disk},through`, "-o", file("hard")], /file of --disk/],
      [["record", "--bios", file("bios"), "-o", file("bios")], /is the file of --bios/],
      [["record", ...SHORT, "--digests", file("x"), "-o", file("x")], /is the file of --digests/],
      [["run", ...SHORT, "--disk", disk, "--digests", disk], /--digests .* is the file of --disk/],
    ];
    for (const [args, expected] of cases) {
      const { status, stderr } = await hindsight(args);
      assertEquals(status, 2, stderr);
      assertMatch(stderr, /^hindsight: [^\n]+; give another one\n$/);
      assertMatch(stderr, expected);
    }
    assertEquals(await Deno.readFile(disk), before);
    assertEquals(await Deno.readFile(file("bios")), bios);
  });
});

Deno.test("a recording that does not begin leaves what was there", async () => {
  await inFolder(async (folder) => {
    const [old, fresh, pipe] = ["old", "fresh", "pipe"].map((name) => join(folder, name));
    await Deno.writeTextFile(old, "an older recording");
    await runPeer("mkfifo", [pipe]);
    for (const path of [old, fresh]) {
      for (const missing of ["--kernel", "--disk"]) {
        const machine = missing === "--disk" ? SHORT : [];
        const args = ["record", ...machine, missing, join(folder, "none"), "-o", path];
        assertEquals((await hindsight(args)).status, 2);
      }
    }
    const { status, stderr } = await hindsight(["record", ...SHORT, "-o", pipe]);
    assertEquals([status, /: is a pipe; a recording needs a file\n$/.test(stderr)], [2, true]);
    assertEquals(await Deno.readTextFile(old), "an older recording");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["old", "pipe"]);
  });
});

Deno.test("two recordings at once do not go to one file", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    const first = startHindsight(["record", ...SLOW, "-o", path], { stderr: "piped" });
    const output = first.stdout.getReader();
    await output.read(); // the guest runs
    const second = await hindsight(["record", ...SHORT, "-o", path]);
    assertEquals(second.status, 4);
    assertMatch(second.stderr, /^hindsight: .*it\.hsr: another process is recording to it\n$/);
    while (!(await output.read()).done);
    await first.stderr.cancel();
    assertEquals((await first.status).code, 1);
    const { status, stderr } = await hindsight(["verify", path]);
    assertEquals([status, stderr], [0, ""]);
  });
});

Deno.test("standard output that is full ends every command with 4 and one line", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "it.hsr");
    assertEquals((await hindsight(["record", ...SHORT, "-o", path])).status, 0);
    for (const command of ["verify", "info", "events --json", "replay", "help"]) {
      const args = command === "help" ? [command] : [...command.split(" "), path];
      const { status, stderr } = await hindsight(args, { output: "/dev/full" });
      assertEquals(status, 4, command);
      assertMatch(stderr, /^hindsight: standard output: [^\n]*\n$/, command);
    }
  });
});
