/** Determinism of a whole Debian boot: the same digests, whatever the engine caches. */
import { assert, assertEquals } from "@std/assert";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";

/** `cycle digest` lines of a boot that reads its disk, with model timing and no live input. */
async function digests(...flags: string[]): Promise<string[]> {
  const file = await Deno.makeTempFile({ suffix: ".digests" });
  try {
    const { status, stderr } = await hindsight([
      "run",
      "--guest",
      "debian",
      "--seed",
      "7",
      "--disk-timing",
      "model",
      "--run",
      "sha256sum /bin/busybox; ls -lR /mnt; dd if=/dev/vda of=/dev/null bs=64k count=64",
      "--digests",
      file,
      ...flags,
    ]);
    assertEquals(status, 0, stderr);
    return (await Deno.readTextFile(file)).trim().split("\n");
  } finally {
    await Deno.remove(file);
  }
}

for (const harts of ["1", "4"]) {
  Deno.test(`a Debian boot on ${harts} harts gives the same digests twice, and whatever the TLBs hold`, async () => {
    if (await preparedGuest() === undefined) return;
    const expected = await digests("--harts", harts);
    assert(expected.length > 50, `only ${expected.length} digests`);
    assertEquals(await digests("--harts", harts), expected);
    assertEquals(await digests("--harts", harts, "--tlb-entries", "1"), expected);
    assertEquals(await digests("--harts", harts, "--tlb-flush-every", "1000"), expected);
    console.log(`${harts} harts: ${expected.length} digests equal in 4 runs`);
  });
}
