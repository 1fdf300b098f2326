/** How a guest ends itself that does not end well. Source: SiFive test finisher, as QEMU has it; the SBI's SRST leads there. */
import type { PowerOutput } from "../../core/host.ts";
import type { Failure } from "./failure.ts";
import { faultSignal } from "./program_killed.ts";

/** A shell reports a process that a signal ended so. Source: POSIX, Shell Command Language, 2.8.2. */
const SIGNALLED = 128;

/** `undefined`: it powered off. */
export function powerFailure(cycle: number, { action, code }: PowerOutput): Failure | undefined {
  if (action === "poweroff") return undefined;
  const at = { cycle, hart: undefined, pc: undefined, callers: [] };
  if (action === "reset") return { ...at, kind: "reset", message: "the guest asked for a reset" };
  const signal = code > SIGNALLED ? faultSignal(code - SIGNALLED) : undefined;
  const status = `the guest failed with code ${code}`;
  return { ...at, kind: "fail-code", code, message: signal ? `${status}: ${signal}` : status };
}
