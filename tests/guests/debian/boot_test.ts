/** The prepared guest on the machine that ours imitates: what it promises holds on QEMU's `virt`. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { DebianGuest } from "../../../guests/debian/deno/guest.ts";
import { type Extra, extraInitramfs } from "../../../guests/debian/extra.ts";
import { bytesOf } from "./build.ts";
import { preparedGuest } from "./prepared.ts";
import { hasQemu, runOnQemu } from "./qemu.ts";
import { sha256 } from "./deno/fake_archive.ts";

const BOOT_TIMEOUT_MS = 120_000;

/** Hands over a guest and a copy of its disk, if both it and QEMU are there. */
async function withGuest(
  body: (
    guest: DebianGuest,
    boot: (extra: Extra, more?: string[]) => ReturnType<typeof runOnQemu>,
    disk: string,
  ) => Promise<void>,
): Promise<void> {
  if (!(await hasQemu())) return;
  const guest = await preparedGuest();
  if (guest === undefined) return;
  const disk = await Deno.makeTempFile({ suffix: ".ext4" });
  try {
    await Deno.copyFile(guest.disk, disk);
    const boot = (extra: Extra, more: string[] = []) =>
      runOnQemu({
        bios: guest.firmwareJump,
        kernel: guest.kernel,
        initrds: [guest.initrd, extraInitramfs(extra)],
        append: guest.append,
        diskPath: disk,
        timeoutMs: BOOT_TIMEOUT_MS,
      }, more);
    await body(guest, boot, disk);
  } finally {
    await Deno.remove(disk);
  }
}

/** Lines that the guest printed after the firmware's. */
function lines(text: string): string[] {
  const all = text.replaceAll("\r", "").split("\n");
  return all.slice(all.findIndex((line) => line.startsWith("Boot HART MEDELEG")) + 1);
}

Deno.test("the guest runs a command with all its drivers, disk and copied files, then powers off", () =>
  withGuest(async (guest, boot, disk) => {
    const data = bytesOf("copied ".repeat(1000));
    const { status, console } = await boot({
      run: `sha256sum /bin/busybox /opt/data
        cut -d ' ' -f 1 /proc/modules | sort | tr '\\n' ' '; echo
        ls -l /opt/data | cut -c 1-10
        grep -c ' /mnt ext4 rw' /proc/mounts
        cat /sys/class/misc/hw_random/rng_current; ls -1 /sys/class/net
        nproc
        cp /bin/busybox /mnt/busybox; mkdir /mnt/folder; echo written > /mnt/folder/file`,
      copy: [{ path: "/opt/data", bytes: data, mode: 0o640 }],
    }, [
      ...["-smp", "2", "-device", "virtio-rng-device"],
      ...["-netdev", "hubport,hubid=0,id=net", "-device", "virtio-net-device,netdev=net"],
    ]);
    assertEquals(status, 0, console);
    const busybox = await Deno.readFile(guest.busybox);
    const said = lines(console).filter((line) => !/^(\[|qemu-system)/.test(line));
    assertEquals(said.filter((line) => line !== ""), [
      `${sha256(busybox)}  /bin/busybox`,
      `${sha256(data)}  /opt/data`,
      "crc16 crc32c_generic ext4 failover jbd2 mbcache net_failover virtio_blk virtio_mmio " +
      "virtio_net virtio_rng ",
      "-rw-r-----",
      "1",
      "virtio_rng.0",
      "eth0",
      "lo",
      "2",
    ]);
    await checkFileSystem(disk, ["cat /folder/file", "written"]);
  }));

Deno.test("the guest reports a command's status through the test finisher, the disk clean", () =>
  withGuest(async (_guest, boot, disk) => {
    const { status, console } = await boot({
      // What it leaves running keeps the disk busy.
      run: "echo abc > /mnt/file; sleep 1000 < /mnt/file & echo 'last words'; exit 37",
      copy: [],
    });
    assertEquals(status, 37, console);
    assertStringIncludes(console, "last words");
    await checkFileSystem(disk, ["cat /file", "abc"]);
  }));

Deno.test("the guest resets at once on a panic", () =>
  withGuest(async (_guest, boot) => {
    const { status, console } = await boot({
      run: "echo c > /proc/sysrq-trigger",
      copy: [],
    }, ["-no-reboot"]);
    assertEquals(status, 0, console); // QEMU's way of ending at a reset
    assertMatch(console, /Kernel panic - not syncing: sysrq triggered crash/);
  }));

/** The host's e2fsck and debugfs look at what the guest left. */
async function checkFileSystem(disk: string, [command, output]: [string, string]): Promise<void> {
  try {
    const fsck = await new Deno.Command("e2fsck", { args: ["-fn", disk] }).output();
    const report = new TextDecoder().decode(fsck.stdout);
    assertEquals(fsck.code, 0, report);
    assert(!report.includes("recovering journal"), report);
    const debugfs = await new Deno.Command("debugfs", { args: ["-R", command, disk] }).output();
    assertEquals(new TextDecoder().decode(debugfs.stdout).trim(), output);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const need = "needs e2fsck and debugfs (apt install e2fsprogs)";
    if (Deno.env.get("CI") === "true") throw new Error(need);
    console.log(`ignored: ${need}`);
  }
}
