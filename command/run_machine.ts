/** Runs one machine with its live ends, from reset to its end. */
import { Machine, type MachineOptions, type Stop } from "../core/machine.ts";
import { diskId, UART_ID } from "../devices/board.ts";
import { DiskFile } from "../devices/deno/disk_file.ts";
import { LiveHost } from "../devices/deno/live_host.ts";
import { Terminal } from "../devices/deno/terminal.ts";
import { Typist } from "../devices/host/typist.ts";
import type { Host } from "../core/host.ts";
import type { BootFiles } from "../devices/boot/layout.ts";
import { type MachineConfig, machineOptions } from "../devices/machine_options.ts";
import type { Timing } from "../devices/virtio/latency.ts";
import type { LogEnd } from "../replay/log.ts";
import { CheckpointRecorder, type CheckpointSink } from "../replay/checkpoint_recorder.ts";
import type { Recorder } from "../replay/recorder.ts";
import type { Boot } from "./boot_files.ts";
import { HostError } from "./errors.ts";

/** A machine and what is around it. */
export interface MachineRun {
  readonly boot: Boot;
  readonly harts: number;
  readonly seed: number;
  readonly timing: Timing;
  readonly onConsole: (bytes: Uint8Array) => void;
  /** Standard input is the console's other end. */
  readonly hasTerminal?: boolean;
  /** Console input instead of a terminal. */
  readonly send?: Uint8Array;
  readonly untilCycle?: number;
  /** Ends the run with `left` after this wall time. */
  readonly timeoutMs?: number;
  readonly onDigest?: (cycle: number, digest: string) => void;
  readonly engine?: MachineOptions["engine"];
  /** Called once the machine is known: what writes the run down, between it and the live host. */
  readonly record?: (host: Host, config: MachineConfig, files: BootFiles) => Recording;
}

/** What writes a run down. */
interface Recording {
  readonly recorder: Recorder;
  /** Absent where no checkpoints are to be stored. */
  readonly checkpoints?: CheckpointSink;
}

/** How a run ended. `left`: the user, the timeout or a signal ended it. */
export interface RunEnd {
  readonly stop: Stop | { readonly reason: "left" };
  readonly cycle: number;
  readonly digest: string;
}

/** How long a run goes on before it sees that the user has left. */
const CHUNK_CYCLES = 20_000_000;

/**
 * @throws DiskFileError, ImageError for what cannot be attached or loaded
 * @throws HostError if the host has no memory for the machine
 */
export async function runMachine(run: MachineRun): Promise<RunEnd> {
  const disks: DiskFile[] = [];
  let terminal: Terminal | undefined;
  try {
    for (const { path, access } of run.boot.disks) disks.push(DiskFile.open(path, access));
    const host = new LiveHost({
      timing: run.timing,
      seed: run.seed,
      disks: new Map(disks.map((disk, index) => [diskId(index), disk])),
      onConsole: (_device, bytes) => run.onConsole(bytes),
      typist: run.send === undefined ? undefined : new Typist(UART_ID, run.send),
    });
    const config = configOf(run, disks);
    const { recorder, checkpoints: sink } = run.record?.(host, config, run.boot.files) ?? {};
    const onDigest = digestSink(run, recorder, () => checkpoints?.digested());
    const machine = await create(run, config, recorder ?? host, onDigest);
    const checkpoints: CheckpointRecorder | undefined = sink &&
      new CheckpointRecorder(machine, sink);
    let hasLeft = false;
    if (run.hasTerminal) {
      terminal = Terminal.open(
        host.attachConsole(UART_ID),
        () => hasLeft = true,
        (signal) => Deno.exit(128 + signal),
      );
    }
    const startMs = performance.now();
    const until = run.untilCycle ?? Infinity;
    let stop: Stop;
    do {
      // Only a run without an end of its own can find that the guest is stuck.
      const isWatched = host.isLive || run.timeoutMs !== undefined;
      stop = await machine.run(isWatched ? Math.min(until, machine.cycle + CHUNK_CYCLES) : until);
      if (run.timeoutMs !== undefined) hasLeft ||= performance.now() - startMs > run.timeoutMs;
    } while (stop.reason === "until" && machine.cycle < until && !hasLeft);
    host.flush();
    const isEnd = stop.reason !== "until" || machine.cycle >= until;
    const end: RunEnd = {
      stop: isEnd ? stop : { reason: "left" },
      cycle: machine.cycle,
      digest: machine.digest(),
    };
    checkpoints?.finish();
    if (recorder !== undefined) await finish(recorder, machine, config, end.stop);
    return end;
  } finally {
    terminal?.close();
    for (const disk of disks) disk.close();
  }
}

/** Absent where nobody wants digests: then none are taken. */
function digestSink(
  { onDigest }: MachineRun,
  recorder: Recorder | undefined,
  onDigested: () => void,
) {
  if (recorder === undefined) return onDigest;
  return (cycle: number, digest: string) => {
    recorder.digest(cycle, digest);
    onDigested();
    onDigest?.(cycle, digest);
  };
}

function configOf(
  { boot, harts, seed, timing }: MachineRun,
  disks: readonly DiskFile[],
): MachineConfig {
  const { memoryBytes, bootargs } = boot;
  return {
    memoryBytes,
    harts,
    seed,
    diskTiming: timing,
    bootargs,
    disks: disks.map(({ sizeBytes, access }) => ({ sizeBytes, readOnly: access === "ro" })),
  };
}

async function finish(
  recorder: Recorder,
  machine: Machine,
  { harts }: MachineConfig,
  stop: RunEnd["stop"],
): Promise<void> {
  // Inputs of the last cycle belong to a replay only if it reaches the next one.
  if (stop.reason === "stuck") await machine.run(machine.cycle + 1);
  let instructions = 0;
  for (let hart = 0; hart < harts; hart++) {
    instructions += Number(machine.engine.field(hart, "retired"));
  }
  recorder.finish(machine.digest(), { endCycle: machine.cycle, end: endOf(stop), instructions });
}

function endOf(stop: RunEnd["stop"]): LogEnd {
  if (stop.reason === "power") return { reason: "power", power: stop.power };
  if (stop.reason === "breakpoint" || stop.reason === "watchpoint") {
    throw new Error(`nobody asked to stop at a ${stop.reason}`);
  }
  return { reason: stop.reason };
}

async function create(
  { boot, engine }: MachineRun,
  config: MachineConfig,
  host: Host,
  onDigest: MachineOptions["onDigest"],
): Promise<Machine> {
  const options = { ...machineOptions(config, boot.files, host), engine, onDigest };
  try {
    return await Machine.create(options);
  } catch (error) {
    if (!(error instanceof RangeError) || !/memory/i.test(error.message)) throw error;
    throw new HostError(
      `no memory for a machine of ${config.memoryBytes / 2 ** 20} MiB: ${error.message}`,
    );
  }
}
