/** Reads a recording, trusting nothing in it. Source: FORMAT.md. */
import type { LabLog } from "../lab_log.ts";
import type { Log } from "../log.ts";
import { CHECKPOINT_BYTES_MAX, type CheckpointIndex } from "./checkpoint_reader.ts";
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
import { LabContent, MachineContent } from "./content.ts";
import type { Header } from "./header.ts";
import { ImageReader } from "./image_reader.ts";
import { decodeLabHeader, type LabHeader } from "./lab_header.ts";

/** The logs of a recording, expanded, have at most this many bytes. */
const LOG_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** What a file holds of one machine. */
export interface Recording {
  readonly header: Header;
  readonly images: readonly Image[];
  readonly log: Log;
  /** In the order of the file; of a lab's guest, its own: neither images nor what all share. */
  readonly chunks: readonly ChunkRef[];
  /** Of the file; of a lab's guest, of its chunks. */
  readonly sizeBytes: number;
  /** Why what follows the last good chunk could not be read; the log ends before it. Absent if all is well, or if the file merely stops. */
  readonly damage: string | undefined;
  /** States on the way; none of them is needed for a replay, and none has been looked at. */
  readonly checkpoints: CheckpointIndex;
}

/** What a file holds of several machines and what connects them. */
export interface LabRecording extends Pick<Recording, "chunks" | "sizeBytes" | "damage"> {
  readonly header: LabHeader;
  /** By their names, in the order of the header. */
  readonly guests: ReadonlyMap<string, Recording>;
  readonly log: LabLog;
}

/** What is in a file. */
export type Recorded =
  | { readonly machine: Recording; readonly lab?: undefined }
  | { readonly machine?: undefined; readonly lab: LabRecording };

/**
 * Reads a whole file, or as much of it as is whole.
 * @throws FormatError if that is not enough to replay anything
 */
export function readRecorded(source: ByteSource, codec: Codec): Recorded {
  const reader = new Reader(source, codec);
  return reader.read();
}

/** As {@link readRecorded}, of one machine. @throws FormatError also if it is a lab's */
export function readRecording(source: ByteSource, codec: Codec): Recording {
  const recorded = readRecorded(source, codec);
  if (recorded.lab === undefined) return recorded.machine;
  throw new FormatError(`holds the lab of ${[...recorded.lab.guests.keys()].join(", ")}`);
}

class Reader {
  readonly #read: ChunkRef[] = [];
  readonly #images: ImageReader;
  /** One, or a lab's guests. */
  #machines: MachineContent[] = [new MachineContent()];
  #lab: { readonly header: LabHeader; readonly content: LabContent } | undefined;
  #logBytes = 0;
  #damage: string | undefined;

  constructor(readonly source: ByteSource, readonly codec: Codec) {
    this.#images = new ImageReader(codec);
  }

  read(): Recorded {
    const magic = this.source.read(0, Math.min(FILE_MAGIC.length, this.source.sizeBytes));
    if (magic.length < FILE_MAGIC.length || magic.some((byte, i) => byte !== FILE_MAGIC[i])) {
      throw new FormatError("not a recording");
    }
    const index = this.#index();
    if (index === undefined) this.#scan();
    else this.#follow(index);
    const machines = this.#machines.map((content) => this.#recording(content));
    if (this.#lab === undefined) return { machine: { ...machines[0], chunks: this.#read } };
    const { header, content } = this.#lab;
    const guests = new Map(machines.map((machine, index) => [header.guests[index], machine]));
    return {
      lab: {
        header,
        guests,
        log: content.finish(),
        chunks: this.#read,
        sizeBytes: this.source.sizeBytes,
        damage: this.#damage,
      },
    };
  }

  #recording(content: MachineContent): Recording {
    const { header, chunks, checkpoints } = content;
    if (header === undefined) {
      throw new FormatError(this.#damage ?? "the recording ends within its header");
    }
    return {
      header,
      images: this.#images.finish(header.images, this.#damage),
      log: content.finish(),
      chunks,
      sizeBytes: this.#lab === undefined ? this.source.sizeBytes : sizeOf(chunks),
      damage: this.#damage,
      checkpoints,
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
      const hasEnded = this.#hasEnded;
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
      const { type, owner, storedBytes, firstCycle, lastCycle } = frame;
      if (
        expected !== undefined &&
        (expected.type !== type || expected.owner !== owner ||
          expected.storedBytes !== storedBytes || expected.firstCycle !== firstCycle ||
          expected.lastCycle !== lastCycle)
      ) {
        throw new FormatError(`the chunk at byte ${offset} is not the one that the index names`);
      }
      const ref = { type, owner, offset, storedBytes, firstCycle, lastCycle };
      const content = this.#contentOf(ref);
      if (type === "PAGE" || type === "CKPT") this.#checkpoint(content, frame, limit);
      else this.#content(content, ref, this.#load(type, offset, limit));
      this.#read.push(ref);
      if (type !== "IMAG") content?.chunks.push(ref);
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

  /** Whose chunk it is: what connects a lab's guests counts as one more. */
  #contentOf(ref: ChunkRef): MachineContent | LabContent | undefined {
    if (ref.type === "LAB") return undefined;
    const content = this.#machines[ref.owner] ??
      (ref.owner === this.#machines.length ? this.#lab?.content : undefined);
    if (content === undefined) throw misplaced(ref);
    return content;
  }

  get #hasBegun(): boolean {
    return this.#machines.every(({ header }) => header !== undefined);
  }

  get #hasEnded(): boolean {
    return this.#machines.every(({ hasEnded }) => hasEnded) &&
      (this.#lab === undefined || this.#lab.content.hasEnded);
  }

  /** Damage to a checkpoint costs no more than that checkpoint. */
  #checkpoint(content: MachineContent | LabContent | undefined, frame: Frame, limit: number): void {
    const { type, offset, payloadBytes } = frame;
    if (!(content instanceof MachineContent) || !this.#hasBegun || content.hasEnded) {
      throw misplaced(frame);
    }
    const { checkpoints } = content;
    try {
      if (type === "PAGE") checkpoints.addPages(frame);
      else if (payloadBytes <= CHECKPOINT_BYTES_MAX) {
        checkpoints.add(frame, this.#load(type, offset, limit));
      } else throw new FormatError(`the CKPT chunk at byte ${offset} is too large`);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      checkpoints.notes.push(error.message);
    }
  }

  #content(
    content: MachineContent | LabContent | undefined,
    ref: ChunkRef,
    payload: Uint8Array,
  ): void {
    const { type } = ref;
    if (this.#hasEnded && type !== "INDX") {
      throw new FormatError(`a ${type} chunk after the end at byte ${ref.offset}`);
    }
    if (type !== "LAB" && type !== "HEAD" && !this.#hasBegun) throw misplaced(ref);
    switch (type) {
      case "LAB":
        return this.#begin(ref, decodeLabHeader(payload));
      case "HEAD":
        if (!(content instanceof MachineContent)) throw misplaced(ref);
        return this.#images.expect(content.head(ref, payload).images);
      case "IMAG":
        return this.#images.piece(payload);
      case "INDX":
        return;
      default:
        this.#count(payload, ref);
        return content!.take(ref, payload);
    }
  }

  #begin(ref: ChunkRef, header: LabHeader): void {
    if (this.#read.length > 0) throw misplaced(ref);
    this.#machines = header.guests.map(() => new MachineContent());
    this.#lab = { header, content: new LabContent() };
  }

  #count(payload: Uint8Array, { offset }: ChunkRef): void {
    this.#logBytes += payload.length;
    if (this.#logBytes > LOG_BYTES_MAX) {
      throw new FormatError(`the log is too large at byte ${offset}`);
    }
  }
}

function sizeOf(chunks: readonly ChunkRef[]): number {
  return chunks.reduce((sum, { storedBytes }) => sum + FRAME_BYTES + storedBytes, 0);
}

function misplaced({ type, offset }: Pick<ChunkRef, "type" | "offset">): FormatError {
  return new FormatError(`a ${type} chunk at byte ${offset}, where it cannot be`);
}
