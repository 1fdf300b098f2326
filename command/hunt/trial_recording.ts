/** The recording of one run of a hunt: it begins at reset, as if the machines had never forked. */
import xxhash from "xxhash-wasm";
import type { Host, PowerOutput } from "../../core/host.ts";
import type { FabricConfig } from "../../devices/network/config.ts";
import type { FileWriter } from "../../replay/deno/file_writer.ts";
import type { ForkedMachine } from "../../replay/fork.ts";
import { LabWriter } from "../../replay/format/lab_writer.ts";
import { RecordingWriter } from "../../replay/format/writer.ts";
import type { LabEvent } from "../../replay/lab_log.ts";
import type { LogEnd } from "../../replay/log.ts";
import { OutputHash } from "../../replay/outputs.ts";
import { Recorder } from "../../replay/recorder.ts";
import { PROGRAM, recordingStart, recordingWriter } from "../recording_file.ts";
import { retired } from "../run_machine.ts";
import type { Assignment } from "./specimen.ts";

export class TrialRecording {
  readonly #file: FileWriter;
  readonly #assignment: Assignment;
  readonly #hash: OutputHash;
  readonly #lab: LabWriter | undefined;
  readonly #writers: readonly RecordingWriter[];
  readonly #recorded: { readonly forked: ForkedMachine; readonly recorder: Recorder }[] = [];

  private constructor(path: string, hash: OutputHash, assignment: Assignment, lab: FabricConfig) {
    const { isLab, guests } = assignment.specimen;
    this.#file = recordingWriter(path);
    this.#assignment = assignment;
    this.#hash = hash;
    const starts = guests.map(({ name, config, files }) => ({
      name,
      ...recordingStart(config, files),
    }));
    if (isLab) this.#lab = new LabWriter(this.#file, { program: PROGRAM, lab, guests: starts });
    this.#writers = starts.map((start, owner) =>
      new RecordingWriter(this.#file, isLab ? undefined : start, owner)
    );
  }

  /**
   * Begins with all that was before the fork.
   * @param network as it is in this run
   * @throws RecordingError if the file cannot be created
   */
  static async create(
    path: string,
    assignment: Assignment,
    network: FabricConfig,
  ): Promise<TrialRecording> {
    const hash = new OutputHash(await xxhash());
    const recording = new TrialRecording(path, hash, assignment, network);
    for (const event of assignment.fork.events) recording.event(event);
    return recording;
  }

  /** Comes between the next guest, which is at the fork, and its host. */
  attach(forked: ForkedMachine, host: Host): void {
    const { specimen, fork } = this.#assignment;
    const owner = this.#recorded.length;
    const [sink, after] = [this.#writers[owner], fork.guests[owner].log];
    const machine = specimen.isLab ? specimen.guests[owner].name : undefined;
    const recorder = new Recorder({ host, sink, hash: this.#hash, machine, after });
    sink.part(after);
    sink.checkpoint(forked.snapshot());
    forked.seam.host = recorder;
    forked.seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
    this.#recorded.push({ forked, recorder });
  }

  event(event: LabEvent): void {
    this.#lab?.event(event);
  }

  /** The run is over. @param powers of the guests that ended by themselves, by number */
  end(cycle: number, powers: ReadonlyMap<number, PowerOutput>): void {
    this.#recorded.forEach(({ forked: { machine }, recorder }, owner) => {
      const power = powers.get(owner);
      const end: LogEnd = power === undefined ? { reason: "until" } : { reason: "power", power };
      const { harts } = this.#assignment.specimen.guests[owner].config;
      const instructions = retired(machine, harts);
      recorder.finish(machine.digest(), { endCycle: machine.cycle, end, instructions });
    });
    this.#lab?.end(cycle);
  }

  close(): void {
    this.#file.close();
  }
}
