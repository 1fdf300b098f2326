/** Writes a lab's run down: each guest as if it were alone, and what the network did. */
import xxhash from "xxhash-wasm";
import type { Stop } from "../core/machine.ts";
import type { GuestHooks, LabMachine } from "../devices/deno/lab_machine.ts";
import type { FabricEvent } from "../devices/network/events.ts";
import { CheckpointRecorder } from "../replay/checkpoint_recorder.ts";
import { FileWriter } from "../replay/deno/file_writer.ts";
import { LabWriter } from "../replay/format/lab_writer.ts";
import { RecordingWriter } from "../replay/format/writer.ts";
import type { LogEnd } from "../replay/log.ts";
import { OutputHash } from "../replay/outputs.ts";
import { Recorder } from "../replay/recorder.ts";
import type { LabPlan } from "./lab_config.ts";
import { PROGRAM, recordingStart } from "./recording_file.ts";
import type { LabEnd, LabRecording } from "./run_lab.ts";

export class LabTarget implements LabRecording {
  readonly #file: FileWriter;
  readonly #network: LabWriter;
  readonly #guests: readonly RecordedGuest[];

  private constructor(path: string, plan: LabPlan, hash: OutputHash, hasCheckpoints: boolean) {
    this.#file = new FileWriter(path);
    this.#network = new LabWriter(this.#file, {
      program: PROGRAM,
      lab: plan.network,
      guests: plan.guests.map(({ name, config, files }) => ({
        ...recordingStart(config, files),
        name,
      })),
    });
    this.#guests = plan.guests.map(({ name }, number) => {
      const writer = new RecordingWriter(this.#file, undefined, number);
      return new RecordedGuest(name, writer, hash, hasCheckpoints);
    });
  }

  /** @throws RecordingError if the file cannot be created */
  static async create(path: string, plan: LabPlan, hasCheckpoints: boolean): Promise<LabTarget> {
    return new LabTarget(path, plan, new OutputHash(await xxhash()), hasCheckpoints);
  }

  hooks(guest: number): GuestHooks {
    return this.#guests[guest].hooks;
  }

  start(machines: readonly LabMachine[]): void {
    machines.forEach((machine, guest) => this.#guests[guest].start(machine));
  }

  event(event: FabricEvent): void {
    this.#network.event(event);
  }

  reached(cycle: number): void {
    this.#network.reached(cycle);
  }

  /** A guest ended while others go on. */
  ended(guest: number, { power }: Extract<Stop, { reason: "power" }>): void {
    this.#guests[guest].finish({ reason: "power", power });
  }

  finish({ stop, cycle }: LabEnd): void {
    for (const guest of this.#guests) guest.finish(endOf(stop));
    this.#network.end(cycle);
  }

  close(): void {
    this.#file.close();
  }
}

/** How the guests end that have not ended before. */
function endOf(stop: LabEnd["stop"]): LogEnd {
  if (typeof stop === "object") return stop;
  return { reason: stop === "stuck" ? "stuck" : "until" };
}

class RecordedGuest {
  readonly hooks: GuestHooks;
  readonly #writer: RecordingWriter;
  readonly #hasCheckpoints: boolean;
  #recorder: Recorder | undefined;
  #machine: LabMachine["machine"] | undefined;
  #checkpoints: CheckpointRecorder | undefined;
  #hasEnded = false;

  constructor(name: string, writer: RecordingWriter, hash: OutputHash, hasCheckpoints: boolean) {
    this.#writer = writer;
    this.#hasCheckpoints = hasCheckpoints;
    this.hooks = {
      wrap: (host) => this.#recorder = new Recorder({ host, sink: writer, hash, machine: name }),
      onDigest: (cycle, digest) => {
        this.#recorder!.digest(cycle, digest);
        this.#checkpoints?.digested();
      },
    };
  }

  /** @param machine at reset */
  start({ machine }: LabMachine): void {
    this.#machine = machine;
    if (this.#hasCheckpoints) this.#checkpoints = new CheckpointRecorder(machine, this.#writer);
  }

  /** Further calls do nothing. */
  finish(end: LogEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const machine = this.#machine!;
    const { engine, cycle: endCycle } = machine;
    let instructions = 0;
    for (let hart = 0; hart < engine.layout.harts; hart++) {
      instructions += Number(engine.field(hart, "retired"));
    }
    this.#checkpoints?.finish();
    this.#recorder!.finish(machine.digest(), { endCycle, end, instructions });
  }
}
