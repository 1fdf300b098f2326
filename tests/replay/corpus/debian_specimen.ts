/** One case of the corpus on Debian: how it is recorded. What is right about it stands in `labels.json`. */
import { UART_ID } from "../../../devices/board.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import {
  type OpenRecording,
  openRecording,
  recordingStart,
} from "../../../command/recording_file.ts";
import { retired } from "../../../command/run_machine.ts";
import { FileWriter } from "../../../replay/deno/file_writer.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import { RecordingWriter } from "../../../replay/format/writer.ts";
import type { LogEnd, LogEntry } from "../../../replay/log.ts";
import { Recorder } from "../../../replay/recorder.ts";
import { outputHash } from "../machines.ts";
import type { DebianBoot } from "./debian_boot.ts";
import { datagram } from "./datagram.ts";

export interface DebianSpecimen {
  readonly name: string;
  /** What is typed: its status is the guest's. */
  readonly run: string | ((boot: DebianBoot) => string);
  /** @param at the cycle of a moment, in nanoseconds after the fork */
  readonly plan?: (boot: DebianBoot, at: (ns: number) => number) => FaultPlan;
  /** Lines that are typed later. */
  readonly typed?: readonly { readonly at: number; readonly text: string }[];
  /** Datagrams to port 9 of the guest. */
  readonly letters?: readonly { readonly at: number; readonly text: string }[];
  readonly linkDownAt?: number;
  /** Where the recording ends at the latest, after the fork. */
  readonly cycles?: number;
  /** Changes the log once it is recorded, as a broken emulator would. @param fork of this cycle */
  readonly log?: (entries: readonly LogEntry[], fork: number) => LogEntry[];
}

const SEED = 7;
const TYPED_AT = 1_000_000;
const CYCLES = 8_000_000_000;

/** Records a case into a file. */
export async function recordDebian(
  boot: DebianBoot,
  specimen: DebianSpecimen,
  path: string,
): Promise<OpenRecording> {
  const { forked, point, config, files } = boot;
  const host = new FaultyHost(hostOf(boot, specimen), planOf(boot, specimen));
  const file = new FileWriter(path);
  try {
    const sink = new RecordingWriter(file, recordingStart(config, files));
    const recorder = new Recorder({ host, sink, hash: outputHash, after: point.log });
    forked.restart(recorder);
    forked.seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
    sink.part(point.log);
    sink.checkpoint(forked.snapshot());
    const { machine } = forked;
    const stop = await machine.run(point.cycle + (specimen.cycles ?? CYCLES));
    const end: LogEnd = stop.reason === "power"
      ? { reason: "power", power: stop.power }
      : { reason: stop.reason === "stuck" ? "stuck" : "until" };
    const instructions = retired(machine, config.harts);
    recorder.finish(machine.digest(), { endCycle: machine.cycle, end, instructions });
  } finally {
    file.close();
  }
  const { compiler } = boot;
  const open = await openRecording(path, { engine: { compiler: (shape) => compiler.open(shape) } });
  const isSpoilt = open.log.entries.some(({ id }) => id.includes("/host#"));
  if (specimen.plan && !isSpoilt) throw new Error(`${specimen.name}: nothing of its plan happened`);
  if (specimen.log === undefined) return open;
  return { ...open, log: { ...open.log, entries: specimen.log(open.log.entries, point.cycle) } };
}

function planOf(boot: DebianBoot, { plan }: DebianSpecimen): FaultPlan {
  return plan?.(boot, (ns) => boot.point.cycle + ns) ?? {};
}

function hostOf(boot: DebianBoot, specimen: DebianSpecimen): MemoryHost {
  const { disks, point: { cycle } } = boot;
  const { run, typed = [], letters = [], linkDownAt } = specimen;
  const command = typeof run === "string" ? run : run(boot);
  const script = [{ at: TYPED_AT, text: command }, ...typed].map(({ at, text }) => ({
    cycle: cycle + at,
    device: UART_ID,
    bytes: new TextEncoder().encode(`${text}\n`),
  }));
  const host = new MemoryHost({ disks, script, seed: SEED });
  if (linkDownAt !== undefined) {
    host.send({ device: "net0", kind: "link", up: false }, cycle + linkDownAt);
  }
  for (const { at, text } of letters) {
    host.send({ device: "net0", kind: "frame", bytes: datagram(text) }, cycle + at);
  }
  return host;
}
