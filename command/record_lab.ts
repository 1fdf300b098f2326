/** Writes a lab's run down: each guest as if it were alone, and what the network did. */
import xxhash from "xxhash-wasm";
import type { GuestHooks, RemoteHooks } from "../devices/deno/lab_machine.ts";
import type { FabricEvent } from "../devices/network/events.ts";
import type { FileNote, FileWriter } from "../replay/deno/file_writer.ts";
import { LabWriter } from "../replay/format/lab_writer.ts";
import type { LogEnd } from "../replay/log.ts";
import { OutputHash } from "../replay/outputs.ts";
import type { LabPlan } from "./lab_config.ts";
import { recordingHooks, write } from "./record_guest.ts";
import { PROGRAM, recordingStart, recordingWriter } from "./recording_file.ts";
import type { LabEnd, LabRecording } from "./run_lab.ts";

export class LabTarget implements LabRecording {
  readonly #file: FileWriter;
  readonly #network: LabWriter;
  readonly #names: readonly string[];
  readonly remote: RemoteHooks;

  private constructor(
    path: string,
    { network, guests }: LabPlan,
    readonly hash: OutputHash,
    readonly hasCheckpoints: boolean,
  ) {
    this.#file = recordingWriter(path);
    this.#names = guests.map(({ name }) => name);
    this.#network = new LabWriter(this.#file, {
      program: PROGRAM,
      lab: network,
      guests: guests.map(({ name, config, files }) => ({ ...recordingStart(config, files), name })),
    });
    this.remote = {
      module: new URL("./record_guest.ts", import.meta.url).href,
      data: hasCheckpoints,
      onNote: (note) => write(this.#file, note as FileNote),
    };
  }

  /** @throws RecordingError if the file cannot be created */
  static async create(path: string, plan: LabPlan, hasCheckpoints: boolean): Promise<LabTarget> {
    return new LabTarget(path, plan, new OutputHash(await xxhash()), hasCheckpoints);
  }

  hooks(owner: number): GuestHooks {
    const { hash, hasCheckpoints } = this;
    return recordingHooks({
      ...{ name: this.#names[owner], owner, sink: this.#file, hash, hasCheckpoints },
    });
  }

  event(event: FabricEvent): void {
    this.#network.event(event);
  }

  reached(cycle: number): void {
    this.#network.reached(cycle);
  }

  /** How the guests end that have not ended before. */
  conclusion({ stop }: LabEnd): LogEnd {
    if (typeof stop === "object") return stop;
    return { reason: stop === "stuck" ? "stuck" : "until" };
  }

  finish({ cycle }: LabEnd): void {
    this.#network.end(cycle);
  }

  close(): void {
    this.#file.close();
  }
}
