/** Four Debian guests on one switch, on one thread and on two, compiled or not, and in a storm. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";

const LABS = fromFileUrl(new URL("../../guests/labs", import.meta.url));
const GUESTS = ["g1", "g2", "g3", "g4"];
/** `seq 1 300000 | sha256sum`, by GNU coreutils 9.1. */
const SHA256 = "a036031249164ec858e23450a91585ae7dcb73d481105832ca33813da893233f";

async function run(folder: string, ...flags: string[]) {
  const digests = join(folder, "digests");
  const args = ["run", "--lab", join(LABS, "four.json"), "--digests", digests, ...flags];
  const outcome = await hindsight(args);
  return { ...outcome, digests: await Deno.readTextFile(digests) };
}

/** Every guest has reached every other one, and three have the right file. */
function assertWhole({ status, stdout, stderr }: Awaited<ReturnType<typeof run>>): void {
  assertEquals([status, stderr], [0, ""], stdout.slice(-2000));
  for (const [from, name] of GUESTS.entries()) {
    for (const to of GUESTS.keys()) {
      if (from === to) continue;
      const lines = stdout.split("\n").filter((line) => line.startsWith(`${name}| `));
      const at = lines.findLastIndex((line) =>
        line.includes(`--- 10.0.0.${to + 1} ping statistics`)
      );
      assert(
        / [12] packets received/.test(lines[at + 1]),
        `${name} to ${to + 1}: ${lines[at + 1]}`,
      );
    }
    if (from > 0) assert(stdout.includes(`${name}| ${SHA256}  numbers`), name);
  }
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await use(folder).finally(() => Deno.remove(folder, { recursive: true }));
}

Deno.test("four Debian guests reach each other and fetch a file, the same on one thread and on two", async () => {
  if (await preparedGuest() === undefined) return;
  await withFolder(async (folder) => {
    const one = await run(folder, "--workers", "1");
    assertWhole(one);
    assert(one.digests.split("\n").length > 3000, `${one.digests.split("\n").length} digests`);
    assertEquals(await run(folder, "--workers", "2"), one);
    const interpreted = ["--workers", "2", "--jit-threshold", "0", "--until-cycle", "600_000_000"];
    const { digests } = await run(folder, ...interpreted);
    assert(digests.split("\n").length > 300 && one.digests.startsWith(digests));
  });
});

Deno.test("four Debian guests fetch a file through loss, disorder, corruption, a slow link and a flap", async () => {
  if (await preparedGuest() === undefined) return;
  await withFolder(async (folder) => {
    assertWhole(await run(folder, "--workers", "1", "--faults", join(LABS, "storm.json")));
  });
});

Deno.test("a bit that is flipped with its checksum made to fit is seen by who compares alone", async () => {
  if (await preparedGuest() === undefined) return;
  await withFolder(async (folder) => {
    const faults = join(folder, "faults.json");
    await Deno.writeTextFile(faults, '{"links":{"g3.net0":{"down":{"corrupt-valid":0.02}}}}');
    const { status, stdout, stderr } = await run(folder, "--workers", "1", "--faults", faults);
    assertEquals([status, stderr], [1, "g3: guest failed with status 1\n"]);
    assert(/g3\| - numbers differ/.test(stdout), stdout.slice(-1000));
  });
});
