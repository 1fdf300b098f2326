/** A recording's file, written by a thread of its own: compressing must not hold the machine up. */
import {
  type Chunk,
  type ChunkSink,
  type LabStart,
  piecesOf,
  type RecordingStart,
} from "../format/chunk_file.ts";
import { adjoined, joined, lengthOf } from "../format/pieces.ts";
import { RecycledMemory } from "./recycled_memory.ts";
import { createFile, RecordingError } from "./file_sink.ts";

/** Half of what a killed recording may lose at most: the rest is for a late slice and the thread. */
const FLUSH_MS = 50;
/**
 * The machine waits while so much is not yet in the file: of logs and of what the thread is given, and
 * of pages of checkpoints, which lie in memory that both share and may be as many as RAM has.
 */
const PENDING_BYTES_MAX = { given: 64 * 1024 * 1024, pages: 1024 * 1024 * 1024 } as const;
type Lane = keyof typeof PENDING_BYTES_MAX;
/** A thread that gets nothing done for so long is taken for dead. */
const PATIENCE_MS = 60_000;

/** What the thread is told. */
export type FileTask =
  | {
    readonly kind: "open";
    readonly path: string;
    readonly images: string | undefined;
    readonly progress: SharedArrayBuffer;
  }
  | { readonly kind: "start"; readonly start: RecordingStart }
  | { readonly kind: "start-lab"; readonly start: LabStart }
  | FileNote;

/** What is written once a recording has begun. */
export type FileNote =
  | {
    readonly kind: "log";
    readonly chunks: readonly Chunk[];
    readonly firstCycle: number;
    readonly lastCycle: number;
    readonly owner: number;
  }
  | { readonly kind: "aside"; readonly chunk: Chunk; readonly owner: number }
  | {
    readonly kind: "end";
    readonly payload: Uint8Array;
    readonly cycle: number;
    readonly owner: number;
  };

/** What both threads see at once, without a turn of their event loops. */
export class Progress {
  static readonly #ERROR_BYTES_MAX = 4096;
  static readonly #BYTES = { given: 3, pages: 4 } as const;
  static readonly #COUNTS = 6;
  /**
   * Tasks done; length of the error, 0 while there is none; parts of logs done; bytes done, modulo
   * 2^32, of each lane; chunks done that were given aside.
   */
  readonly #counts: Int32Array;
  readonly #error: Uint8Array;

  constructor(
    readonly buffer = new SharedArrayBuffer(4 * Progress.#COUNTS + Progress.#ERROR_BYTES_MAX),
  ) {
    this.#counts = new Int32Array(buffer, 0, Progress.#COUNTS);
    this.#error = new Uint8Array(buffer, 4 * Progress.#COUNTS);
  }

  get tasks(): number {
    return Atomics.load(this.#counts, 0);
  }

  bytes(lane: Lane): number {
    return Atomics.load(this.#counts, Progress.#BYTES[lane]) >>> 0;
  }

  get error(): string | undefined {
    const length = Atomics.load(this.#counts, 1);
    return length === 0 ? undefined : new TextDecoder().decode(this.#error.slice(0, length));
  }

  get parts(): number {
    return Atomics.load(this.#counts, 2);
  }

  partDone(): void {
    Atomics.add(this.#counts, 2, 1);
  }

  get asides(): number {
    return Atomics.load(this.#counts, 5);
  }

  asideDone(): void {
    Atomics.add(this.#counts, 5, 1);
  }

  done(lane: Lane, sizeBytes: number): void {
    Atomics.add(this.#counts, Progress.#BYTES[lane], sizeBytes);
    Atomics.add(this.#counts, 0, 1);
    Atomics.notify(this.#counts, 0);
  }

  fail(message: string): void {
    const { written } = new TextEncoder().encodeInto(message, this.#error);
    Atomics.store(this.#counts, 1, written);
  }

  /** Waits until a further task is done. @returns false if it takes too long */
  wait(tasks: number): boolean {
    return Atomics.wait(this.#counts, 0, tasks, PATIENCE_MS) !== "timed-out";
  }
}

/** The thread takes a while to start: make it early. The file is not there before the recording starts. */
export class FileWriter implements ChunkSink {
  readonly #worker: Worker;
  readonly #progress = new Progress();
  #taskCount = 0;
  /** Modulo 2^32. */
  readonly #bytes = { given: 0, pages: 0 };
  #partCount = 0;
  #asideCount = 0;
  readonly #held = new RecycledMemory(() => this.#progress.parts);
  readonly #startMs = performance.now();
  /** When the last part of each owner's log was given. */
  readonly #writtenMs = new Map<number, number>();

  /** @param images the folder of its {@link ImageCache} */
  constructor(readonly path: string, readonly images?: string) {
    this.#worker = new Worker(new URL("./file_thread.ts", import.meta.url), { type: "module" });
  }

  /** @throws RecordingError if something could not be written */
  isDue(owner = 0): boolean {
    this.#check();
    return performance.now() - (this.#writtenMs.get(owner) ?? this.#startMs) >= FLUSH_MS;
  }

  hold(bytes: Uint8Array, owner = 0): Uint8Array {
    return isShared(bytes) ? bytes : this.#held.copy(bytes, owner);
  }

  /** @throws RecordingError if the file cannot be created */
  start(start: RecordingStart): void {
    this.#create();
    this.#post({ kind: "start", start });
  }

  /** @throws RecordingError if the file cannot be created */
  startLab(start: LabStart): void {
    this.#create();
    this.#post({ kind: "start-lab", start });
  }

  log(parts: readonly Chunk[], firstCycle: number, lastCycle: number, owner = 0): void {
    const chunks = parts.map(compact);
    this.#post({ kind: "log", chunks, firstCycle, lastCycle, owner });
    this.#held.given(owner, ++this.#partCount);
    this.#writtenMs.set(owner, performance.now());
  }

  aside(part: Chunk, owner = 0): void {
    this.#post({ kind: "aside", chunk: compact(part), owner });
    this.#asideCount++;
  }

  written(): () => boolean {
    const count = this.#asideCount;
    return () => this.#progress.asides >= count;
  }

  end(payload: Uint8Array, cycle: number, owner = 0): void {
    this.#post({ kind: "end", payload, cycle, owner });
    this.#wait(() => this.#progress.tasks < this.#taskCount);
  }

  /** What has been given is written first, as far as it can be. */
  close(): void {
    try {
      this.#wait(() => this.#progress.tasks < this.#taskCount);
    } catch (error) {
      // Whoever ended the recording has been told, or has a reason of its own.
      if (!(error instanceof RecordingError)) throw error;
    }
    this.#worker.terminate();
  }

  #create(): void {
    try {
      createFile(this.path);
    } catch (error) {
      this.#worker.terminate();
      throw error;
    }
    const { path, images } = this;
    this.#post({ kind: "open", path, images, progress: this.#progress.buffer });
  }

  #post(task: FileTask): void {
    this.#check();
    const { lane, sizeBytes } = weigh(task);
    this.#wait(() => {
      const pendingBytes = this.pendingBytes(lane);
      return pendingBytes > 0 && pendingBytes + sizeBytes > PENDING_BYTES_MAX[lane];
    });
    this.#taskCount++;
    this.#bytes[lane] = (this.#bytes[lane] + sizeBytes) >>> 0;
    this.#worker.postMessage(task, chunksOf(task).flatMap(({ payload }) => given(payload)));
  }

  /** Not yet compressed. */
  pendingBytes(lane: Lane): number {
    return (this.#bytes[lane] - this.#progress.bytes(lane)) >>> 0;
  }

  #wait(isWaiting: () => boolean): void {
    for (let tasks = this.#progress.tasks; isWaiting(); tasks = this.#progress.tasks) {
      this.#check();
      if (!this.#progress.wait(tasks)) throw new RecordingError(this.path, "its thread is stuck");
    }
    this.#check();
  }

  #check(): void {
    const { error } = this.#progress;
    if (error !== undefined) throw new RecordingError(this.path, error);
  }
}

/** The bytes of a task, and where they count. */
export function weigh(task: FileTask): { readonly lane: Lane; readonly sizeBytes: number } {
  const pieces = chunksOf(task).flatMap(({ payload }) => piecesOf(payload));
  const isPages = task.kind === "aside" && pieces.every(isShared);
  return { lane: isPages ? "pages" : "given", sizeBytes: lengthOf(pieces) };
}

function chunksOf(task: FileTask): readonly Chunk[] {
  if (task.kind === "log") return task.chunks;
  return task.kind === "aside" ? [task.chunk] : [];
}

/** In a form that takes along no more memory than it needs, if any. */
function compact({ type, payload }: Chunk): Chunk {
  if (payload instanceof Uint8Array) return { type, payload };
  return { type, payload: payload.every(isShared) ? adjoined(payload) : joined(payload) };
}

/** The thread sees it where it is. */
function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}

/** What nobody but the thread uses any more. */
function given(payload: Chunk["payload"]): readonly ArrayBuffer[] {
  if (!(payload instanceof Uint8Array) || isShared(payload)) return [];
  return payload.length === payload.buffer.byteLength ? [payload.buffer as ArrayBuffer] : [];
}
