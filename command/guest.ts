/** `hindsight guest debian`: prepares the Debian guest in the user's cache. */
import { printLine } from "../devices/deno/terminal.ts";
import type { DebianGuest } from "../guests/debian/deno/guest.ts";
import { type GuestRun, prepareDebian } from "../guests/debian/deno/prepare.ts";
import { terminalReport } from "../guests/debian/deno/report.ts";
import { readImage } from "./boot_files.ts";
import { STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags, suggestion } from "./flags.ts";
import { runMachine } from "./run_machine.ts";

export const GUEST_FLAGS: readonly Flag[] = [
  { name: "refresh", summary: "ask the archive for newer packages even if the cache is whole" },
];

/** @returns the exit status */
export async function guest(args: readonly string[]): Promise<number> {
  const { values, positional } = parseFlags(args, GUEST_FLAGS);
  const [name, ...rest] = positional;
  if (name === undefined) throw new UsageError("which guest? write `hindsight guest debian`");
  if (name !== "debian") {
    throw new UsageError(`no guest "${name}" to prepare${suggestion(name, ["debian"])}`);
  }
  if (rest.length > 0) throw new UsageError(`guest debian takes nothing more, not "${rest[0]}"`);
  const prepared = await prepareGuest(values.has("refresh"));
  for (const [what, value] of Object.entries(prepared)) printLine(`${what.padEnd(16)}${value}`);
  return STATUS.ok;
}

/** The Debian guest, made if the cache does not hold it. @throws HostFailure */
export function prepareGuest(refresh = false): Promise<DebianGuest> {
  return prepareDebian({ refresh, report: terminalReport(), runGuest });
}

/** One boot without a user: what the preparation makes the root disk with. */
async function runGuest(guest: GuestRun): Promise<{ status: number; console: string }> {
  const decoder = new TextDecoder();
  let console = "";
  const { stop } = await runMachine({
    boot: {
      files: {
        bios: readImage("firmware", guest.bios),
        kernel: readImage("kernel", guest.kernel),
        initrds: guest.initrds.map((initrd) =>
          typeof initrd === "string"
            ? readImage("initramfs", initrd)
            : { name: "initramfs", bytes: initrd }
        ),
      },
      disks: [{ path: guest.diskPath, access: "through" }],
      bootargs: guest.append,
      memoryBytes: 256 * 2 ** 20,
    },
    harts: 1,
    seed: 0,
    timing: "live",
    onConsole: (bytes) => console += decoder.decode(bytes, { stream: true }),
    timeoutMs: guest.timeoutMs,
  });
  return { status: statusOf(stop), console };
}

/** 0 after a power-off, else a status that says failure: the guest's code if it gave one. */
function statusOf(stop: Awaited<ReturnType<typeof runMachine>>["stop"]): number {
  if (stop.reason !== "power" || stop.power.action === "reset") return 1;
  return stop.power.action === "poweroff" ? 0 : stop.power.code;
}
