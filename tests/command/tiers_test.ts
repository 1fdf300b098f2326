/** Recordings that one tier makes are verified by the other. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const tier = (threshold: number) => ["--jit-threshold", `${threshold}`];

Deno.test("pocket recorded with the JIT verifies without it, and the other way round", async () => {
  await inFolder(async (folder) => {
    for (const [recorded, verified] of [[1, 0], [0, 1]]) {
      const path = join(folder, `${recorded}.hsr`);
      const record = await hindsight([
        "record",
        "--guest",
        "pocket",
        ...tier(recorded),
        "-o",
        path,
      ]);
      assertEquals(record.status, 1); // it crashes
      const { status, stdout, stderr } = await hindsight(["verify", path, ...tier(verified)]);
      assertEquals([status, stderr], [0, ""]);
      assertMatch(stdout, /^verified to cycle \d+: .* 49 digests match/);
      const replayed = await hindsight(["replay", path, ...tier(verified)]);
      assertEquals(
        replayed.stdout.split("\n").at(-2)?.split(" ").at(-1),
        /digest (\S+)/.exec(stdout)![1],
      );
    }
  });
});

Deno.test("verify refuses a threshold that is no power of two", async () => {
  const { status, stderr } = await hindsight(["verify", "any.hsr", ...tier(3)]);
  assertEquals(status, 2);
  assertEquals(stderr, "hindsight: --jit-threshold 3: 0 or a power of two is needed\n");
});
