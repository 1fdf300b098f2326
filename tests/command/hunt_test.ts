/** `hindsight hunt`: runs that fork, recordings of those that fail, and a hunt that goes on. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { stealSeed } from "../../command/hunt/trials.ts";
import { imageUrl } from "../../guests/images.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const FORK = 10_000_000;
const SMP = ["--bios", fromFileUrl(imageUrl("smp")), "--memory", "16M", "--harts", "4"];

function huntFlags(folder: string, seeds: string, ...more: string[]): string[] {
  const from = ["--fork-at", `${FORK}`, "--seeds", seeds, "--jobs", "2", "-o", folder];
  return ["hunt", ...SMP, ...from, ...more];
}

const lines = (folder: string) =>
  Deno.readTextFileSync(join(folder, "hunt.jsonl")).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );

Deno.test("a hunt keeps the recordings of failures, and goes on where it was", async (test) => {
  await inFolder(async (parent) => {
    const folder = join(parent, "hunt");
    const failing = ["--fail-on", "^smp: harts"];
    const first = await hindsight(huntFlags(folder, "1..2", ...failing));
    await test.step("with a table, and status 1", () => {
      assertEquals([first.status, first.stderr], [1, ""]);
      assertMatch(
        first.stdout,
        /^the runs fork at cycle 10000000\nseed .*\n(.*\n){2}2 seeds: 2 match\n$/,
      );
    });
    await test.step("which are those of a run with that reseed, whose harts lose that time", async () => {
      const recorded = join(folder, "seed-2.hsr");
      const [{ cycle }] = lines(folder).filter(({ seed }) => seed === 2);
      const same = join(parent, "same.hsr");
      const plan = join(parent, "plan.json");
      Deno.writeTextFileSync(plan, JSON.stringify({ steal: { seed: stealSeed(2), from: FORK } }));
      const chance = ["--reseed", `${FORK}:2`, "--faults", plan];
      const run = ["record", ...SMP, "--disk-timing", "model", ...chance];
      const { status } = await hindsight([...run, "--until-cycle", `${cycle}`, "-o", same]);
      assertEquals(status, 0);
      const digestOf = async (path: string) => {
        const { status, stdout } = await hindsight(["verify", path]);
        assertEquals(status, 0);
        return /to cycle (\d+): .* digest ([0-9a-f]{16})/.exec(stdout)!.slice(1);
      };
      assertEquals(await digestOf(recorded), await digestOf(same));
    });
    await test.step("after it was cut in the midst of a line", async () => {
      const path = join(folder, "hunt.jsonl");
      const text = Deno.readTextFileSync(path);
      Deno.writeTextFileSync(path, text.slice(0, -9));
      Deno.writeTextFileSync(join(folder, "seed-3.hsr.part"), "half");
      const { status, stdout } = await hindsight(huntFlags(folder, "1..3", ...failing));
      assertEquals(status, 1);
      assertMatch(stdout, /\n1 of them are known from before\n/);
      assertMatch(stdout, /\n3 seeds: 3 match\n$/);
      assertEquals(lines(folder).slice(1).map(({ seed }) => seed).sort(), [1, 2, 3]);
      const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assertEquals(files, ["hunt.jsonl", "seed-1.hsr", "seed-2.hsr", "seed-3.hsr"]);
    });
    await test.step("and not in another hunt's folder", async () => {
      const { status, stderr } = await hindsight(huntFlags(folder, "1..3"));
      assertEquals(status, 2);
      assertMatch(stderr, /^hindsight: -o .*: holds another hunt; give another folder\n$/);
    });
  });
});

Deno.test("a run that powers off is no failure, and leaves no recording", async () => {
  await inFolder(async (folder) => {
    const { status, stdout } = await hindsight(huntFlags(folder, "7..8", "--json"));
    assertEquals(status, 0);
    const outcomes = JSON.parse(stdout).map((
      { seed, what }: Record<string, unknown>,
    ) => [seed, what]);
    assertEquals(outcomes, [[7, "ok"], [8, "ok"]]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["hunt.jsonl"]);
  });
});

Deno.test("a hunt that cannot be is refused with what would do", async () => {
  const cases: [string[], RegExp][] = [
    [["--guest", "pocket"], /which seeds\? write --seeds 1\.\.100/],
    [["--guest", "pocket", "--seeds", "5..2"], /--seeds 5\.\.2: write A\.\.B/],
    [["--guest", "pocket", "--seeds", "1..2", "--fail-on", "("], /--fail-on \(: is no regular/],
    [["--guest", "pocket", "--seeds", "1..2", "--nic", "none"], /--nic does not go with hunt/],
    [[...SMP, "--seeds", "1", "--fork-at", "50_000_000"], /the guest ended at cycle \d+, and/],
  ];
  const outcomes = await Promise.all(cases.map(([flags]) => hindsight(["hunt", ...flags])));
  outcomes.forEach(({ status, stderr }, at) => {
    assertEquals(status, 2, stderr);
    assertMatch(stderr, cases[at][1]);
  });
});
