/** What may befall a recording of Debian: a full disk, a changed input, a kill at any moment. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { hindsight } from "./cli.ts";
import { killRecordings } from "./kill.ts";
import { changeInput, diskFile, inFolder } from "./recordings.ts";

const BUSY = ["--guest", "debian", "--run", "cat /dev/vda /dev/vda | sha256sum; dmesg | md5sum"];

/** Until it is killed. */
const ENDLESS = ["--guest", "debian", "--run", "while :; do cat /dev/vda | sha256sum; done"];

/** Room for the images of the guest (13.7 MB), and then for so much of the run. */
for (const sizeBytes of [10 << 20, 14_000_000, 20 << 20]) {
  Deno.test(`a disk of ${sizeBytes} bytes that fills up ends a recording of Debian with 4`, async () => {
    if (await preparedGuest() === undefined) return;
    await onSmallDisk(sizeBytes, async (folder) => {
      const path = join(folder, "it.hsr");
      const { status, stderr } = await hindsight(["record", ...BUSY, "-o", path]);
      assertEquals(status, 4, stderr);
      assertMatch(
        stderr,
        /^hindsight: cannot write the recording .*it\.hsr: no space left on the disk\n$/,
      );
      const verified = await hindsight(["verify", path]);
      if (sizeBytes < 13_700_000) {
        assertEquals(verified.status, 2);
        assertMatch(verified.stderr, /^hindsight: .*: the recording ends within image \w+\n$/);
        return;
      }
      assertEquals([verified.status, verified.stderr], [0, ""]);
      const [, cycle] = /^verified to cycle (\d+): .*; the recording was cut there\n$/.exec(
        verified.stdout,
      )!;
      assert(Number(cycle) > (sizeBytes === 20 << 20 ? 400_000_000 : 0), verified.stdout);
      console.log(verified.stdout.trim());
      assertMatch((await hindsight(["info", path])).stdout, /^end +cut$/m);
    });
  });
}

Deno.test("verify tells where a recording of Debian diverges after one input was changed", async () => {
  if (await preparedGuest() === undefined) return;
  await inFolder(async (folder) => {
    const [path, changed] = [join(folder, "it.hsr"), join(folder, "changed.hsr")];
    const machine = ["--guest", "debian", "--disk", await diskFile(folder)];
    const command = "dd if=/dev/hwrng bs=64 count=1 | md5sum; md5sum /dev/vda; read -r line";
    const typed = join(folder, "typed");
    await Deno.writeTextFile(typed, "one\ntwo\n");
    const args = ["record", ...machine, "--send", typed, "--run", command, "-o", path];
    assertEquals((await hindsight(args)).status, 0);
    const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => i === 0 ? byte ^ 1 : byte);
    const changes: ((path: string) => Promise<number>)[] = [
      (path) => changeInput(path, "console", (it) => ({ ...it, bytes: flipped(it.bytes) })),
      (path) => changeInput(path, "entropy", (it) => ({ ...it, bytes: flipped(it.bytes) })),
      (path) => changeInput(path, "disk", (it) => it.bytes && { ...it, bytes: flipped(it.bytes) }),
      (path) => changeInput(path, "disk", (it) => ({ ...it, error: "EIO", bytes: undefined })),
      (path) => changeInput(path, "disk", (it) => ({ ...it, request: it.request + 1 })),
    ];
    for (const change of changes) {
      await Deno.copyFile(path, changed);
      const cycle = await change(changed);
      const { status, stderr } = await hindsight(["verify", changed]);
      assertEquals(status, 3, stderr);
      const [, found] =
        /^hindsight: divergence at cycle (\d+), \w+: expected [^\n]+, actual [^\n]+\n$/
          .exec(stderr)!;
      console.log(`changed at ${cycle}: ${stderr.trim()}`);
      assert(Number(found) >= cycle, `${cycle}: ${stderr}`);
      assert(Number(found) < cycle + 20_000_000, `${cycle}: ${stderr}`);
    }
  });
});

Deno.test("10 recordings of Debian that are killed verify to their last flush", async () => {
  if (await preparedGuest() === undefined) return;
  const cycles = await killRecordings({ seed: 23, count: 10, machine: ENDLESS, lifeMs: 6000 });
  assert(new Set(cycles).size > 5, `${cycles}`);
});

async function onSmallDisk(
  sizeBytes: number,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const mount = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", folder],
      stderr: "null",
    }).output().catch(() => undefined);
    if (!mount?.success) {
      console.log("ignored: needs the right to mount a tmpfs (run as root)");
      return;
    }
    try {
      await run(folder);
    } finally {
      await new Deno.Command("umount", { args: [folder] }).output();
    }
  });
}
