/** Compiles hot pages on a thread of its own; questions and answers go through shared memory. */
import type {
  CompiledBatch,
  CompiledPage,
  Compiler,
  HotPage,
} from "../../core/hart/jit/compiler.ts";
import type { EngineShape } from "../../core/hart/engine.ts";
import { Trail } from "../../core/hart/jit/trail.ts";
import { ProfileFile } from "./profile_file.ts";

/** A question, or a module and what it holds; what is larger is not compiled. */
const BODY_BYTES_MAX = 8 << 20;

/** What the thread is told as a message; questions come through the {@link Exchange}. */
export type CompilerMessage =
  | { readonly kind: "begin"; readonly shared: SharedArrayBuffer }
  | { readonly kind: "open"; readonly shape: EngineShape }
  | { readonly kind: "touch"; readonly memory: SharedArrayBuffer };

/** Pages to be compiled, for a machine of a shape. */
export interface Question {
  readonly shape: EngineShape;
  readonly pages: readonly HotPage[];
}

const STATE = { idle: 0, asked: 1, answered: 2 } as const;

/** What a machine and its compiling thread share: one question, then its answer. */
export class Exchange {
  static readonly #STATE = 0;
  static readonly #BYTES = 1;
  static readonly #JSON_BYTES = 2;
  /** Messages sent since the opening; and both these and questions, for the thread to wait on. */
  static readonly #MESSAGES = 3;
  static readonly #CALLS = 4;
  static readonly #HEADER_BYTES = 32;
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #body: Uint8Array;

  constructor(
    readonly shared: SharedArrayBuffer = new SharedArrayBuffer(
      Exchange.#HEADER_BYTES + BODY_BYTES_MAX,
    ),
  ) {
    this.#header = new Int32Array(shared, 0, Exchange.#HEADER_BYTES / 4);
    this.#body = new Uint8Array(shared, Exchange.#HEADER_BYTES);
  }

  get isIdle(): boolean {
    return Atomics.load(this.#header, Exchange.#STATE) === STATE.idle;
  }

  get isAnswered(): boolean {
    return Atomics.load(this.#header, Exchange.#STATE) === STATE.answered;
  }

  /** By whoever wants pages compiled. */
  ask(shape: EngineShape, pages: readonly HotPage[]): void {
    const bytes = new Uint8Array(pages.reduce((sum, page) => sum + sizeBytes(page), 0));
    let offset = 0;
    for (const { code, slots } of pages) {
      bytes.set(new Uint8Array(code.buffer, code.byteOffset, code.byteLength), offset);
      bytes.set(slots, offset + code.byteLength);
      offset += code.byteLength + slots.length;
    }
    const rest = pages.map(({ page, compiled }) => ({ page, compiled }));
    this.#put(bytes, { shape, pages: rest }, STATE.asked);
    this.#call();
  }

  /** By whoever has sent the thread a message. */
  announceMessage(): void {
    Atomics.add(this.#header, Exchange.#MESSAGES, 1);
    this.#call();
  }

  /** By the thread: how many have been announced. */
  get messages(): number {
    return Atomics.load(this.#header, Exchange.#MESSAGES);
  }

  /** By the thread: waits for a question, or for a message beyond those that it has `seen`. */
  wait(seen: number): void {
    for (;;) {
      const calls = Atomics.load(this.#header, Exchange.#CALLS);
      if (this.isAsked || this.messages > seen) return;
      Atomics.wait(this.#header, Exchange.#CALLS, calls);
    }
  }

  get isAsked(): boolean {
    return Atomics.load(this.#header, Exchange.#STATE) === STATE.asked;
  }

  /** By the thread: what has been asked. */
  question(): Question {
    const { bytes, json: { shape, pages } } = this.#take<{
      shape: EngineShape;
      pages: Omit<HotPage, "code" | "slots">[];
    }>();
    let offset = 0;
    const hot = pages.map((page) => {
      const code = new Uint16Array(bytes.buffer, offset, HALFWORDS);
      const slots = new Uint8Array(bytes.buffer, offset + code.byteLength, HALFWORDS);
      offset += code.byteLength + slots.length;
      return { ...page, code, slots };
    });
    return { shape, pages: hot };
  }

  /** By the thread. A module that is too large is as good as none. */
  answer({ bytes, pages }: CompiledBatch): void {
    this.#put(bytes, pages.map(({ regions, kept }) => ({ regions, kept })), STATE.answered);
  }

  /** By whoever asked, with what it asked for. */
  take(asked: readonly HotPage[]): CompiledBatch | undefined {
    const { bytes, json } = this.#take<Pick<CompiledPage, "regions" | "kept">[]>();
    Atomics.store(this.#header, Exchange.#STATE, STATE.idle);
    if (json.length < asked.length) return undefined;
    return { bytes, pages: asked.map(({ page, code }, i) => ({ page, code, ...json[i] })) };
  }

  #call(): void {
    Atomics.add(this.#header, Exchange.#CALLS, 1);
    Atomics.notify(this.#header, Exchange.#CALLS);
  }

  #put(bytes: Uint8Array, rest: unknown, state: number): void {
    const json = new TextEncoder().encode(JSON.stringify(rest));
    const fits = bytes.length + json.length <= BODY_BYTES_MAX;
    this.#header[Exchange.#BYTES] = fits ? bytes.length : 0;
    this.#header[Exchange.#JSON_BYTES] = fits ? json.length : 0;
    if (fits) {
      this.#body.set(bytes);
      this.#body.set(json, bytes.length);
    }
    Atomics.store(this.#header, Exchange.#STATE, state);
  }

  #take<T>(): { bytes: Uint8Array<ArrayBuffer>; json: T } {
    const end = this.#header[Exchange.#BYTES];
    const bytes = this.#body.slice(0, end) as Uint8Array<ArrayBuffer>;
    const json = this.#body.slice(end, end + this.#header[Exchange.#JSON_BYTES]);
    return { bytes, json: JSON.parse(new TextDecoder().decode(json) || "[]") };
  }
}

/** Of a page of code. */
const HALFWORDS = 2048;

function sizeBytes({ code, slots }: HotPage): number {
  return code.byteLength + slots.length;
}

/**
 * Makes compilers for machines, which share a thread; {@link close} ends it.
 *
 * The thread takes a while to start: make it early, and {@link open} it for each machine.
 */
export class ThreadCompiler {
  readonly #exchange = new Exchange();
  readonly #profile: ProfileFile | undefined;
  readonly #thread: Worker;
  readonly #last: LastAsker = {};
  readonly #trails: Trail[] = [];

  /** @param profilePath where it keeps what is hot, from one process to the next */
  constructor(profilePath?: string) {
    this.#thread = new Worker(new URL("./compiler_thread.ts", import.meta.url), { type: "module" });
    // Without its thread a machine runs on in tier 0.
    this.#thread.addEventListener("error", (event: Event) => event.preventDefault());
    this.#post({ kind: "begin", shared: this.#exchange.shared });
    // While the thread starts.
    this.#profile = profilePath === undefined ? undefined : new ProfileFile(profilePath);
  }

  open(shape: EngineShape): Compiler {
    this.#post({ kind: "open", shape });
    this.#exchange.announceMessage();
    return new Asker(this.#exchange, this.#trail(shape), this.#last, shape);
  }

  /** The thread has time to {@link touchPages} as well. */
  touch(memory: SharedArrayBuffer): void {
    this.#post({ kind: "touch", memory });
    this.#exchange.announceMessage();
  }

  close(): void {
    this.#thread.terminate();
    this.#exchange.announceMessage(); // as long as it waits it does not end, nor does the process
    for (const trail of this.#trails) trail.end();
    this.#profile?.save();
  }

  // A profile says nothing of what must not be compiled where an engine lints.
  #trail({ linting }: EngineShape): Trail | undefined {
    if (this.#profile === undefined || linting) return undefined;
    const trail = new Trail(this.#profile.profile);
    this.#trails.push(trail);
    return trail;
  }

  #post(message: CompilerMessage): void {
    this.#thread.postMessage(message);
  }
}

/** Whose question is the last one. */
interface LastAsker {
  asker?: Asker;
}

/** One machine's. An answer that nobody has fetched is lost to the next question. */
class Asker implements Compiler {
  readonly batchPages = 8;
  #asked: readonly HotPage[] = [];

  constructor(
    readonly exchange: Exchange,
    readonly trail: Trail | undefined,
    readonly last: LastAsker,
    readonly shape: EngineShape,
  ) {}

  /** Another machine may have left an answer where it is. */
  get isIdle(): boolean {
    return this.exchange.isIdle || this.exchange.isAnswered && this.last.asker !== this;
  }

  submit(pages: readonly HotPage[]): void {
    this.last.asker = this;
    this.#asked = pages;
    this.exchange.ask(this.shape, pages);
  }

  take(): CompiledBatch | undefined {
    if (this.last.asker !== this || !this.exchange.isAnswered) return undefined;
    return this.exchange.take(this.#asked);
  }
}
