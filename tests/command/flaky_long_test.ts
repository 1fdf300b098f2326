/** The flaky pair: it fails rarely, each failure is always the same, and its cause is found. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { investigate } from "../../command/demo_flaky.ts";
import { Minimiser } from "../../command/hunt/minimiser.ts";
import { failOnOf } from "../../command/hunt/verdict.ts";
import { openLab } from "../../command/recorded_lab.ts";
import { readRecordedFile } from "../../command/recording_file.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hasPeer, runPeer } from "../peer.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const LAB = fromFileUrl(new URL("../../guests/labs/flaky.json", import.meta.url));
const SEEDS = 100;
const REPLAYS = 100;

interface Found {
  readonly seed: number;
  readonly what: string;
  readonly cycle: number;
  readonly isFailure: boolean;
}

Deno.test("the teller fails in less than 5 % of its runs, always the same, and it is found why", async (test) => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const flags = ["--lab", LAB, "--seeds", `1..${SEEDS}`];
    const { status, stdout, stderr } = await hindsight(["hunt", ...flags, "-o", folder, "--json"]);
    assertEquals([status, stderr], [1, ""]);
    const all: Found[] = JSON.parse(stdout);
    const failures = all.filter(({ isFailure }) => isFailure);
    console.log(`${failures.length} of ${all.length}: ${failures.map(({ seed }) => seed)}`);
    assertEquals(all.length, SEEDS);
    assert(failures.length >= 1 && failures.length < SEEDS * 0.05);
    for (const { what } of failures) assertEquals(what, "exit 139"); // 128 + SIGSEGV
    const [{ seed, cycle }] = failures;
    const path = join(folder, `seed-${seed}.hsr`);
    const minimal = join(folder, "minimal.hsr");

    const { lab } = readRecordedFile(path);
    const options = { failOn: failOnOf([]), limit: 10_000_000_000 };
    const minimiser = await Minimiser.open(await openLab(path, lab!), options);
    await test.step(`${REPLAYS} of ${REPLAYS} replays come to the same end`, async () => {
      assertEquals(lab!.guests.get("teller")!.log.endCycle, cycle);
      for (let count = 0; count < REPLAYS; count++) await minimiser.replay(); // or it throws
    });
    await test.step("one to three doings of the network are what it needs", async () => {
      const kept = await minimiser.minimise();
      const { ids } = kept;
      assert(ids.length >= 1 && ids.length <= 3, ids.join());
      const { outcome, events } = await minimiser.record(kept, minimal);
      assertEquals(events.map(({ id }) => id).sort(), ids.toSorted());
      assertEquals([outcome.what, outcome.guest], ["exit 139", "teller"]);
      console.log(`${minimiser.candidates.length} events, needed: ${ids.join(" ")}`);
    });
    minimiser.close();
    for (const file of [path, minimal]) {
      await test.step("verify passes", async () => {
        const { status, stdout } = await hindsight(["verify", file]);
        assertEquals(status, 0);
        assertMatch(stdout, /2 guests together/);
      });
    }
    await test.step("a watchpoint leads from the crash to the bad free", async () => {
      assert(await investigate(minimal));
    });
    await test.step("tshark counts the packets that `packets` lists", async () => {
      if (!await hasPeer("tshark", "tshark")) return;
      const capture = join(folder, "it.pcapng");
      const listed = await hindsight(["packets", path]);
      await hindsight(["packets", path, "--pcapng", capture]);
      const { stdout } = await runPeer("tshark", ["-r", capture]);
      const count = (text: string) => text.trimEnd().split("\n").length;
      assertEquals(count(stdout), count(listed.stdout));
      assert(count(stdout) > 100);
    });
  });
});
