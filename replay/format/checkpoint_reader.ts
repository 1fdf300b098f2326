/** Finds and loads the checkpoints of a recording, each only when somebody wants it. Source: FORMAT.md, "PAGE" and "CKPT". */
import { partitionPoint } from "../../core/partition_point.ts";
import type { State } from "../../core/state.ts";
import { learnedBytes, type Log, type LogEntry } from "../log.ts";
import type { LoadedCheckpoint } from "../stored.ts";
import { CBOR_BYTES_MAX, decodeCbor, Fields } from "./cbor.ts";
import { CHECKPOINT_HEAD_BYTES, PAGE_BYTES, PAGES_PER_CHUNK } from "./checkpoint_writer.ts";
import { type ChunkRef, decodeFrame, decodePayload, type Frame, FRAME_BYTES } from "./chunk.ts";
import { type ByteSource, type Codec, FormatError } from "./codec.ts";
import { LearnedInputs } from "./learned_bytes.ts";
import { StateReader } from "./state_value.ts";

/** Of 8 GiB of RAM. */
const RAM_PAGES_MAX = 2 ** 21;
const STORED_MAX = 4096;
/** Decompressed PAGE chunks that are kept: pages in a row come from as many as there are checkpoints before. */
const BLOCKS_MAX = 64;

/** A checkpoint of a file, not loaded. */
export interface StoredCheckpoint {
  readonly cycle: number;
  /** Cycles in which some hart acted, since reset. */
  readonly work: number;
  /** Of its state, as the log has it. */
  readonly digest: string;
  readonly chunk: ChunkRef;
}

interface PageChunk {
  readonly chunk: ChunkRef;
  /** The number of its first page. */
  readonly first: number;
  readonly count: number;
}

/** The checkpoints of a file. */
export class CheckpointIndex {
  readonly #found: Omit<StoredCheckpoint, "digest">[] = [];
  readonly #pages: PageChunk[] = [];
  /** What is wrong with some of them, one line each. */
  readonly notes: string[] = [];
  #pageCount = 0;
  #list: readonly StoredCheckpoint[] = [];
  #entries: readonly LogEntry[] = [];
  #learned: LearnedInputs | undefined;

  /** Those that can be checked against the log, ascending. */
  get list(): readonly StoredCheckpoint[] {
    return this.#list;
  }

  /** Notices a PAGE chunk; it is not read. */
  addPages(frame: Frame): void {
    const count = frame.payloadBytes / PAGE_BYTES;
    if (!Number.isInteger(count) || count < 1 || count > PAGES_PER_CHUNK) {
      throw new FormatError(`the PAGE chunk at byte ${frame.offset} has no whole pages`);
    }
    this.#pages.push({ chunk: frame, first: this.#pageCount, count });
    this.#pageCount += count;
  }

  /** Notices a CKPT chunk, of which only the head is looked at. */
  add(chunk: ChunkRef, payload: Uint8Array): void {
    if (payload.length < CHECKPOINT_HEAD_BYTES || this.#found.length >= STORED_MAX) {
      throw new FormatError(`the CKPT chunk at byte ${chunk.offset} is none`);
    }
    const view = new DataView(payload.buffer, payload.byteOffset);
    const cycle = Number(view.getBigUint64(0, true));
    const work = Number(view.getBigUint64(8, true));
    if (!Number.isSafeInteger(cycle) || work > cycle) {
      throw new FormatError(`the CKPT chunk at byte ${chunk.offset} has no such cycle`);
    }
    this.#found.push({ cycle, work, chunk });
  }

  /** Keeps those for whose cycle the log has a digest. */
  finish({ digests, entries }: Pick<Log, "digests" | "entries">): void {
    this.#entries = entries;
    const known = new Map(digests.map(({ cycle, digest }) => [cycle, digest]));
    const list: StoredCheckpoint[] = [];
    for (const found of this.#found.toSorted((a, b) => a.cycle - b.cycle)) {
      const digest = known.get(found.cycle);
      // What lies beyond a cut is of no use.
      if (digest === undefined || list.at(-1)?.cycle === found.cycle) continue;
      list.push({ ...found, digest });
    }
    this.#list = list;
  }

  /** @throws FormatError if it is damaged */
  load(source: ByteSource, codec: Codec, { chunk }: StoredCheckpoint): LoadedCheckpoint {
    const content = readChunk(source, codec, chunk).subarray(CHECKPOINT_HEAD_BYTES);
    const what = `the CKPT chunk at byte ${chunk.offset}`;
    const fields = new Fields(decodeCbor(content, what), what);
    const ram = this.#ram(fields);
    const value = fields.any();
    fields.end();
    const page = this.#pageReader(source, codec);
    this.#learned ??= new LearnedInputs(
      this.#entries.flatMap((it) => it.kind === "input" ? learnedBytes(it.input) ?? [] : []),
    );
    const state = new StateReader(page, this.#learned).read(value);
    if (typeof state !== "object" || !Object.hasOwn(state, "version")) {
      throw new FormatError(`${what} has no state`);
    }
    return {
      state: state as State,
      pages: ram.keys(),
      page: (number) => {
        const stored = ram.get(number);
        return stored === undefined ? undefined : page(stored);
      },
      numberOf: (number) => ram.get(number),
    };
  }

  /** Each page is a copy, so that whoever keeps one does not keep its block. */
  #pageReader(source: ByteSource, codec: Codec): (number: number) => Uint8Array {
    const blocks = new Map<number, Uint8Array>(); // the one used last comes last
    return (number) => {
      const { first, chunk } = this.#chunkOf(number);
      const block = blocks.get(first) ?? readChunk(source, codec, chunk);
      blocks.delete(first);
      blocks.set(first, block);
      if (blocks.size > BLOCKS_MAX) blocks.delete(blocks.keys().next().value!);
      const start = (number - first) * PAGE_BYTES;
      const bytes = block.slice(start, start + PAGE_BYTES);
      if (bytes.length < PAGE_BYTES) throw new FormatError(`page ${number} is not all there`);
      return bytes;
    };
  }

  #ram(fields: Fields): Map<number, number> {
    const ram = new Map<number, number>();
    let page = 0;
    for (const row of fields.rows(RAM_PAGES_MAX)) {
      page += row.whole(RAM_PAGES_MAX);
      const count = row.whole(RAM_PAGES_MAX - Math.min(page, RAM_PAGES_MAX));
      const first = row.whole(this.#pageCount);
      row.end();
      for (let i = 0; i < count; i++) ram.set(page++, first + i);
    }
    return ram;
  }

  #chunkOf(number: number): PageChunk {
    const count = partitionPoint(this.#pages.length, (index) => this.#pages[index].first <= number);
    const found = this.#pages[count - 1];
    if (found === undefined || !(number < found.first + found.count)) {
      throw new FormatError(`page ${number} is not in the file`);
    }
    return found;
  }
}

/** What a CKPT chunk may hold at most. */
export const CHECKPOINT_BYTES_MAX = CHECKPOINT_HEAD_BYTES + CBOR_BYTES_MAX;

function readChunk(source: ByteSource, codec: Codec, chunk: ChunkRef): Uint8Array {
  const bytes = source.read(chunk.offset, FRAME_BYTES + chunk.storedBytes);
  const frame = decodeFrame(bytes, chunk.offset);
  if (frame.storedBytes !== chunk.storedBytes || frame.type !== chunk.type) {
    throw new FormatError(`no ${chunk.type} chunk at byte ${chunk.offset}`);
  }
  const payload = decodePayload(codec, frame, bytes, bytes.subarray(FRAME_BYTES));
  // Pages are compared word by word.
  return payload.byteOffset % 8 === 0 ? payload : payload.slice();
}
