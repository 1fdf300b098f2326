/** `hindsight demo`: the built-in guest, until it crashes. */
import { writeOutput } from "../devices/deno/terminal.ts";
import { bootOf } from "./boot_files.ts";
import { HostError, STATUS, UsageError } from "./errors.ts";
import { runMachine } from "./run_machine.ts";

/** @returns the exit status: 0 if the guest crashed as it is built to */
export async function demo(args: readonly string[]): Promise<number> {
  if (args.length > 0) throw new UsageError(`demo takes nothing, not "${args[0]}"`);
  const prepare = () => Promise.reject(new HostError("the demo needs no Debian"));
  const { stop, cycle, digest } = await runMachine({
    boot: await bootOf({ guest: "pocket" }, prepare),
    harts: 1,
    seed: 0,
    timing: "model",
    onConsole: writeOutput,
  });
  const crashed = stop.reason === "power" && stop.power.action === "fail";
  console.log(
    crashed
      ? `\nThe guest crashed at cycle ${cycle}, as it does in every run (state digest ${digest}).`
      : `\nThe guest was to crash, but ended otherwise: ${JSON.stringify(stop)}.`,
  );
  return crashed ? STATUS.ok : STATUS.guestFailed;
}
