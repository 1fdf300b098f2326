/** The same race by many seeds: how often, that it always replays, and how little it needs. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const SEEDS = 400;

for (const harts of [1, 2]) {
  Deno.test(`${SEEDS} seeds on ${harts} harts: failures are few, verify, and need few events`, async () => {
    await inFolder(async (folder) => {
      const machine = ["--bios", fromFileUrl(imageUrl("tally")), "--memory", "2M"];
      const flags = [...machine, "--harts", `${harts}`, "--seeds", `1..${SEEDS}`, "-o", folder];
      const toInterrupts = ["--fail-on", "lost [1-9]\\d* to interrupts"];
      const { status, stdout } = await hindsight(["hunt", ...flags, ...toInterrupts, "--json"]);
      assertEquals(status, 1);
      const failures: { seed: number; cycle: number }[] = JSON.parse(stdout).filter(
        ({ isFailure }: { isFailure: boolean }) => isFailure,
      );
      assert(failures.length > SEEDS * 0.01 && failures.length < SEEDS * 0.15);
      const counts: number[] = [];
      for (const { seed } of failures) {
        const path = join(folder, `seed-${seed}.hsr`);
        assertEquals((await hindsight(["verify", path])).status, 0);
        const minimum = await hindsight(["minimise", path, ...toInterrupts, "--json"]);
        assertEquals(minimum.status, 0, minimum.stderr);
        counts.push(JSON.parse(minimum.stdout).events.length);
        const minimal = join(folder, `seed-${seed}-minimal.hsr`);
        assertEquals((await hindsight(["verify", minimal])).status, 0);
      }
      console.log(`${harts} harts: ${failures.length} of ${SEEDS} fail, events: ${counts.join()}`);
      assert(counts.every((count) => count <= 3));
    });
  });
}
