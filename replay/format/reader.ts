/** Reads a recording, trusting nothing in it. Source: FORMAT.md. */
import { DIGEST_CYCLES } from "../../core/machine.ts";
import { joinParts, type Log, type LogConclusion, type LogPart } from "../log.ts";
import { decodeCbor } from "./cbor.ts";
import { CHECKPOINT_BYTES_MAX, CheckpointIndex } from "./checkpoint_reader.ts";
import {
  type ChunkRef,
  type ChunkType,
  decodeFrame,
  decodePayload,
  FILE_MAGIC,
  type Frame,
  FRAME_BYTES,
} from "./chunk.ts";
import type { Image } from "./chunk_file.ts";
import { decodeIndex, decodeTrailer, TRAILER_BYTES } from "./chunk_index.ts";
import { type ByteSource, type Codec, FormatError } from "./codec.ts";
import { decodeEnd } from "./end.ts";
import { decodeHeader, type Header } from "./header.ts";
import { ImageReader } from "./image_reader.ts";
import { decodePart } from "./log_chunk.ts";

/** The log of a recording, expanded, has at most this many bytes. */
const LOG_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** What a file holds. */
export interface Recording {
  readonly header: Header;
  readonly images: readonly Image[];
  readonly log: Log;
  /** In the order of the file. */
  readonly chunks: readonly ChunkRef[];
  readonly sizeBytes: number;
  /** Why what follows the last good chunk could not be read; the log ends before it. Absent if all is well, or if the file merely stops. */
  readonly damage: string | undefined;
  /** States on the way; none of them is needed for a replay, and none has been looked at. */
  readonly checkpoints: CheckpointIndex;
}

/**
 * Reads a whole recording, or as much of it as is whole.
 * @throws FormatError if that is not enough to replay anything
 */
export function readRecording(source: ByteSource, codec: Codec): Recording {
  const reader = new Reader(source, codec);
  return reader.read();
}

class Reader {
  readonly #parts: LogPart[] = [];
  readonly #read: ChunkRef[] = [];
  #blobs: Uint8Array[] = [];
  readonly #checkpoints = new CheckpointIndex();
  #logBytes = 0;
  #header: Header | undefined;
  #images: ImageReader | undefined;
  #end: LogConclusion | undefined;
  #damage: string | undefined;

  constructor(readonly source: ByteSource, readonly codec: Codec) {}

  read(): Recording {
    const magic = this.source.read(0, Math.min(FILE_MAGIC.length, this.source.sizeBytes));
    if (magic.length < FILE_MAGIC.length || magic.some((byte, i) => byte !== FILE_MAGIC[i])) {
      throw new FormatError("not a recording");
    }
    const index = this.#index();
    if (index === undefined) this.#scan();
    else this.#follow(index);
    if (this.#header === undefined || this.#images === undefined) {
      throw new FormatError(this.#damage ?? "the recording ends within its header");
    }
    const images = this.#images.finish(this.#damage);
    const log = joinParts(this.#parts, this.#end);
    requireDigests(log);
    this.#checkpoints.finish(log.digests);
    return {
      header: this.#header,
      images,
      log,
      chunks: this.#read,
      sizeBytes: this.source.sizeBytes,
      damage: this.#damage,
      checkpoints: this.#checkpoints,
    };
  }

  /** The chunks that the index names, if it is there and names all that precedes it. */
  #index(): ChunkRef[] | undefined {
    const { sizeBytes } = this.source;
    if (sizeBytes < FILE_MAGIC.length + FRAME_BYTES + TRAILER_BYTES) return undefined;
    const offset = decodeTrailer(this.source.read(sizeBytes - TRAILER_BYTES, TRAILER_BYTES));
    if (offset === undefined) return undefined;
    try {
      const payload = this.#load("INDX", offset, sizeBytes - TRAILER_BYTES);
      const chunks = decodeIndex(payload, FILE_MAGIC.length);
      const last = chunks.at(-1);
      const end = last === undefined ? 0 : last.offset + FRAME_BYTES + last.storedBytes;
      return end === offset ? chunks : undefined;
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }

  #follow(index: readonly ChunkRef[]): void {
    const limit = this.source.sizeBytes - TRAILER_BYTES;
    for (const ref of index) {
      if (!this.#take(ref.offset, limit, ref)) return;
    }
  }

  /** From chunk to chunk; a file that stops within one was cut there. */
  #scan(): void {
    const { sizeBytes } = this.source;
    for (let offset = FILE_MAGIC.length; offset < sizeBytes;) {
      const hasEnded = this.#end !== undefined;
      if (!this.#take(offset, sizeBytes)) {
        // What follows the end is the index, which nobody needs.
        if (hasEnded) this.#damage = undefined;
        return;
      }
      const last = this.#read.at(-1)!;
      offset = last.offset + FRAME_BYTES + last.storedBytes;
    }
  }

  /** Reads the chunk at an offset; false if it is damaged or not all there. */
  #take(offset: number, limit: number, expected?: ChunkRef): boolean {
    try {
      const frame = this.#frame(offset, limit);
      if (frame === undefined) return false;
      const { type, storedBytes, firstCycle, lastCycle } = frame;
      if (
        expected !== undefined &&
        (expected.type !== type || expected.storedBytes !== storedBytes ||
          expected.firstCycle !== firstCycle || expected.lastCycle !== lastCycle)
      ) {
        throw new FormatError(`the chunk at byte ${offset} is not the one that the index names`);
      }
      const ref = { type, offset, storedBytes, firstCycle, lastCycle };
      if (type === "PAGE" || type === "CKPT") this.#checkpoint(frame, limit);
      else this.#content(ref, this.#load(type, offset, limit));
      this.#read.push(ref);
      return true;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#damage = error.message;
      return false;
    }
  }

  #frame(offset: number, limit: number) {
    if (offset + FRAME_BYTES > limit) return undefined;
    const frame = decodeFrame(this.source.read(offset, FRAME_BYTES), offset);
    return offset + FRAME_BYTES + frame.storedBytes > limit ? undefined : frame;
  }

  #load(type: ChunkType, offset: number, limit: number): Uint8Array {
    const frame = this.#frame(offset, limit);
    if (frame?.type !== type) throw new FormatError(`no ${type} chunk at byte ${offset}`);
    const bytes = this.source.read(offset, FRAME_BYTES + frame.storedBytes);
    return decodePayload(this.codec, frame, bytes, bytes.subarray(FRAME_BYTES));
  }

  /** Damage to a checkpoint costs no more than that checkpoint. */
  #checkpoint(frame: Frame, limit: number): void {
    const { type, offset, payloadBytes } = frame;
    if (this.#header === undefined || this.#end !== undefined) {
      throw new FormatError(`a ${type} chunk at byte ${offset}, where it cannot be`);
    }
    try {
      if (type === "PAGE") this.#checkpoints.addPages(frame);
      else if (payloadBytes <= CHECKPOINT_BYTES_MAX) {
        this.#checkpoints.add(frame, this.#load(type, offset, limit));
      } else throw new FormatError(`the CKPT chunk at byte ${offset} is too large`);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#checkpoints.notes.push(error.message);
    }
  }

  #content(ref: ChunkRef, payload: Uint8Array): void {
    const where = `at byte ${ref.offset}`;
    if (this.#end !== undefined && ref.type !== "INDX") {
      throw new FormatError(`a ${ref.type} chunk after the end ${where}`);
    }
    if ((ref.type === "HEAD") !== (this.#header === undefined)) {
      throw new FormatError(`a ${ref.type} chunk ${where}, where it cannot be`);
    }
    switch (ref.type) {
      case "HEAD":
        this.#header = decodeHeader(payload);
        this.#images = new ImageReader(this.#header.images, this.codec);
        return;
      case "IMAG":
        return this.#images!.piece(payload);
      case "BLOB":
        this.#count(payload, where);
        this.#blobs.push(payload);
        return;
      case "LOG":
        this.#count(payload, where);
        return this.#part(ref, payload);
      case "END":
        if (ref.lastCycle !== (this.#parts.at(-1)?.lastCycle ?? 0)) {
          throw new FormatError(`an end that is not the log's ${where}`);
        }
        this.#end = decodeEnd(payload, ref.lastCycle);
        return;
      case "INDX":
      case "PAGE":
      case "CKPT":
        return;
    }
  }

  #part(ref: ChunkRef, payload: Uint8Array): void {
    if (ref.firstCycle !== (this.#parts.at(-1)?.lastCycle ?? 0)) {
      throw new FormatError(`the log has a gap before cycle ${ref.firstCycle}`);
    }
    const blobs = this.#blobs;
    this.#blobs = [];
    this.#parts.push(decodePart(decodeCbor(payload, "a LOG chunk"), blobs, ref));
  }

  #count(payload: Uint8Array, where: string): void {
    this.#logBytes += payload.length;
    if (this.#logBytes > LOG_BYTES_MAX) throw new FormatError(`the log is too large ${where}`);
  }
}

/** So the length of a replay is bounded by that of its file. */
function requireDigests({ digests, endCycle }: Log): void {
  let next = DIGEST_CYCLES;
  for (const { cycle } of digests) {
    if (cycle === next) next += DIGEST_CYCLES;
  }
  if (next <= endCycle) throw new FormatError(`the recording has no digest at cycle ${next}`);
}
