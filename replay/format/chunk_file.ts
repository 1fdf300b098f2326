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
import { encodeHeader, hex, type ImageInfo } from "./header.ts";
import { encodeLabHeader } from "./lab_header.ts";
import { type PackedImages, packImage } from "./packed_image.ts";
import { lengthOf, type Pieces } from "./pieces.ts";

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

/** What a recording of several machines begins with. */
export interface LabStart {
  readonly program: string;
  /** What connects them; as {@link RecordingStart.machine}. */
  readonly lab: unknown;
  readonly guests: readonly (Omit<RecordingStart, "program"> & { readonly name: string })[];
}

/** A chunk that is to be written. */
export interface Chunk {
  readonly type: ChunkType;
  /** Whole, or in pieces. */
  readonly payload: Uint8Array | Pieces;
}

/** A chunk that is ready, but for the place where it will stand. */
export interface PackedChunk {
  readonly type: ChunkType;
  readonly packed: Packed;
}

/**
 * Takes what a recording consists of, in order. Each may throw what the file has met before.
 * `owner`: the number of a lab's guest, or that of its guests for what connects them.
 */
export interface ChunkSink {
  /** Whether so much time has passed since the last part of the owner's log that the next is due. */
  isDue(owner?: number): boolean;
  /** As {@link LogSink.hold}. */
  hold?(bytes: Uint8Array, owner?: number): Uint8Array;
  /** The first call: header and images. */
  start(start: RecordingStart): void;
  /** The first call for a lab. */
  startLab(start: LabStart): void;
  /** A LOG and the BLOBs before it, or a FATE. */
  log(chunks: readonly Chunk[], firstCycle: number, lastCycle: number, owner?: number): void;
  /** Pages, or the checkpoint to which those before it belong; logs may come to stand before them. */
  aside(chunk: Chunk, owner?: number): void;
  /**
   * A question that may be asked at any time: is all in the file that was given aside by now? Then its
   * memory may be used again. To be called after a checkpoint, not between its pages.
   */
  written?(): () => boolean;
  /** An owner's last call. After that of the last owner all is in the file. */
  end(payload: Uint8Array, cycle: number, owner?: number): void;
}

/** Writes each chunk at once. */
export class ChunkFile implements ChunkSink {
  readonly #chunks: ChunkRef[] = [];
  #sizeBytes = 0;
  /** The last cycle of each owner's log. */
  #reached = [0];
  #endedCount = 0;

  /** @param images from which those that it holds are taken, and to which those that it lacks are added */
  constructor(readonly sink: ByteSink, readonly codec: Codec, readonly images?: PackedImages) {}

  isDue(): boolean {
    return this.sink.isDue();
  }

  start({ program, machine, images }: RecordingStart): void {
    const infos = this.#infos(images);
    this.#write(FILE_MAGIC);
    this.#chunk({ type: "HEAD", payload: encodeHeader({ program, machine, images: infos }) });
    this.#images(images, infos);
  }

  startLab({ program, lab, guests }: LabStart): void {
    const names = guests.map(({ name }) => name);
    this.#reached = [...guests.map(() => 0), 0];
    this.#write(FILE_MAGIC);
    this.#chunk({ type: "LAB", payload: encodeLabHeader({ program, lab, guests: names }) });
    const infos = guests.map(({ images }) => this.#infos(images));
    guests.forEach(({ machine }, owner) => {
      const payload = encodeHeader({ program, machine, images: infos[owner] });
      this.#chunk({ type: "HEAD", payload }, 0, 0, owner);
    });
    this.#images(guests.flatMap(({ images }) => images), infos.flat());
  }

  log(chunks: readonly Chunk[], firstCycle: number, lastCycle: number, owner = 0): void {
    for (const chunk of chunks) this.#chunk(chunk, firstCycle, lastCycle, owner);
    this.#reached[owner] = lastCycle;
  }

  aside(chunk: Chunk, owner = 0): void {
    this.append([this.pack(chunk)], owner);
  }

  end(payload: Uint8Array, cycle: number, owner = 0): void {
    this.#chunk({ type: "END", payload }, cycle, cycle, owner);
    if (++this.#endedCount < this.#reached.length) return;
    const offset = this.#sizeBytes;
    this.#chunk({ type: "INDX", payload: encodeIndex(this.#chunks) }, cycle, cycle);
    this.#write(encodeTrailer(offset));
  }

  /** The slow part of {@link aside}, which touches no file. */
  pack({ type, payload }: Chunk): PackedChunk {
    return { type, packed: packPayload(this.codec, piecesOf(payload)) };
  }

  /** The rest of {@link aside}. */
  append(chunks: readonly PackedChunk[], owner = 0): void {
    const cycle = this.#reached[owner];
    for (const chunk of chunks) this.#append(chunk, cycle, cycle, owner);
  }

  #infos(images: readonly Image[]): ImageInfo[] {
    return images.map(({ role, name, bytes }) => ({
      ...{ role, name, sizeBytes: bytes.length },
      sha256: hex(this.codec.sha256(bytes)),
    }));
  }

  /** Each content once. */
  #images(images: readonly Image[], infos: readonly ImageInfo[]): void {
    const written = new Set<string>();
    images.forEach(({ bytes }, index) => {
      const { sha256 } = infos[index];
      if (written.has(sha256)) return;
      written.add(sha256);
      for (const packed of packImage(this.codec, sha256, bytes, this.images)) {
        this.#append({ type: "IMAG", packed }, 0, 0, 0);
      }
    });
  }

  #chunk(chunk: Chunk, firstCycle = 0, lastCycle = 0, owner = 0): void {
    this.#append(this.pack(chunk), firstCycle, lastCycle, owner);
  }

  #append(chunk: PackedChunk, firstCycle: number, lastCycle: number, owner: number): void {
    const { type, packed } = chunk;
    const pieces = frameChunk(this.codec, { type, firstCycle, lastCycle, owner, packed });
    const offset = this.#sizeBytes;
    this.#write(...pieces);
    const storedBytes = this.#sizeBytes - offset - FRAME_BYTES;
    this.#chunks.push({ type, owner, offset, storedBytes, firstCycle, lastCycle });
  }

  #write(...pieces: Pieces): void {
    this.sink.write(...pieces);
    this.#sizeBytes += lengthOf(pieces);
  }
}

/** The payload of a {@link Chunk}. */
export function piecesOf(payload: Chunk["payload"]): Pieces {
  return payload instanceof Uint8Array ? [payload] : payload;
}
