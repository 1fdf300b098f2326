/** Writes a recording, chunk by chunk; what is written is never touched again. Source: FORMAT.md. */
import type { CheckpointSink, Snapshot } from "../checkpoint_recorder.ts";
import type { LogConclusion, LogPart, LogSink } from "../log.ts";
import { CheckpointWriter } from "./checkpoint_writer.ts";
import { type ChunkRef, type ChunkType, encodeChunk, FILE_MAGIC, FRAME_BYTES } from "./chunk.ts";
import { encodeIndex, encodeTrailer } from "./chunk_index.ts";
import type { ByteSink, Codec } from "./codec.ts";
import { encodeEnd } from "./end.ts";
import { encodeHeader, encodePiece, hex, type ImageInfo, PIECE_BYTES } from "./header.ts";
import { encodePart } from "./log_chunk.ts";

/** An image with its bytes. */
export interface Image extends Pick<ImageInfo, "role" | "name"> {
  readonly bytes: Uint8Array;
}

export interface RecordingStart {
  /** Program and version. */
  readonly program: string;
  /** What CBOR can hold: numbers, texts, booleans, lists, objects. */
  readonly machine: unknown;
  readonly images: readonly Image[];
}

export class RecordingWriter implements LogSink, CheckpointSink {
  readonly #sink: ByteSink;
  readonly #codec: Codec;
  readonly #chunks: ChunkRef[] = [];
  readonly #checkpoints = new CheckpointWriter((type, payload) =>
    this.#chunk(type, payload, this.#writtenTo, this.#writtenTo)
  );
  #sizeBytes = 0;
  /** The last LOG's last cycle. */
  #writtenTo = 0;

  /** Writes header and images. @throws whatever the sink throws */
  constructor(sink: ByteSink, codec: Codec, { program, machine, images }: RecordingStart) {
    this.#sink = sink;
    this.#codec = codec;
    const sums = images.map(({ bytes }) => codec.sha256(bytes));
    const infos = images.map(({ role, name, bytes }, index) => ({
      role,
      name,
      sha256: hex(sums[index]),
      sizeBytes: bytes.length,
    }));
    this.#write(FILE_MAGIC);
    this.#chunk("HEAD", encodeHeader({ program, machine, images: infos }));
    const written = new Set<string>();
    images.forEach(({ bytes }, index) => {
      if (written.has(infos[index].sha256)) return;
      written.add(infos[index].sha256);
      for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES);
        this.#chunk("IMAG", encodePiece(sums[index], offset, piece));
      }
    });
  }

  isDue(): boolean {
    return this.#sink.isDue();
  }

  part(part: LogPart): void {
    const { log, blobs } = encodePart(part);
    for (const blob of blobs) this.#chunk("BLOB", blob, part.firstCycle, part.lastCycle);
    this.#chunk("LOG", log, part.firstCycle, part.lastCycle);
    this.#writtenTo = part.lastCycle;
  }

  /** Its cycle may lie after what the log has reached: then it counts once the log gets there. */
  checkpoint(snapshot: Snapshot): void {
    this.#checkpoints.write(snapshot);
  }

  /** Writes the end and the index. */
  end(conclusion: LogConclusion): void {
    const { endCycle: cycle } = conclusion;
    this.#chunk("END", encodeEnd(conclusion), cycle, cycle);
    const offset = this.#sizeBytes;
    const index = encodeIndex(this.#chunks);
    this.#chunk("INDX", index, cycle, cycle);
    this.#write(encodeTrailer(offset));
  }

  #chunk(type: ChunkType, payload: Uint8Array, firstCycle = 0, lastCycle = 0): void {
    const bytes = encodeChunk(this.#codec, { type, payload, firstCycle, lastCycle });
    const offset = this.#sizeBytes;
    this.#write(bytes);
    const storedBytes = bytes.length - FRAME_BYTES;
    this.#chunks.push({ type, offset, storedBytes, firstCycle, lastCycle });
  }

  #write(bytes: Uint8Array): void {
    this.#sink.write(bytes);
    this.#sizeBytes += bytes.length;
  }
}
