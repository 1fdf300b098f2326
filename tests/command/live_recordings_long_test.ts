/** What a busy Debian does is recorded as it comes, and replays bit for bit, whatever runs it. */
import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { imageUrl } from "../../guests/images.ts";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { assertVerifies, recordLive } from "./live.ts";
import { inFolder } from "./recordings.ts";

const COUNT = 20;

Deno.test(`${COUNT} live recordings of a busy Debian verify`, async () => {
  if (await preparedGuest() === undefined) return;
  const lost: Record<number, Set<number>> = { 1: new Set(), 4: new Set() };
  for (let seed = 1; seed <= COUNT; seed++) {
    await inFolder(async (folder) => {
      const harts = seed % 2 === 0 ? 4 : 1;
      const typing = seed % 4 < 2 ? "send" : "pipe";
      lost[harts].add(await recordLive({ folder, harts, seed, typing }));
      const line = await assertVerifies(join(folder, "it.hsr"));
      console.log(`${harts} harts, seed ${seed}, ${typing}: ${line.trim()}`);
    });
  }
  for (const harts of [1, 4]) {
    console.log(`lost updates on ${harts} harts: ${[...lost[harts]]}`);
    // Now and then one thread is done before the other gets its turn.
    lost[harts].delete(0);
    assert(lost[harts].size > COUNT / 4, `${harts} harts`);
  }
});

Deno.test("a recording needs neither the guest's files nor the disk, and no special engine", async () => {
  const guest = await preparedGuest();
  if (guest === undefined) return;
  await inFolder(async (folder) => {
    const [cache, here, there] = ["cache", "here", "there"].map((name) => join(folder, name));
    for (const name of [here, there, join(cache, "debian")]) {
      await Deno.mkdir(name, { recursive: true });
    }
    for await (const { name, isFile } of Deno.readDir(dirname(guest.kernel))) {
      if (!isFile) continue;
      await Deno.copyFile(join(dirname(guest.kernel), name), join(cache, "debian", name));
    }
    const env = { HINDSIGHT_CACHE: join(cache, "debian") };
    await recordLive({ folder: here, harts: 4, seed: 4, typing: "pipe", env });
    const line = await assertVerifies(join(here, "it.hsr"), env);
    await Deno.copyFile(join(here, "it.hsr"), join(there, "it.hsr"));
    for (const name of [cache, here]) await Deno.remove(name, { recursive: true });

    assertEquals(await assertVerifies(join(there, "it.hsr"), env), line);
    for (const DENO_V8_FLAGS of ["--liftoff-only", "--no-liftoff", "--single-threaded"]) {
      assertEquals(await assertVerifies(join(there, "it.hsr"), { ...env, DENO_V8_FLAGS }), line);
    }
  });
});

Deno.test("the outcome of a race between two harts follows from the seed", async () => {
  if (await preparedGuest() === undefined) return;
  const lost = async (seed: string) => {
    const { status, stdout, stderr } = await hindsight([
      ...["run", "--guest", "debian", "--harts", "2", "--disk-timing", "model", "--seed", seed],
      ...["--copy", `${fromFileUrl(imageUrl("lost_updates"))}:/lost_updates`],
      ...["--run", "/lost_updates"],
    ]);
    assertEquals([status, stderr], [0, ""]);
    return Number(/lost updates: (\d+)/.exec(stdout)?.[1]);
  };
  const all = [await lost("1"), await lost("2"), await lost("3")];
  assert(all.every((count) => count > 0), `${all}`);
  assertEquals(new Set(all).size, 3, `${all}`);
  assertEquals(await lost("1"), all[0]);
});
