/** The same race by many seeds: how often, that it always replays, and how little it needs; and one in Linux. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const SEEDS = 400;
const MODULE = new URL("race.ko", imageUrl("race"));

Deno.test(`${SEEDS} seeds: failures are few, verify, and need few events`, async () => {
  await inFolder(async (folder) => {
    const machine = ["--bios", fromFileUrl(imageUrl("tally")), "--memory", "2M"];
    const flags = [...machine, "--seeds", `1..${SEEDS}`, "-o", folder];
    const { status, stdout } = await hindsight(["hunt", ...flags, "--json"]);
    assertEquals(status, 1);
    const failures: { seed: number; cycle: number }[] = JSON.parse(stdout).filter(
      ({ isFailure }: { isFailure: boolean }) => isFailure,
    );
    assert(failures.length > SEEDS * 0.01 && failures.length < SEEDS * 0.15);
    const counts: number[] = [];
    for (const { seed } of failures) {
      const path = join(folder, `seed-${seed}.hsr`);
      assertEquals((await hindsight(["verify", path])).status, 0);
      const minimum = await hindsight(["minimise", path, "--json"]);
      assertEquals(minimum.status, 0, minimum.stderr);
      counts.push(JSON.parse(minimum.stdout).events.length);
      const minimal = join(folder, `seed-${seed}-minimal.hsr`);
      assertEquals((await hindsight(["verify", minimal])).status, 0);
    }
    console.log(`${failures.length} of ${SEEDS} fail, events: ${counts.join()}`);
    assert(counts.every((count) => count <= 3));
  });
});

Deno.test("a kernel module loses other updates to a timer with each seed, and only where time is lost", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const flags = ["--guest", "debian", "--copy", `${fromFileUrl(MODULE)}:/root/race.ko`];
    const command = ["--run", "insmod race.ko; dmesg | grep lost", "--fail-on", "race: lost"];
    const linesOf = async (name: string, ...more: string[]) => {
      const seeds = ["--seeds", "1..6", "--json", "-o", join(folder, name), ...more];
      const { stdout } = await hindsight(["hunt", ...flags, ...command, ...seeds]);
      const lines = JSON.parse(stdout).map(({ line }: { line: string }) => line);
      assertEquals(lines.length, 6);
      return new Set(lines);
    };
    assertEquals((await linesOf("undisturbed", "--no-steal")).size, 1);
    assert((await linesOf("disturbed")).size >= 4);
  });
});
