/** The Debian guest on our own machine, as a user runs it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { preparedGuest } from "../guests/debian/prepared.ts";
import { sha256 } from "../guests/debian/deno/fake_archive.ts";
import { hasPeer, runPeer } from "../peer.ts";
import { hindsight } from "./cli.ts";

Deno.test("run --guest debian boots to user space and runs a command", async () => {
  const guest = await preparedGuest();
  if (guest === undefined) return;
  const { status, stdout, stderr } = await hindsight([
    "run",
    "--guest",
    "debian",
    "--run",
    "sha256sum /bin/busybox; cat /proc/cpuinfo",
  ]);
  assertEquals(status, 0, stderr);
  assertStringIncludes(stdout, `${await sumOf(guest.busybox)}  /bin/busybox`);
  assertMatch(stdout, /isa\s+: rv64imafdc\w*_zba_zbb_zbs/);
  assertMatch(stdout, /mmu\s+: sv57/);
});

Deno.test("run --guest debian has the harts and the memory that it was given", async () => {
  if (await preparedGuest() === undefined) return;
  const { status, stdout, stderr } = await hindsight([
    "run",
    "--guest",
    "debian",
    "--harts",
    "4",
    "--memory",
    "4G",
    "--run",
    "echo harts $(nproc); free -m; exit 37",
  ]);
  assertEquals(status, 1, stdout);
  assertStringIncludes(stderr, "37");
  assertStringIncludes(stdout, "harts 4");
  const total = Number(/Mem:\s+(\d+)/.exec(stdout)?.[1]);
  // The kernel keeps a few per cent for itself.
  assert(total > 3800 && total <= 4096, `free says ${total} MiB`);
});

Deno.test("a disk attached through is an ext4 that the host finds clean", async () => {
  const guest = await preparedGuest();
  if (guest === undefined || !(await hasPeer("e2fsck", "e2fsprogs"))) return;
  const disk = await Deno.makeTempFile({ suffix: ".ext4" });
  try {
    await Deno.copyFile(guest.disk, disk);
    const { status, stdout, stderr } = await hindsight([
      "run",
      "--guest",
      "debian",
      "--disk",
      `${disk},through`,
      "--run",
      "dd if=/dev/urandom of=/mnt/noise bs=64k count=40; sync; sha256sum /mnt/noise",
    ]);
    assertEquals(status, 0, stderr);
    const sum = /([0-9a-f]{64}) {2}\/mnt\/noise/.exec(stdout)?.[1];
    assert(sum !== undefined, stdout);
    await runPeer("e2fsck", ["-fn", disk]);
    const copy = `${disk}.noise`;
    await runPeer("debugfs", ["-R", `dump /noise ${copy}`, disk]);
    assertEquals(await sumOf(copy), sum);
    await Deno.remove(copy);
  } finally {
    await Deno.remove(disk);
  }
});

async function sumOf(path: string): Promise<string> {
  return sha256(await Deno.readFile(path));
}
