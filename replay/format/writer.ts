/** Turns what a recorder hands on into chunks; what is written is never touched again. Source: FORMAT.md. */
import type { CheckpointSink, Snapshot } from "../checkpoint_recorder.ts";
import type { LogConclusion, LogPart, LogSink } from "../log.ts";
import { CheckpointWriter } from "./checkpoint_writer.ts";
import type { ChunkSink, RecordingStart } from "./chunk_file.ts";
import { encodeEnd } from "./end.ts";
import { encodePart } from "./log_chunk.ts";

export class RecordingWriter implements LogSink, CheckpointSink {
  readonly #sink: ChunkSink;
  readonly #checkpoints: CheckpointWriter;
  readonly #owner: number;

  /**
   * Writes header and images. @throws whatever the sink throws, as all methods
   * @param start absent: of a lab, which has begun
   * @param owner the guest's number in the lab
   */
  constructor(sink: ChunkSink, start: RecordingStart | undefined, owner = 0) {
    this.#sink = sink;
    this.#owner = owner;
    this.#checkpoints = new CheckpointWriter((chunk) => sink.aside(chunk, owner));
    if (start !== undefined) sink.start(start);
  }

  isDue(): boolean {
    return this.#sink.isDue(this.#owner);
  }

  hold(bytes: Uint8Array): Uint8Array {
    return this.#sink.hold?.(bytes, this.#owner) ?? bytes;
  }

  learned(bytes: Uint8Array): void {
    this.#checkpoints.learned(bytes);
  }

  part(part: LogPart): void {
    const { log, blobs } = encodePart(part);
    const chunks = blobs.map((payload) => ({ type: "BLOB" as const, payload }));
    const { firstCycle, lastCycle } = part;
    this.#sink.log([...chunks, { type: "LOG", payload: log }], firstCycle, lastCycle, this.#owner);
  }

  /** Its cycle may lie after what the log has reached: then it counts once the log gets there. */
  checkpoint(snapshot: Snapshot): (() => boolean) | undefined {
    return this.#checkpoints.write(snapshot) ? this.#sink.written?.() : undefined;
  }

  /** Writes the end and the index. */
  end(conclusion: LogConclusion): void {
    this.#sink.end(encodeEnd(conclusion), conclusion.endCycle, this.#owner);
  }
}
