/** A recording, its checkpoints, and the cursors that move about in it. */
import type { Host } from "../core/host.ts";
import type { Machine } from "../core/machine.ts";
import type { ReadBlocks } from "./branch_host.ts";
import { CheckpointedMachine } from "./checkpoint.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Log } from "./log.ts";
import { MachineCursor } from "./machine_cursor.ts";
import { type Content, PageStore } from "./pages.ts";
import { Player } from "./player.ts";
import { type Stored, StoredList } from "./stored.ts";
import { Seam, type SeekableHost } from "./seam.ts";
import { type Course, Traveller } from "./traveller.ts";

export interface TimelineOptions {
  readonly log: Pick<Log, "entries" | "endCycle">;
  /** A machine as the recording's was at reset, on the given host. */
  readonly createMachine: (host: Host) => Promise<Machine>;
  readonly harts: number;
  /** For all checkpoints, all machines of cursors and the recording together; 1 GiB by default. */
  readonly budgetBytes?: number;
  /** What the recording takes in memory whatever a timeline does: its log and images. */
  readonly recordingBytes?: number;
  /** Between automatic checkpoints, in cycles in which some hart acts; 4 million by default, which is 15 to 40 ms of replay. */
  readonly spacing?: number;
  /** Lets the event loop turn, so that a signal can fire; called at least every few milliseconds of work. */
  readonly turn?: () => Promise<void>;
  /** For branches: what a disk holds where the recording has no copy. */
  readonly readBlocks?: ReadBlocks;
  /** Checkpoints that the recording brings along. */
  readonly stored?: readonly Stored[];
  /** Told of a stored checkpoint that is wrong and is not used, and why. */
  readonly onDropped?: (cycle: number, why: string) => void;
  /** Answers the machine of a cursor; a {@link Player} of the log by default. */
  readonly createHost?: () => SeekableHost;
}

const BUDGET_BYTES = 2 ** 30;
const SPACING = 4_000_000;
/** Checkpoints have at least this part of the budget, however many cursors there are. */
const CHECKPOINTS_SHARE_MIN = 1 / 4;

export class Timeline {
  readonly start = 0;
  /** The recording's last cycle. */
  readonly end: number;
  readonly checkpoints: Checkpoints;
  readonly #options: TimelineOptions;
  readonly #store = new PageStore();
  readonly #course: Course;
  #zero: Content | undefined;
  /** Machines that no cursor uses now. */
  readonly #free: Traveller[] = [];
  readonly #cursors = new Set<MachineCursor>();
  #machineCount = 0;
  #machineBytes = 0;

  constructor(options: TimelineOptions) {
    this.#options = options;
    this.end = options.log.endCycle;
    this.checkpoints = this.#newCheckpoints();
    const stored = new StoredList(options.stored ?? [], options.onDropped);
    this.#course = { checkpoints: this.checkpoints, stored, end: this.end };
  }

  /** What checkpoints, machines and the recording take now, in bytes. */
  get sizeBytes(): number {
    return this.checkpoints.sizeBytes + this.#machineBytes * this.#machineCount +
      this.#recordingBytes;
  }

  /**
   * A cursor of its own for each client.
   * @throws RangeError if the budget has no room for one machine more
   */
  async cursor(cycle = this.start): Promise<MachineCursor> {
    const traveller = this.#free.pop() ?? await this.#newTraveller();
    const cursor: MachineCursor = new MachineCursor(traveller, {
      log: this.#options.log,
      harts: this.#options.harts,
      branchCheckpoints: () => this.#newCheckpoints(),
      readBlocks: this.#options.readBlocks,
      onClose: () => {
        this.#cursors.delete(cursor);
        this.#free.push(traveller);
      },
    });
    this.#cursors.add(cursor);
    traveller.restore(this.start);
    await cursor.seek(cycle);
    return cursor;
  }

  /** Closes all cursors and drops all checkpoints. */
  close(): void {
    for (const cursor of this.#cursors) cursor.close();
    for (const { checkpointed } of this.#free.splice(0)) checkpointed.close();
    this.#machineCount = 0;
    this.checkpoints.clear();
  }

  get #budgetBytes(): number {
    return this.#options.budgetBytes ?? BUDGET_BYTES;
  }

  get #recordingBytes(): number {
    return this.#options.recordingBytes ?? 0;
  }

  #newCheckpoints(): Checkpoints {
    const budget = () =>
      Math.max(
        this.#budgetBytes - this.#recordingBytes - this.#machineBytes * this.#machineCount,
        this.#budgetBytes * CHECKPOINTS_SHARE_MIN,
      );
    const focuses = () => [...this.#cursors].map((cursor) => cursor.work);
    return new Checkpoints(this.#store, budget, focuses, this.#options.spacing ?? SPACING);
  }

  async #newTraveller(): Promise<Traveller> {
    const { log, createMachine, createHost, harts, spacing = SPACING } = this.#options;
    const room = this.#budgetBytes * (1 - CHECKPOINTS_SHARE_MIN) - this.#recordingBytes;
    if (this.#machineCount > 0 && this.#machineBytes * (this.#machineCount + 1) > room) {
      throw new RangeError(
        `No room for a machine more: ${this.#machineCount} of ${this.#machineBytes} bytes are in ` +
          `use beside ${this.#recordingBytes} of the recording, and the budget is ` +
          `${this.#budgetBytes} bytes`,
      );
    }
    const seam = new Seam(createHost?.() ?? new Player(log));
    const machine = await createMachine(seam);
    const { engine } = machine;
    this.#zero ??= this.#store.zero(engine.layout.memoryBytes);
    this.#machineBytes = engine.bytes.length;
    this.#machineCount++;
    const checkpointed = new CheckpointedMachine(machine, this.#store, this.#zero);
    const turn = this.#options.turn ?? (() => Promise.resolve());
    const traveller = new Traveller(checkpointed, seam, this.#course, spacing, turn, harts);
    traveller.checkpoint();
    return traveller;
  }
}
