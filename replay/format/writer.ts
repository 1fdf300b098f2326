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

  /** Writes header and images. @throws whatever the sink throws, as all methods */
  constructor(sink: ChunkSink, start: RecordingStart) {
    this.#sink = sink;
    this.#checkpoints = new CheckpointWriter((chunk) => sink.aside(chunk));
    sink.start(start);
  }

  isDue(): boolean {
    return this.#sink.isDue();
  }

  part(part: LogPart): void {
    const { log, blobs } = encodePart(part);
    const chunks = blobs.map((payload) => ({ type: "BLOB" as const, payload }));
    this.#sink.log([...chunks, { type: "LOG", payload: log }], part.firstCycle, part.lastCycle);
  }

  /** Its cycle may lie after what the log has reached: then it counts once the log gets there. */
  checkpoint(snapshot: Snapshot): void {
    this.#checkpoints.write(snapshot);
  }

  /** Writes the end and the index. */
  end(conclusion: LogConclusion): void {
    this.#sink.end(encodeEnd(conclusion), conclusion.endCycle);
  }
}
