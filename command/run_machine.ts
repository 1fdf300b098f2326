/** Runs one machine with its live ends, from reset to its end. */
import { Machine, type MachineOptions, type Stop } from "../core/machine.ts";
import { diskId, nicId, UART_ID } from "../devices/board.ts";
import type { ThreadCompiler } from "../devices/deno/compiler.ts";
import { openCompiler } from "./compiler.ts";
import { DiskFile } from "../devices/deno/disk_file.ts";
import { Doorbell } from "../devices/deno/doorbell.ts";
import { LiveHost, type LiveHostOptions } from "../devices/deno/live_host.ts";
import { TouchedMemory } from "../devices/deno/touched_memory.ts";
import { Terminal } from "../devices/deno/terminal.ts";
import { Typist } from "../devices/host/typist.ts";
import type { Host } from "../core/host.ts";
import type { BootFiles } from "../devices/boot/layout.ts";
import { type MachineConfig, machineOptions } from "../devices/machine_options.ts";
import type { Timing } from "../devices/virtio/latency.ts";
import { formatMac, macOf } from "../devices/virtio/mac.ts";
import { FaultyHost } from "../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../replay/faults/plan.ts";
import type { LogEnd } from "../replay/log.ts";
import { CheckpointRecorder, type CheckpointSink } from "../replay/checkpoint_recorder.ts";
import type { Recorder } from "../replay/recorder.ts";
import type { Boot } from "./boot_files.ts";
import { HostError } from "./errors.ts";
import type { Nic } from "./nic.ts";
import { type EndingSignal, onEndingSignal } from "./signals.ts";

/** A machine and what is around it. */
export interface MachineRun {
  readonly boot: Boot;
  readonly harts: number;
  readonly seed: number;
  /** See {@link LiveHostOptions.reseeds}. */
  readonly reseeds?: LiveHostOptions["reseeds"];
  readonly timing: Timing;
  readonly nics?: readonly Nic[];
  /** What shall go wrong, once the machine is known. */
  readonly faults?: (config: MachineConfig) => FaultPlan;
  readonly onConsole: (bytes: Uint8Array) => void;
  /** Standard input is the console's other end. */
  readonly hasTerminal?: boolean;
  /** Console input instead of a terminal. */
  readonly send?: Uint8Array;
  readonly untilCycle?: number;
  /** SIGINT, SIGTERM and SIGHUP end the run, and not the process. */
  readonly endsOnSignals?: boolean;
  /** Ends the run with `left` after this wall time. */
  readonly timeoutMs?: number;
  readonly onDigest?: (cycle: number, digest: string) => void;
  readonly engine?: MachineOptions["engine"];
  /** Closed at the end; it takes a while to start. */
  readonly compiler?: ThreadCompiler;
  /** Called once the machine is known: what writes the run down, between it and the live host. */
  readonly record?: (
    host: Host,
    config: MachineConfig,
    files: BootFiles,
  ) => Recording | Promise<Recording>;
}

/** What writes a run down. */
interface Recording {
  readonly recorder: Recorder;
  /** Absent where no checkpoints are to be stored. */
  readonly checkpoints?: CheckpointSink;
}

/** What ended a run before its end: the user or the timeout, or a signal. */
type Departure = { readonly reason: "left" } | {
  readonly reason: "signal";
  readonly signal: EndingSignal;
};

/** How a run ended. */
export interface RunEnd {
  readonly stop: Stop | Departure;
  readonly cycle: number;
}

/**
 * @throws DiskFileError, ImageError for what cannot be attached or loaded
 * @throws NetworkError for a cable that leads nowhere
 * @throws HostError if the host has no memory for the machine
 */
export async function runMachine(run: MachineRun): Promise<RunEnd> {
  const disks: DiskFile[] = [];
  let terminal: Terminal | undefined;
  let live: LiveHost | undefined;
  let doorbell: Doorbell | undefined;
  const compiler = run.compiler ?? openCompiler();
  let stopListening = () => {};
  let departure: Departure | undefined;
  /** Nobody reads the console any more. */
  let deaf: unknown;
  try {
    const touchedMemory = () => new TouchedMemory((memory) => compiler.touch(memory));
    const memory = touchedMemory();
    for (const { path, access } of run.boot.disks) {
      disks.push(DiskFile.open(path, access, { memory }));
    }
    const { nics = [] } = run;
    if (nics.length > 0) doorbell = await Doorbell.open();
    const host = live = new LiveHost({
      timing: run.timing,
      seed: run.seed,
      reseeds: run.reseeds,
      disks: new Map(disks.map((disk, index) => [diskId(index), disk])),
      onConsole: (_device, bytes) => {
        // After SIGHUP there is no terminal any more.
        if (departure?.reason === "signal" && departure.signal === "SIGHUP" || deaf) return;
        try {
          run.onConsole(bytes);
        } catch (error) {
          deaf = error;
          leave();
        }
      },
      typist: run.send === undefined ? undefined : new Typist(UART_ID, run.send),
      lookAtSockets: () => doorbell!.ring(),
    });
    for (const [index, { open }] of nics.entries()) await host.attachNetwork(nicId(index), open);
    const config = configOf(run, disks);
    const faults = run.faults?.(config);
    const seam = faults === undefined ? host : new FaultyHost(host, faults);
    const { recorder, checkpoints: sink } = await run.record?.(seam, config, run.boot.files) ?? {};
    const onDigest = digestSink(run, recorder, () => checkpoints?.digested());
    const machine = await create(run, config, recorder ?? seam, onDigest, {
      compiler: (shape) => compiler.open(shape),
      ...run.engine,
    });
    const pages = touchedMemory();
    const checkpoints: CheckpointRecorder | undefined = sink &&
      new CheckpointRecorder(machine, sink, { allocate: (sizeBytes) => pages.take(sizeBytes) });
    const leave = () => {
      departure ??= { reason: "left" };
      host.close();
    };
    const mailbox = run.hasTerminal ? host.attachConsole(UART_ID) : undefined;
    if (run.endsOnSignals) {
      stopListening = onEndingSignal((signal) => {
        departure ??= { reason: "signal", signal };
        mailbox?.close(); // a machine that waits for input waits no longer
        host.close();
      });
    }
    if (mailbox) terminal = Terminal.open(mailbox, leave, () => {});
    const { timeoutMs = Infinity } = run;
    const startMs = performance.now();
    const isOver = () => {
      // Asked after each slice: the clock is looked at only where it matters.
      if (timeoutMs < Infinity && performance.now() - startMs > timeoutMs) leave();
      return departure !== undefined;
    };
    const stop = await machine.run(run.untilCycle ?? Infinity, { isOver });
    host.flush();
    const end: RunEnd = {
      stop: stop.reason === "power" ? stop : departure ?? stop,
      cycle: machine.cycle,
    };
    checkpoints?.finish();
    if (recorder !== undefined) {
      // Inputs of the last cycle belong to a replay only if it reaches the next one.
      if (stop.reason === "stuck") await machine.run(machine.cycle + 1);
      finish(recorder, machine, config, end.stop);
    }
    if (deaf) throw deaf; // now that the recording is whole
    return end;
  } finally {
    stopListening();
    compiler.close();
    terminal?.close();
    live?.close();
    doorbell?.close();
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
  { boot, harts, seed, timing, nics = [] }: MachineRun,
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
    ...(nics.length === 0 ? {} : {
      nics: nics.map(({ mac }, index) => ({ mac: mac ?? formatMac(macOf(seed, index)) })),
    }),
  };
}

function finish(
  recorder: Recorder,
  machine: Machine,
  { harts }: MachineConfig,
  stop: RunEnd["stop"],
): void {
  const instructions = retired(machine, harts);
  recorder.finish(machine.digest(), { endCycle: machine.cycle, end: endOf(stop), instructions });
}

/** How many instructions all harts of a machine have retired. */
export function retired(machine: Machine, harts: number): number {
  let instructions = 0;
  for (let hart = 0; hart < harts; hart++) {
    instructions += Number(machine.engine.field(hart, "retired"));
  }
  return instructions;
}

function endOf(stop: RunEnd["stop"]): LogEnd {
  if (stop.reason === "power") return { reason: "power", power: stop.power };
  if (stop.reason === "breakpoint" || stop.reason === "watchpoint") {
    throw new Error(`nobody asked to stop at a ${stop.reason}`);
  }
  return stop;
}

async function create(
  { boot }: MachineRun,
  config: MachineConfig,
  host: Host,
  onDigest: MachineOptions["onDigest"],
  engine: MachineOptions["engine"],
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
