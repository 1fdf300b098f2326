/** The Debian guest with one command, for our machine and for QEMU: the same kernel, files and disk. */
import { join } from "@std/path";
import { openDebian } from "../guests/debian/deno/guest.ts";
import { extraInitramfs } from "../guests/debian/extra.ts";
import { type Command, ours, qemu } from "./peers.ts";

/** Commands that boot it, run the shell command and power off; files go when it is disposed. */
export class DebianRuns {
  private constructor(
    readonly ours: Command,
    /** Records to {@link folder}. */
    readonly oursRecord: Command,
    /** The same, by a process that knows of no earlier one what is going to be hot. */
    readonly oursRecordCold: Command,
    readonly qemuPlain: Command,
    /** Records; the log is thrown away. */
    readonly qemuRecord: Command,
    /** With the arguments of `run` after `record` or `run`. */
    readonly machine: readonly string[],
    /** The sum of the guest's busybox, by the host. */
    readonly busyboxSha256: string,
    readonly folder: string,
  ) {}

  /**
   * @param disk an image instead of the guest's own
   * @throws Error if the guest has not been prepared
   */
  static async open(run: string, disk?: string): Promise<DebianRuns> {
    const guest = await openDebian();
    if (guest === undefined) {
      throw new Error("needs the Debian guest: deno run -A main.ts guest debian");
    }
    const folder = await Deno.makeTempDir();
    const initrd = join(folder, "initrd");
    const parts = [await Deno.readFile(guest.initrd), extraInitramfs({ run, copy: [] })];
    await Deno.writeFile(initrd, new Blob(parts).stream());
    const boot = ["-m", "256M", "-bios", guest.firmwareDynamic, "-kernel", guest.kernel];
    boot.push("-initrd", initrd, "-append", guest.append);
    const machine = ["--guest", "debian", "--memory", "256M", "--run", run];
    if (disk !== undefined) machine.push("--disk", disk);
    const image = `file=${disk ?? guest.disk},format=raw,if=none,snapshot=on`;
    const log = join(folder, "log");
    const busybox = await crypto.subtle.digest("SHA-256", await Deno.readFile(guest.busybox));
    const record = ours("record", ...machine, "-o", join(folder, "boot.hsr"));
    return new DebianRuns(
      { ...ours("run", ...machine), env: { HINDSIGHT_PROFILE: join(folder, "profile") } },
      { ...record, env: { HINDSIGHT_PROFILE: join(folder, "profile") } },
      { ...record, env: { HINDSIGHT_PROFILE: "none" } },
      qemu(...boot, "-drive", `${image},id=disk`, "-device", "virtio-blk-device,drive=disk"),
      // QEMU, docs/system/replay.rst: a disk takes part through blkreplay.
      qemu(
        ...boot,
        ...["-icount", `shift=auto,rr=record,rrfile=${log}`],
        ...["-drive", `${image},id=image`],
        ...["-drive", "driver=blkreplay,if=none,image=image,id=disk"],
        ...["-device", "virtio-blk-device,drive=disk"],
      ),
      machine,
      new Uint8Array(busybox).toHex(),
      folder,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
