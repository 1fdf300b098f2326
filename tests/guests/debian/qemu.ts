/** Runs the Debian guest under QEMU, the machine that ours imitates. */
import { concatenate } from "../../../guests/debian/cpio.ts";
import type { GuestRun } from "../../../guests/debian/deno/prepare.ts";

/** Whether QEMU can be run; says what to install if not, and fails where CI must have it. */
export async function hasQemu(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("qemu-system-riscv64", { args: ["--version"] })
      .output();
    if (success) return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const need = "needs qemu-system-riscv64 (apt install qemu-system-misc)";
  if (Deno.env.get("CI") === "true") throw new Error(need);
  console.log(`ignored: ${need}`);
  return false;
}

/**
 * Boots a guest on QEMU's `virt` board with modern virtio-mmio and waits for its power-off.
 * @param more further arguments for QEMU, such as `-smp 4`
 */
export async function runOnQemu(
  run: GuestRun,
  more: readonly string[] = [],
): Promise<{ status: number; console: string }> {
  const initrd = await Deno.makeTempFile({ suffix: ".cpio" });
  try {
    const parts = await Promise.all(
      run.initrds.map((one) => typeof one === "string" ? Deno.readFile(one) : one),
    );
    await Deno.writeFile(initrd, concatenate(parts));
    const machine = ["-M", "virt", "-m", "256M", "-nographic", "-monitor", "none"];
    const boot = ["-bios", run.bios, "-kernel", run.kernel, "-initrd", initrd];
    const disk = [`file=${run.diskPath}`, "if=none", "format=raw", "id=disk"].join(",");
    const child = new Deno.Command("qemu-system-riscv64", {
      args: [
        ...machine,
        ...boot,
        ...["-append", run.append, "-drive", disk, "-device", "virtio-blk-device,drive=disk"],
        ...["-global", "virtio-mmio.force-legacy=false", "-serial", "stdio", ...more],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), run.timeoutMs);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const text = new TextDecoder();
    return { status: code, console: text.decode(stdout) + text.decode(stderr) };
  } finally {
    await Deno.remove(initrd);
  }
}
