/** The whole state of a machine at one cycle, and the machine that it is taken from and put back to. */
import { DRAM } from "../core/hart/layout.ts";
import type { Machine } from "../core/machine.ts";
import type { State } from "../core/state.ts";
import type { LoadedCheckpoint, Stored } from "./stored.ts";
import {
  type Content,
  differences,
  nameStored,
  pageBytes,
  type PageStore,
  storedNumber,
} from "./pages.ts";
import { sameBytes } from "./same_bytes.ts";

const PAGE_BYTES = 4096;

/** State before the inputs of its cycle. */
export interface Checkpoint {
  readonly cycle: number;
  /** Cycles in which some hart acted, since reset: what a replay up to here costs. */
  readonly work: number;
  /** Everything but RAM. */
  readonly state: State;
  readonly content: Content;
}

/** The RAM of one machine, known by what differs from a content of the store. */
export class CheckpointedMachine {
  /** What RAM held when pages were last taken. */
  #content: Content;
  /** Pages written since then, as far as the machine has been asked. */
  readonly #written = new Set<number>();

  /** @param machine fresh: RAM is 0 but for the pages that it names as written */
  constructor(
    readonly machine: Machine,
    readonly store: PageStore,
    zero: Content,
  ) {
    this.#content = store.retain(zero);
  }

  /** Costs the pages written since the last checkpoint. The state must be that before the inputs of its cycle. */
  save(work: number): Checkpoint {
    const { machine, store } = this;
    this.#takePages();
    return {
      cycle: machine.cycle,
      work,
      state: machine.save(),
      content: store.retain(this.#content),
    };
  }

  /** Writes only the pages that differ; returns how many. Throws a RangeError if the state is another machine's. */
  restore(checkpoint: Checkpoint): number {
    const { machine, store } = this;
    const candidates = new Set(this.#collectWritten());
    for (const page of differences(this.#content, checkpoint.content)) candidates.add(page);
    let written = 0;
    for (const page of candidates) {
      if (this.#put(page, pageBytes(checkpoint.content, page))) written++;
    }
    // These writes made RAM what the checkpoint says.
    machine.takeWrittenPages();
    this.#written.clear();
    store.retain(checkpoint.content);
    store.release(this.#content);
    this.#content = checkpoint.content;
    // After RAM: a write from outside ends reservations.
    machine.restore(checkpoint.state);
    return written;
  }

  /**
   * Brings the machine to a state from a file, or to none at all: then a checkpoint must be restored.
   * @param reset what RAM holds at reset
   * @returns what is wrong with it, if something is
   */
  load(
    read: () => LoadedCheckpoint,
    { cycle, digest }: Stored,
    reset: Content,
  ): string | undefined {
    const { machine } = this;
    let loaded: LoadedCheckpoint | undefined;
    try {
      loaded = read();
      const pages = [...loaded.pages];
      this.#requireRoom(pages);
      this.#setRam(loaded, pages, reset);
      machine.restore(loaded.state);
      if (machine.cycle !== cycle) return `its state is that of cycle ${machine.cycle}`;
      const found = machine.digest();
      if (found !== digest) return `its digest is ${found}, and the log has ${digest}`;
      this.#takePages();
      for (const page of pages) nameStored(this.#content, page, loaded.numberOf?.(page));
      return undefined;
    } catch (error) {
      // Whatever a state of wrong shape makes the devices say.
      return error instanceof Error ? error.message : String(error);
    } finally {
      loaded?.close?.();
    }
  }

  /**
   * Goes to the last stored checkpoint at or before a cycle, those that are wrong left out; to reset
   * if there is none.
   * @returns the checkpoint that was loaded
   */
  enter(cycle: number, stored: readonly Stored[], reset: Checkpoint): Stored | undefined {
    for (const candidate of stored.toSorted((a, b) => b.cycle - a.cycle)) {
      if (candidate.cycle > cycle) continue;
      const load = () => candidate.load();
      if (this.load(load, candidate, reset.content) === undefined) return candidate;
    }
    this.restore(reset);
    return undefined;
  }

  /** The machine is used no more. */
  close(): void {
    this.store.release(this.#content);
  }

  #requireRoom(pages: readonly number[]): void {
    const pageCount = this.machine.engine.layout.memoryBytes / PAGE_BYTES;
    for (const page of pages) {
      if (page >= pageCount) throw new RangeError(`page ${page} of ${pageCount}`);
    }
  }

  /** Only what RAM is not known to hold is asked for: a page may have to be decompressed with its neighbours. */
  #setRam(loaded: LoadedCheckpoint, pages: readonly number[], reset: Content): void {
    const written = this.#collectWritten();
    const candidates = new Set([...written, ...differences(this.#content, reset), ...pages]);
    for (const page of candidates) {
      const number = loaded.numberOf?.(page);
      const isThere = number !== undefined && !written.has(page) &&
        storedNumber(this.#content, page) === number;
      if (!isThere) this.#put(page, loaded.page(page) ?? pageBytes(reset, page));
    }
  }

  /** The content is what RAM holds now. */
  #takePages(): void {
    const { machine, store } = this;
    const changes = [...this.#collectWritten()].map((page) => ({
      page,
      hash: machine.pageHash(page),
      bytes: this.#bytesOf(page),
    }));
    const content = store.with(this.#content, changes);
    store.release(this.#content);
    this.#content = content;
    this.#written.clear();
  }

  /** All pages in which RAM may differ from the content. */
  #collectWritten(): ReadonlySet<number> {
    for (const page of this.machine.takeWrittenPages()) this.#written.add(page);
    return this.#written;
  }

  /** Whether it differed: what is there already keeps what was derived from it, such as compiled code. */
  #put(page: number, bytes: Uint8Array): boolean {
    if (sameBytes(bytes, this.#bytesOf(page))) return false;
    return this.machine.memory.write(DRAM + page * PAGE_BYTES, bytes);
  }

  #bytesOf(page: number): Uint8Array {
    return this.machine.memory.view(DRAM + page * PAGE_BYTES, PAGE_BYTES)!;
  }
}
