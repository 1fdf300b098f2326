/**
 * Takes checkpoints of a machine while it is recorded: some on the way, ever farther apart, and at
 * the end the last one that was taken, so that an opened recording begins close to where it ends.
 */
import { DRAM } from "../core/hart/layout.ts";
import type { Machine } from "../core/machine.ts";
import type { State } from "../core/state.ts";

const PAGE_BYTES = 4096;
/** Between the checkpoints that are taken, in cycles in which some hart acts: 0.06 to 0.3 s of replay. */
const GAP = 60_000_000;
/** Between those that are kept, at least. */
const SPACING = 500_000_000;
/** Those that are kept are this part of the way behind each other, so that a long recording has few. */
const SPACING_PART = 1 / 4;

/** A state, before the inputs of its cycle, as it is stored. */
export interface Snapshot {
  readonly cycle: number;
  /** Cycles in which some hart acted, since reset. */
  readonly work: number;
  /** Everything but RAM. */
  readonly state: State;
  /** The pages of RAM written since the snapshot stored before, or since reset. */
  readonly pages: ReadonlyMap<number, WrittenPage | undefined>;
}

/** With its {@link Machine.pageHash}; `undefined` stands for what the page held at reset. */
export interface WrittenPage {
  readonly hash: bigint;
  readonly bytes: Uint8Array;
}

/** Takes snapshots as they are to be kept. */
export interface CheckpointSink {
  /** @returns asks whether the memory of its pages may be used again by now; absent: it never may */
  checkpoint(snapshot: Snapshot): (() => boolean) | undefined | void;
}

export class CheckpointRecorder {
  readonly #machine: Machine;
  readonly #sink: CheckpointSink;
  readonly #gap: number;
  readonly #spacing: number;
  readonly #allocate: (sizeBytes: number) => Uint8Array;
  #work = 0;
  #takenWork = 0;
  #storedWork = 0;
  #taken: Omit<Snapshot, "pages"> | undefined;
  #pages = new Map<number, WrittenPage | undefined>();
  /** The memory of snapshots that are being written, the oldest first. */
  readonly #given: { readonly memory: Uint8Array[]; readonly isWritten: () => boolean }[] = [];
  /** Of those that have been: it is used again, since fresh memory costs more than what is copied there. */
  #free: Uint8Array[] = [];
  /** Pages that hold something at reset; all others hold 0. */
  readonly #loaded: ReadonlySet<number>;
  /** The hash of a page of 0, if RAM has one at reset. */
  readonly #zero: bigint | undefined;

  /**
   * @param machine at reset; the recorder takes its {@link Machine.onActed} and its written pages
   * @param allocate gives memory for pages, whatever it holds
   */
  constructor(
    machine: Machine,
    sink: CheckpointSink,
    { gap = GAP, spacing = SPACING, allocate = (sizeBytes) => new Uint8Array(sizeBytes) }: {
      readonly gap?: number;
      readonly spacing?: number;
      readonly allocate?: (sizeBytes: number) => Uint8Array;
    } = {},
  ) {
    this.#machine = machine;
    this.#sink = sink;
    this.#gap = gap;
    this.#spacing = spacing;
    this.#allocate = allocate;
    // What it boots is in the file already.
    this.#loaded = new Set(machine.takeWrittenPages());
    this.#zero = zeroHash(machine, this.#loaded);
    machine.onActed = (_hart, from, to) => this.#work += to - from;
  }

  /** To be called with each digest that the machine makes: only those states can be checked later. */
  digested(): void {
    if (this.#work - this.#takenWork < this.#gap) return;
    this.#take();
    const spacing = Math.max(this.#spacing, this.#work * SPACING_PART);
    if (this.#work - this.#storedWork >= spacing) this.#store();
  }

  /** The recording ends; to be called before its end is written. */
  finish(): void {
    this.#store();
  }

  #take(): void {
    const machine = this.#machine;
    this.#takenWork = this.#work;
    for (const page of machine.takeWrittenPages()) {
      const now = machine.memory.view(DRAM + page * PAGE_BYTES, PAGE_BYTES)!;
      const known = this.#pages.get(page);
      const hash = machine.pageHash(page);
      if (known?.hash === hash) continue;
      if (hash === this.#zero && !this.#loaded.has(page)) {
        // A kernel clears much more memory than it uses.
        this.#pages.set(page, undefined);
        if (known !== undefined) this.#free.push(known.bytes);
        continue;
      }
      const bytes = known?.bytes ?? this.#memory();
      bytes.set(now);
      this.#pages.set(page, { hash, bytes });
    }
    this.#taken = { cycle: machine.cycle, work: this.#work, state: machine.save() };
  }

  #store(): void {
    if (this.#taken === undefined) return;
    const isWritten = this.#sink.checkpoint({ ...this.#taken, pages: this.#pages });
    if (isWritten) {
      const memory = [...this.#pages.values()].flatMap((page) => page?.bytes ?? []);
      // Taken from its end, so that pages in a row come to lie in a row again.
      this.#given.push({ memory: memory.reverse(), isWritten });
    }
    // What all this time had no use for is the host's again.
    this.#free = [];
    this.#storedWork = this.#taken.work;
    this.#taken = undefined;
    this.#pages = new Map();
  }

  /** Of a page. */
  #memory(): Uint8Array {
    if (this.#free.length === 0 && this.#given[0]?.isWritten()) {
      this.#free = this.#given.shift()!.memory;
    }
    return this.#free.pop() ?? this.#allocate(PAGE_BYTES);
  }
}

function zeroHash(machine: Machine, loaded: ReadonlySet<number>): bigint | undefined {
  const pageCount = machine.engine.layout.memoryBytes / PAGE_BYTES;
  for (let page = 0; page < pageCount; page++) {
    if (!loaded.has(page)) return machine.pageHash(page);
  }
  return undefined;
}
