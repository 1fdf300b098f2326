/** A race between the timer's interrupt and what it interrupts: some seeds have it, and it is found why. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { Minimiser } from "../../command/hunt/minimiser.ts";
import { failOnOf } from "../../command/hunt/verdict.ts";
import { openAlone } from "../../command/recorded_lab.ts";
import { readRecordedFile } from "../../command/recording_file.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const TALLY = ["--bios", fromFileUrl(imageUrl("tally")), "--memory", "2M"];
const REPLAYS = 10;

interface Found {
  readonly seed: number;
  readonly what: string;
  readonly cycle: number;
  readonly line?: string;
}

async function hunt(folder: string, ...flags: string[]): Promise<Found[]> {
  const command = ["hunt", ...TALLY, "--jobs", "1", "-o", folder, "--json", ...flags];
  const { stdout, stderr } = await hindsight(command);
  assertEquals(stderr, "");
  return JSON.parse(stdout);
}

Deno.test("an interrupt within three instructions: a few seeds of a hundred", async (test) => {
  await inFolder(async (parent) => {
    const folder = join(parent, "hunt");
    const all = await hunt(folder, "--seeds", "1..20");
    const failures = all.filter(({ what }) => what === "exit 1");
    assertEquals(all.length, 20);
    assert(failures.length >= 1 && failures.length <= 4, `${failures.length}`);
    const [{ seed, cycle }] = failures;
    const path = join(folder, `seed-${seed}.hsr`);
    const { machine } = readRecordedFile(path);
    const options = { failOn: failOnOf([]), limit: 1_000_000_000 };
    const minimiser = await Minimiser.open(await openAlone(path, machine!), options);

    await test.step(`${REPLAYS} of ${REPLAYS} replays come to the same end`, async () => {
      assertEquals(machine!.log.endCycle, cycle);
      for (let count = 0; count < REPLAYS; count++) await minimiser.replay(); // or it throws
    });
    await test.step("one loss of time is what it needs, and that alone is on file", async () => {
      const kept = await minimiser.minimise();
      assertEquals(kept.ids.length, 1);
      const minimal = join(folder, "minimal.hsr");
      const { outcome, events } = await minimiser.record(kept, minimal);
      assertEquals(outcome.what, "exit 1");
      assertMatch(events[0].what!, /^hart 0 is withheld for \d+ cycles/);
      const listed = await hindsight(["events", minimal, "--kind", "host", "--json"]);
      assertEquals(JSON.parse(listed.stdout).length, 1);
      assertEquals((await hindsight(["verify", minimal])).status, 0);
    });
    minimiser.close();
  });
});

Deno.test("where no time is lost each seed is the same on one hart, and not on two", async () => {
  await inFolder(async (folder) => {
    const undisturbed = ["--no-steal", "--fail-on", "^tally", "--seeds", "1..5"];
    const [one, two] = await Promise.all([
      hunt(join(folder, "one"), ...undisturbed),
      hunt(join(folder, "two"), "--harts", "2", ...undisturbed),
    ]);
    const endings = (all: readonly Found[]) => [...new Set(all.map(({ line }) => line))];
    assertEquals(endings(one).length, 1);
    assertMatch(endings(one)[0]!, /lost 0 to interrupts and 0 to/);
    assert(endings(two).length >= 3, endings(two).join("\n"));
    const lost = two.map(({ line }) => Number(/and (\d+) to the other hart/.exec(line!)![1]));
    assert(lost.some((count) => count > 0) && lost.some((count) => count === 0), lost.join());
  });
});

Deno.test("what minimise cannot do is refused with what would do", async () => {
  await inFolder(async (folder) => {
    const minimise = async (plan: unknown, pattern: RegExp) => {
      const [faults, path] = [join(folder, "plan.json"), join(folder, "it.hsr")];
      await Deno.writeTextFile(faults, JSON.stringify(plan));
      const flags = [...TALLY, "--until-cycle", "11_000_000", "--faults", faults];
      assertEquals((await hindsight(["record", ...flags, "-o", path])).status, 0);
      const { status, stderr } = await hindsight(["minimise", path]);
      assertEquals(status, 2);
      assertMatch(stderr, pattern);
    };
    await minimise({}, /nothing that could be taken away happened to its machine\n$/);
    const unused = { address: "0x80100000", bit: 0 };
    await minimise({ memory: [{ at: 1_000_000, ...unused }] }, /can part at cycle 10000000, and/);
  });
});
