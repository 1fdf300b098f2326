/** A race of a kernel module against a timer's interrupt: lost updates here, none on plain QEMU. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { cacheFolder } from "../../../guests/debian/deno/cache.ts";
import { extraInitramfs } from "../../../guests/debian/extra.ts";
import { imageUrl } from "../../../guests/images.ts";
import { hindsight } from "../../command/cli.ts";
import { preparedGuest } from "./prepared.ts";
import { hasQemu, runOnQemu } from "./qemu.ts";

const MODULE = new URL("race.ko", imageUrl("race"));
const RUN = "insmod /root/race.ko; dmesg | grep 'race: lost'; rmmod race";
const LOST = /race: lost (\d+) of (\d+)/;

/** The guest; `undefined` after `ignored: needs …` if its kernel is not that of the module. */
async function guestOfModule() {
  const guest = await preparedGuest();
  if (guest === undefined) return undefined;
  const [, version] = /vermagic=(\S+)/.exec(await Deno.readTextFile(MODULE))!;
  const manifest = await Deno.readTextFile(join(cacheFolder(), "manifest.json"));
  if (manifest.includes(`"linux-image-${version}"`)) return guest;
  console.log(`ignored: needs a Debian guest with kernel ${version}, as ${MODULE.pathname} is`);
  return undefined;
}

Deno.test("a module loses updates in straight-line code, the same number on every tier, on 1 and 2 harts", async () => {
  if (await guestOfModule() === undefined) return;
  for (const harts of ["1", "2"]) {
    const seen: string[] = [];
    for (const threshold of ["4096", "0", "16", "4096"]) {
      const { status, stdout, stderr } = await hindsight([
        ...["run", "--guest", "debian", "--disk-timing", "model", "--harts", harts],
        ...["--copy", `${MODULE.pathname}:/root/race.ko`, "--run", RUN],
        ...["--jit-threshold", threshold],
      ]);
      assertEquals(status, 0, stderr);
      assertMatch(stdout, LOST);
      seen.push(LOST.exec(stdout)![0]);
    }
    console.log(`${harts} harts: ${seen.join("; ")}`);
    assert(Number(LOST.exec(seen[0])![1]) > 100, seen[0]);
    assertEquals(seen, seen.map(() => seen[0]));
  }
});

Deno.test("the same module loses nothing on QEMU, where interrupts come between blocks", async () => {
  if (!await hasQemu()) return;
  const guest = await guestOfModule();
  if (guest === undefined) return;
  const diskPath = await Deno.makeTempFile({ suffix: ".ext4" });
  try {
    await Deno.copyFile(guest.disk, diskPath);
    const copy = [{ path: "/root/race.ko", bytes: await Deno.readFile(MODULE), mode: 0o644 }];
    const { console: text } = await runOnQemu({
      bios: guest.firmwareJump,
      kernel: guest.kernel,
      initrds: [guest.initrd, extraInitramfs({ run: RUN, copy })],
      append: guest.append,
      diskPath,
      timeoutMs: 120_000,
    });
    assertMatch(text, LOST);
    console.log(`QEMU: ${LOST.exec(text)![0]}`);
    assertEquals(LOST.exec(text)![1], "0");
  } finally {
    await Deno.remove(diskPath);
  }
});
