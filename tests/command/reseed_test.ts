/** `--reseed`: one machine up to a cycle, and others from there on. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

Deno.test("a reseed is taken at its cycle, is recorded and replays on four harts", async () => {
  await inFolder(async (folder) => {
    const smp = ["--bios", fromFileUrl(imageUrl("smp")), "--memory", "16M", "--harts", "4"];
    const model = ["--disk-timing", "model", "--until-cycle", "4_000_000"];
    const record = async (name: string, ...flags: string[]) => {
      const path = join(folder, name);
      const { status, stderr } = await hindsight([
        "record",
        ...smp,
        ...model,
        ...flags,
        "-o",
        path,
      ]);
      assertEquals([status, stderr], [0, ""]);
      const verified = await hindsight(["verify", path]);
      assertEquals([verified.status, verified.stderr], [0, ""]);
      return /digest ([0-9a-f]{16})\n$/.exec(verified.stdout)![1];
    };
    const digests = [
      await record("plain"),
      await record("one", "--reseed", "1_000_000:1"),
      await record("two", "--reseed", "2_000_000:2", "--reseed", "1_000_000:1"),
    ];
    assertEquals(new Set(digests).size, 3);
    const listed = await hindsight(["events", join(folder, "two"), "--kind", "reseed", "--json"]);
    const told = JSON.parse(listed.stdout).map((
      it: { id: string; cycle: number; seed: number },
    ) => [it.id, it.cycle, it.seed]);
    assertEquals(told, [["m/machine#0", 1_000_000, 1], ["m/machine#1", 2_000_000, 2]]);
  });
});

Deno.test("a reseed that is none is refused", async () => {
  for (const value of ["1:4294967296", "9007199254740993:1"]) {
    const { status, stderr } = await hindsight(["run", "--guest", "pocket", `--reseed=${value}`]);
    assertEquals(status, 2);
    assertMatch(stderr, /^hindsight: --reseed .*: CYCLE:SEED is needed, a seed below 2\^32\n$/);
  }
});
