/** The whole state of a machine at one cycle, and the machine that it is taken from and put back to. */
import { DRAM } from "../core/hart/layout.ts";
import type { Machine } from "../core/machine.ts";
import type { State } from "../core/state.ts";
import type { LoadedCheckpoint, Stored } from "./stored.ts";
import { type Content, differences, pageBytes, type PageStore, sameBytes } from "./pages.ts";

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
    const changes = [...machine.takeWrittenPages()].map((page) => ({
      page,
      hash: machine.pageHash(page),
      bytes: this.#bytesOf(page),
    }));
    const content = store.with(this.#content, changes);
    store.release(this.#content);
    this.#content = content;
    return {
      cycle: machine.cycle,
      work,
      state: machine.save(),
      content: store.retain(content),
    };
  }

  /** Writes only the pages that differ; returns how many. Throws a RangeError if the state is another machine's. */
  restore(checkpoint: Checkpoint): number {
    const { machine, store } = this;
    const candidates = new Set(machine.takeWrittenPages());
    for (const page of differences(this.#content, checkpoint.content)) candidates.add(page);
    let written = 0;
    for (const page of candidates) {
      const bytes = pageBytes(checkpoint.content, page);
      if (sameBytes(bytes, this.#bytesOf(page))) continue;
      machine.memory.write(DRAM + page * PAGE_BYTES, bytes);
      written++;
    }
    // These writes made RAM what the checkpoint says.
    machine.takeWrittenPages();
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
      const numbers = [...loaded.pages];
      this.#requireRoom(numbers);
      const pages = new Map(numbers.map((page) => [page, loaded!.page(page)!]));
      this.#setRam(pages, reset);
      machine.restore(loaded.state);
      if (machine.cycle !== cycle) return `its state is that of cycle ${machine.cycle}`;
      const found = machine.digest();
      return found === digest ? undefined : `its digest is ${found}, and the log has ${digest}`;
    } catch (error) {
      // Whatever a state of wrong shape makes the devices say.
      return error instanceof Error ? error.message : String(error);
    } finally {
      loaded?.close?.();
    }
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

  // Nothing here may throw once the written pages are taken: they would be forgotten.
  #setRam(pages: ReadonlyMap<number, Uint8Array>, reset: Content): void {
    const { machine } = this;
    const stale = new Set(machine.takeWrittenPages());
    for (const page of differences(this.#content, reset)) stale.add(page);
    // Written even if they hold the right bytes already, so that they are among the written ones again.
    for (const page of stale) {
      machine.memory.write(DRAM + page * PAGE_BYTES, pages.get(page) ?? pageBytes(reset, page));
    }
    for (const [page, bytes] of pages) {
      if (stale.has(page) || sameBytes(bytes, this.#bytesOf(page))) continue;
      machine.memory.write(DRAM + page * PAGE_BYTES, bytes);
    }
  }

  #bytesOf(page: number): Uint8Array {
    return this.machine.memory.view(DRAM + page * PAGE_BYTES, PAGE_BYTES)!;
  }
}
