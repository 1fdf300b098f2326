/** The tiers in lock-step: a whole Debian boot, digest by digest, and recordings that they exchange. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { inFolder } from "./recordings.ts";

const WORK = "sha256sum /bin/busybox; ls -lR /mnt; gzip -c /bin/busybox | md5sum";
const tier = (threshold: number | undefined) =>
  threshold === undefined ? [] : ["--jit-threshold", `${threshold}`];

for (const harts of [1, 4]) {
  const machine = ["--guest", "debian", "--harts", `${harts}`, "--run", WORK];

  Deno.test(`a Debian boot on ${harts} harts has the same digests on both tiers`, async () => {
    if (await preparedGuest() === undefined) return;
    await inFolder(async (folder) => {
      const digests = async (threshold: number | undefined) => {
        const file = join(folder, `${threshold}`);
        const timing = ["--disk-timing", "model", "--seed", "7", "--digests", file];
        const { status, stderr } = await hindsight([
          "run",
          ...machine,
          ...timing,
          ...tier(threshold),
        ]);
        assertEquals(status, 0, stderr);
        return (await Deno.readTextFile(file)).trim().split("\n");
      };
      const expected = await digests(0);
      assert(expected.length > 50, `only ${expected.length} digests`);
      for (const threshold of [undefined, 16]) {
        const actual = await digests(threshold);
        const first = expected.findIndex((line, i) => line !== actual[i]);
        assertEquals(actual[first], expected[first], `threshold ${threshold}`);
        assertEquals(actual.length, expected.length);
      }
      console.log(`${harts} harts: ${expected.length} digests equal with thresholds 0, 4096, 16`);
    });
  });

  Deno.test(`Debian recorded on ${harts} harts by one tier verifies on the other`, async () => {
    if (await preparedGuest() === undefined) return;
    await inFolder(async (folder) => {
      for (const [recorded, verified] of [[undefined, 0], [0, undefined], [16, 0]]) {
        const path = join(folder, `${recorded}.hsr`);
        const record = await hindsight(["record", ...machine, ...tier(recorded), "-o", path]);
        assertEquals(record.status, 0, record.stderr);
        const { status, stdout, stderr } = await hindsight(["verify", path, ...tier(verified)]);
        assertEquals([status, stderr], [0, ""]);
        assertMatch(stdout, /^verified to cycle \d+: .* digests match/);
        console.log(`${recorded ?? 4096} by ${verified ?? 4096}: ${stdout.trim()}`);
      }
    });
  });
}
