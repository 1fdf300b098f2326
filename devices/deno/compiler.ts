/** Compiles hot pages on a thread of its own; its answers come through shared memory. */
import type {
  CompiledBatch,
  CompiledPage,
  Compiler,
  HotPage,
} from "../../core/hart/jit/compiler.ts";
import type { EngineShape } from "../../core/hart/engine.ts";

/** A module and what it holds; larger answers are refused. */
const ANSWER_BYTES_MAX = 8 << 20;

/** To the thread. */
export type CompilerTask =
  | { readonly kind: "open"; readonly shape: EngineShape; readonly shared: SharedArrayBuffer }
  | { readonly kind: "compile"; readonly pages: readonly HotPage[] }
  | { readonly kind: "touch"; readonly memory: SharedArrayBuffer };

/** Where the thread puts a module and, as JSON, its pages without their code. */
export class Answer {
  static readonly #STATE = 0;
  static readonly #MODULE_BYTES = 1;
  static readonly #PAGES_BYTES = 2;
  static readonly #HEADER_BYTES = 16;
  static readonly #READY = 1;
  readonly #header: Int32Array;
  readonly #body: Uint8Array;

  constructor(
    readonly shared: SharedArrayBuffer = new SharedArrayBuffer(
      Answer.#HEADER_BYTES + ANSWER_BYTES_MAX,
    ),
  ) {
    this.#header = new Int32Array(shared, 0, Answer.#HEADER_BYTES / 4);
    this.#body = new Uint8Array(shared, Answer.#HEADER_BYTES);
  }

  get isReady(): boolean {
    return Atomics.load(this.#header, Answer.#STATE) === Answer.#READY;
  }

  /** By the thread. A module that is too large is as good as none. */
  give({ bytes, pages }: CompiledBatch): void {
    const json = new TextEncoder().encode(
      JSON.stringify(pages.map(({ regions, kept }) => ({ regions, kept }))),
    );
    const fits = bytes.length + json.length <= ANSWER_BYTES_MAX;
    this.#header[Answer.#MODULE_BYTES] = fits ? bytes.length : 0;
    this.#header[Answer.#PAGES_BYTES] = fits ? json.length : 0;
    if (fits) {
      this.#body.set(bytes);
      this.#body.set(json, bytes.length);
    }
    Atomics.store(this.#header, Answer.#STATE, Answer.#READY);
  }

  /** By whoever asked, with what it asked for. */
  take(asked: readonly HotPage[]): CompiledBatch | undefined {
    const moduleBytes = this.#header[Answer.#MODULE_BYTES];
    const end = moduleBytes + this.#header[Answer.#PAGES_BYTES];
    const bytes = this.#body.slice(0, moduleBytes) as Uint8Array<ArrayBuffer>;
    const json = new TextDecoder().decode(this.#body.slice(moduleBytes, end));
    Atomics.store(this.#header, Answer.#STATE, 0);
    if (moduleBytes === 0) return undefined;
    const answers: Pick<CompiledPage, "regions" | "kept">[] = JSON.parse(json);
    return { bytes, pages: asked.map(({ page, code }, i) => ({ page, code, ...answers[i] })) };
  }
}

/**
 * The side of the machine; {@link close} ends the thread.
 *
 * The thread takes a while to start: make it early, and {@link open} it for a machine.
 */
export class ThreadCompiler implements Compiler {
  readonly batchPages = 8;
  readonly #answer = new Answer();
  readonly #thread: Worker;
  #asked: readonly HotPage[] | undefined;

  constructor() {
    this.#thread = new Worker(new URL("./compiler_thread.ts", import.meta.url), { type: "module" });
    // Without its thread a machine runs on in tier 0.
    this.#thread.addEventListener("error", (event: Event) => event.preventDefault());
  }

  open(shape: EngineShape): this {
    this.#post({ kind: "open", shape, shared: this.#answer.shared });
    return this;
  }

  get isIdle(): boolean {
    return this.#asked === undefined;
  }

  submit(pages: readonly HotPage[]): void {
    this.#asked = pages;
    this.#post({ kind: "compile", pages });
  }

  take(): CompiledBatch | undefined {
    if (!this.#asked || !this.#answer.isReady) return undefined;
    const batch = this.#answer.take(this.#asked);
    this.#asked = undefined;
    return batch;
  }

  /** The thread has time to {@link touchPages} as well. */
  touch(memory: SharedArrayBuffer): void {
    this.#post({ kind: "touch", memory });
  }

  close(): void {
    this.#thread.terminate();
  }

  #post(task: CompilerTask): void {
    this.#thread.postMessage(task);
  }
}
