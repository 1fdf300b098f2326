/** The commands that are compared: our own command line, and QEMU on the same files. */
import { fromFileUrl } from "@std/path";

/** Something to run and to time. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The plain command of the README: no flags for V8. */
export function ours(...args: string[]): Command {
  const main = fromFileUrl(new URL("../main.ts", import.meta.url));
  return { program: Deno.execPath(), args: ["run", "-A", main, ...args] };
}

/** QEMU's `virt` board without a network card, console on standard output. */
export function qemu(...args: string[]): Command {
  const board = ["-M", "virt", "-nographic", "-net", "none"];
  const modern = ["-global", "virtio-mmio.force-legacy=false"];
  return { program: "qemu-system-riscv64", args: [...board, ...modern, ...args] };
}

/** The first line of `--version`. @throws Error saying how to install it */
export async function qemuVersion(): Promise<string> {
  const command = new Deno.Command("qemu-system-riscv64", { args: ["--version"] });
  const { stdout } = await command.output().catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("needs qemu-system-riscv64 (apt install qemu-system-misc)");
  });
  return new TextDecoder().decode(stdout).split("\n")[0];
}
