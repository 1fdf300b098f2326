/**
 * A machine at a cycle from which it goes on in many ways. What came before is run once; each way
 * is then an ordinary machine with an ordinary log, which begins at reset.
 */
import type { Host } from "../core/host.ts";
import { DIGEST_CYCLES, type Machine } from "../core/machine.ts";
import type { State } from "../core/state.ts";
import { requestsOf } from "./branch_host.ts";
import { type Checkpoint, CheckpointedMachine } from "./checkpoint.ts";
import type { Snapshot } from "./checkpoint_recorder.ts";
import { ForwardingHost } from "./forwarding_host.ts";
import type { LogPart } from "./log.ts";
import { type Content, differences, pageBytes, PageStore } from "./pages.ts";
import type { BuildMachine } from "./replayer.ts";

const PAGE_BYTES = 4096;

/** All that a machine needs to go on from here; it can be sent to another thread. */
export interface ForkPoint {
  /** A multiple of {@link DIGEST_CYCLES}: the log has a digest there. */
  readonly cycle: number;
  readonly digest: string;
  /** Cycles in which some hart acted, since reset. */
  readonly work: number;
  /** Everything but RAM. */
  readonly state: State;
  /** The numbers of the pages that are not as at reset, and what they hold, in shared memory. */
  readonly pages: readonly number[];
  readonly bytes: Uint8Array;
  /** The log up to here. */
  readonly log: LogPart;
}

/** What a machine that is forked is connected to, while the host behind it changes. */
export class ForkHost extends ForwardingHost {
  /** Told of each digest. */
  onDigest: ((cycle: number, digest: string) => void) | undefined;
  host!: Host;
}

/** A machine that comes to a fork, or goes on from one. */
export class ForkedMachine {
  /** Cycles in which some hart has acted, since reset. */
  work = 0;
  readonly #reset: Content;
  readonly #checkpointed: CheckpointedMachine;
  #fork: Checkpoint | undefined;

  private constructor(readonly machine: Machine, readonly seam: ForkHost) {
    const store = new PageStore();
    const { memoryBytes } = machine.engine.layout;
    this.#checkpointed = new CheckpointedMachine(machine, store, store.zero(memoryBytes));
    this.#reset = this.#checkpointed.save(0).content;
    machine.onActed = (_hart, from, to) => this.work += to - from;
  }

  /** A machine at reset, which needs a host before it runs. */
  static async create(build: BuildMachine): Promise<ForkedMachine> {
    const seam = new ForkHost();
    const machine = await build(seam, (cycle, digest) => seam.onDigest?.(cycle, digest));
    return new ForkedMachine(machine, seam);
  }

  /**
   * Whether the machine can fork here: at the cycle of a digest, and with no request in flight,
   * whose answer the host would owe to each fork.
   */
  get canFork(): boolean {
    const { cycle } = this.machine;
    return cycle > 0 && cycle % DIGEST_CYCLES === 0 && requestsOf(this.machine.save()).length === 0;
  }

  /** All that is needed to go on from here. @param log up to here */
  point(log: LogPart): ForkPoint {
    const { machine, work } = this;
    const { content, state } = this.#checkpointed.save(work);
    const pages = [...differences(this.#reset, content)];
    const bytes = new Uint8Array(new SharedArrayBuffer(pages.length * PAGE_BYTES));
    pages.forEach((page, index) => bytes.set(pageBytes(content, page), index * PAGE_BYTES));
    return { cycle: machine.cycle, digest: machine.digest(), work, state, pages, bytes, log };
  }

  /** Brings a machine at reset to a fork. @throws RangeError if the point is none of such a machine */
  enter(point: ForkPoint): void {
    const pages = new Map(
      point.pages.map((page, index) => [
        page,
        point.bytes.slice(index * PAGE_BYTES, (index + 1) * PAGE_BYTES),
      ]),
    );
    const read = () => ({
      state: point.state,
      pages: pages.keys(),
      page: (page: number) => pages.get(page),
    });
    const problem = this.#checkpointed.load(read, { ...point, load: read }, this.#reset);
    if (problem !== undefined) throw new RangeError(`Cannot go on from a fork: ${problem}`);
    this.#fork = this.#checkpointed.save(point.work);
    this.work = point.work;
  }

  /** Puts the machine back to the fork that it entered, connected to another host from there on. */
  restart(host: Host): void {
    this.seam.host = host;
    this.seam.onDigest = undefined;
    this.#checkpointed.restore(this.#fork!);
    this.work = this.#fork!.work;
  }

  /** The fork as a recording stores it. */
  snapshot(): Snapshot {
    const { cycle, work, state, content } = this.#fork!;
    const pages = [...differences(this.#reset, content)].map((page) =>
      [page, { hash: this.machine.pageHash(page), bytes: pageBytes(content, page) }] as const
    );
    return { cycle, work, state, pages: new Map(pages) };
  }
}
