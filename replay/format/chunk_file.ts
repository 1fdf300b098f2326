/** The chunks of a recording, appended to a file one after the other. Source: FORMAT.md. */
import {
  type ChunkRef,
  type ChunkType,
  FILE_MAGIC,
  FRAME_BYTES,
  frameChunk,
  type Packed,
  packPayload,
} from "./chunk.ts";
import { encodeIndex, encodeTrailer } from "./chunk_index.ts";
import type { ByteSink, Codec } from "./codec.ts";
import { encodeHeader, encodePiece, hex, type ImageInfo, PIECE_BYTES } from "./header.ts";

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

/** A chunk that is to be written. */
export interface Chunk {
  readonly type: ChunkType;
  readonly payload: Uint8Array;
}

/** A chunk that is ready, but for the place where it will stand. */
export interface PackedChunk {
  readonly type: ChunkType;
  readonly packed: Packed;
}

/** Takes what a recording consists of, in order. Each may throw what the file has met before. */
export interface ChunkSink {
  /** Whether so much time has passed since the last part of the log that the next is due. */
  isDue(): boolean;
  /** The first call: header and images. */
  start(start: RecordingStart): void;
  /** A LOG and the BLOBs before it. */
  log(chunks: readonly Chunk[], firstCycle: number, lastCycle: number): void;
  /** Pages, or the checkpoint to which those before it belong; logs may come to stand before them. */
  aside(chunk: Chunk): void;
  /** The last call. All is in the file when it returns. */
  end(payload: Uint8Array, cycle: number): void;
}

/** Writes each chunk at once. */
export class ChunkFile implements ChunkSink {
  readonly #chunks: ChunkRef[] = [];
  #sizeBytes = 0;
  /** The last LOG's last cycle. */
  #reached = 0;

  constructor(readonly sink: ByteSink, readonly codec: Codec) {}

  isDue(): boolean {
    return this.sink.isDue();
  }

  start({ program, machine, images }: RecordingStart): void {
    const sums = images.map(({ bytes }) => this.codec.sha256(bytes));
    const infos = images.map(({ role, name, bytes }, index) => ({
      role,
      name,
      sha256: hex(sums[index]),
      sizeBytes: bytes.length,
    }));
    this.#write(FILE_MAGIC);
    this.#chunk({ type: "HEAD", payload: encodeHeader({ program, machine, images: infos }) });
    const written = new Set<string>();
    images.forEach(({ bytes }, index) => {
      if (written.has(infos[index].sha256)) return;
      written.add(infos[index].sha256);
      for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES);
        this.#chunk({ type: "IMAG", payload: encodePiece(sums[index], offset, piece) });
      }
    });
  }

  log(chunks: readonly Chunk[], firstCycle: number, lastCycle: number): void {
    for (const chunk of chunks) this.#chunk(chunk, firstCycle, lastCycle);
    this.#reached = lastCycle;
  }

  aside(chunk: Chunk): void {
    this.append([this.pack(chunk)]);
  }

  end(payload: Uint8Array, cycle: number): void {
    this.#chunk({ type: "END", payload }, cycle, cycle);
    const offset = this.#sizeBytes;
    this.#chunk({ type: "INDX", payload: encodeIndex(this.#chunks) }, cycle, cycle);
    this.#write(encodeTrailer(offset));
  }

  /** The slow part of {@link aside}, which touches no file. */
  pack({ type, payload }: Chunk): PackedChunk {
    return { type, packed: packPayload(this.codec, payload) };
  }

  /** The rest of {@link aside}. */
  append(chunks: readonly PackedChunk[]): void {
    for (const chunk of chunks) this.#append(chunk, this.#reached, this.#reached);
  }

  #chunk(chunk: Chunk, firstCycle = 0, lastCycle = 0): void {
    this.#append(this.pack(chunk), firstCycle, lastCycle);
  }

  #append({ type, packed }: PackedChunk, firstCycle: number, lastCycle: number): void {
    const bytes = frameChunk(this.codec, { type, firstCycle, lastCycle, packed });
    const offset = this.#sizeBytes;
    this.#write(bytes);
    const storedBytes = bytes.length - FRAME_BYTES;
    this.#chunks.push({ type, offset, storedBytes, firstCycle, lastCycle });
  }

  #write(bytes: Uint8Array): void {
    this.sink.write(bytes);
    this.#sizeBytes += bytes.length;
  }
}
