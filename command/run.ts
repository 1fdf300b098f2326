/** `hindsight run`: boots a machine, with its console on the terminal. */
import { CARD_COUNT_MAX } from "../devices/board.ts";
import { openCompiler } from "./compiler.ts";
import { writeOutput } from "../devices/deno/terminal.ts";
import { bootOf, readImage } from "./boot_files.ts";
import { faultPlan, readFaultPlan } from "./faults.ts";
import { DigestFile } from "./digest_file.ts";
import { STATUS } from "./errors.ts";
import { parseFlags } from "./flags.ts";
import { nicsOf } from "./nic.ts";
import { UsageError } from "./errors.ts";
import { isLab, LAB_RUN_FLAGS } from "./lab_flags.ts";
import { requireNoInput } from "./output_file.ts";
import { MACHINE_FLAGS, type MachineRequest, machineRequest } from "./machine_config.ts";
import { type MachineRun, type RunEnd, runMachine } from "./run_machine.ts";
import { signalStatus } from "./signals.ts";

/** @returns the exit status */
export async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, [...MACHINE_FLAGS, ...LAB_RUN_FLAGS]);
  if (flags.positional.length > 0) {
    throw new UsageError(`run takes flags only, not "${flags.positional[0]}"`);
  }
  if (isLab(flags)) return await (await import("./lab.ts")).runLabRequest(flags);
  return await runRequest(machineRequest(flags));
}

/** Runs what is asked for, with its console on the terminal. @returns the exit status */
export async function runRequest(
  request: MachineRequest,
  record?: MachineRun["record"],
): Promise<number> {
  const send = request.send === undefined ? undefined : readImage("--send", request.send).bytes;
  const faults = request.faults === undefined ? undefined : readFaultPlan(request.faults);
  const compiler = openCompiler();
  const boot = await bootOf(request, async () => (await import("./guest.ts")).prepareGuest());
  if (request.digests !== undefined) requireNoInput("--digests", request.digests, request);
  const digests = request.digests === undefined ? undefined : new DigestFile(request.digests);
  const timing = request["disk-timing"] ?? "live";
  const nics = nicsOf(request.nic ?? [], request.hostfwd ?? []);
  if (boot.disks.length + nics.length > CARD_COUNT_MAX) {
    throw new UsageError(`at most ${CARD_COUNT_MAX} disks and network cards fit together`);
  }
  try {
    return conclude(
      await runMachine({
        boot,
        harts: request.harts ?? 1,
        seed: request.seed ?? 0,
        reseeds: request.reseed,
        timing,
        nics,
        faults: faults && ((config) => faultPlan(faults, config)),
        onConsole: writeOutput,
        hasTerminal: wantsInput(request),
        send,
        untilCycle: request["until-cycle"],
        endsOnSignals: true,
        onDigest: digests && ((cycle, digest) => digests.write(cycle, digest)),
        engine: {
          tlbEntries: request["tlb-entries"],
          flushEveryCycles: request["tlb-flush-every"],
          jitThreshold: request["jit-threshold"],
        },
        compiler,
        record,
      }),
    );
  } finally {
    digests?.close();
  }
}

/**
 * A terminal is always the console's other end, except with `--send`. A pipe is only where somebody
 * may want to talk to the guest: with `--run` or in model timing its mere presence would make the
 * machine wait in wall time.
 */
function wantsInput(request: MachineRequest): boolean {
  if (request.send !== undefined) return false;
  if (Deno.stdin.isTerminal()) return true;
  return request.run === undefined && request["disk-timing"] !== "model";
}

/** Says on standard error how a run failed, if it did; returns the exit status. */
function conclude({ stop, cycle }: RunEnd): number {
  if (stop.reason === "until" || stop.reason === "left") return STATUS.ok;
  if (stop.reason === "signal") return signalStatus(stop.signal);
  if (stop.reason === "stuck") {
    console.error(
      `hindsight: guest stuck at cycle ${cycle}: every hart waits, and nothing can come`,
    );
    return STATUS.guestFailed;
  }
  if (stop.reason !== "power") throw new Error(`nobody asked to stop at a ${stop.reason}`);
  const { action, code } = stop.power;
  if (action === "poweroff") return STATUS.ok;
  console.error(
    action === "fail" ? `guest failed with status ${code}` : `guest reset at cycle ${cycle}`,
  );
  return STATUS.guestFailed;
}
