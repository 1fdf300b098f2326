/**
 * Runs a recording again without some of its host events, from the last checkpoint before the first
 * of them, and says whether its failure needs them.
 *
 * The control is the same run with nothing removed: it must come to every digest of the recording, or
 * nothing that such a run shows is worth anything.
 */
import type { Host } from "../core/host.ts";
import { DIGEST_CYCLES, type Machine, type Stop } from "../core/machine.ts";
import { type Checkpoint, CheckpointedMachine } from "./checkpoint.ts";
import { CounterfactualHost } from "./counterfactual_host.ts";
import { DivergenceError } from "./divergence.ts";
import { ForkHost } from "./fork.ts";
import type { Log, LogDigest, LogEnd, LogEntry } from "./log.ts";
import { PageStore } from "./pages.ts";
import { Player } from "./player.ts";
import { BLOCK_BYTES, type ReadImage, Requests } from "./recorded_answers.ts";
import {
  eventEntries,
  firstDifference,
  inputEntry,
  type Kept,
  outages,
  type Removable,
  removalOf,
  withPending,
} from "./removal.ts";
import type { BuildMachine } from "./replayer.ts";
import type { Stored } from "./stored.ts";

export interface CounterfactualOptions {
  readonly log: Log;
  readonly build: BuildMachine;
  readonly stored?: readonly Stored[];
  readonly readImage?: ReadImage;
  /** A run ends so many cycles after the recording did. */
  readonly limitCycles: number;
  /** What the failure is, where the machine stopped; `undefined`: none. By default: how it ended. */
  readonly failureOf?: (stop: Stop, machine: Machine) => string | undefined;
  /** Called where a hart has come to a breakpoint that `build` has set; the run goes on. */
  readonly onBreakpoint?: (hart: number) => void;
}

/** The image of a disk is not the one that was recorded. */
export class ImageMismatch extends Error {
  override readonly name = "ImageMismatch";
}

/** How a run went. */
export interface Course {
  readonly cycle: number;
  readonly digest: string;
  /** In words. */
  readonly end: string;
  readonly failure: string | undefined;
  /** Why it could not go on. */
  readonly unknown: string | undefined;
  /** What would have come besides, and nobody knows: that it fails all the same says nothing. */
  readonly unseen: string | undefined;
  readonly assumptions: readonly string[];
}

/** The same run with nothing removed. */
export interface Control {
  /** It went on from before the inputs of this cycle. */
  readonly from: number;
  /** How many digests were the recording's: all that there are from there on. */
  readonly digestCount: number;
  readonly course: Course;
}

/** A recording whose host events can be taken away. */
export class Counterfactual {
  /** Host events, and links that went down. */
  readonly events: readonly Removable[];
  readonly #options: CounterfactualOptions;
  readonly #entries: readonly LogEntry[];
  readonly #machine: Machine;
  readonly #seam: ForkHost;
  readonly #checkpointed: CheckpointedMachine;
  readonly #reset: Checkpoint;
  /** Where runs begin. */
  #start: Checkpoint;
  #requests!: Requests;

  private constructor(options: CounterfactualOptions, machine: Machine, seam: ForkHost) {
    this.#options = options;
    this.#entries = withPending(options.log.entries);
    this.events = [...eventEntries(this.#entries), ...outages(this.#entries)]
      .sort((a, b) => a.index - b.index);
    this.#machine = machine;
    this.#seam = seam;
    const store = new PageStore();
    const { memoryBytes } = machine.engine.layout;
    this.#checkpointed = new CheckpointedMachine(machine, store, store.zero(memoryBytes));
    this.#reset = this.#start = this.#checkpointed.save(0);
  }

  static async create(options: CounterfactualOptions): Promise<Counterfactual> {
    const seam = new ForkHost();
    const machine = await options.build(seam, (cycle, digest) => seam.onDigest?.(cycle, digest));
    return new Counterfactual(options, machine, seam);
  }

  /**
   * Goes to the last checkpoint before these events could matter, learns from a replay what was asked
   * of the host from there on, and makes the control run.
   * @throws DivergenceError if the replay or the control is not the recording
   * @throws ImageMismatch if an image is not what the recording read
   */
  async begin(events: readonly Removable[]): Promise<Control> {
    this.#enter(Math.min(firstDifference(events), this.#options.log.endCycle));
    const { log } = this.#options;
    const requests = this.#requests = new Requests(this.#machine.save());
    const player = new Player(log, {
      onOutput: (cycle, device, output) => requests.output(cycle, device, output),
    });
    player.rewind(this.#start.cycle);
    await this.#compared(player);
    this.#checkImage();
    const host = this.#host([]);
    const { stop, digestCount } = await this.#compared(host);
    return { from: this.#start.cycle, digestCount, course: this.#course(stop, host) };
  }

  /** One of the events, or an input that came by itself. */
  find(id: string): Removable | undefined {
    return this.events.find((event) => event.id === id) ?? inputEntry(this.#entries, id);
  }

  /** The event that shaped an input. */
  behind(id: string): Removable | undefined {
    const index = this.#entries.findIndex((entry) => entry.id === id);
    return index < 0 ? undefined : this.events.find(({ effect }) => effect === index);
  }

  /** What of these events nobody can undo; `undefined`: nothing. */
  missing(events: readonly Removable[]): string | undefined {
    return removalOf(events, this.#entries).missing;
  }

  /** Where runs begin: {@link without} can take away nothing that matters before. */
  get from(): number {
    return this.#start.cycle;
  }

  /**
   * The run without these events, which must not matter before {@link from}.
   * @param kept of these a part remains
   */
  async without(events: readonly Removable[], kept?: Kept): Promise<Course> {
    const host = this.#host(events, kept);
    this.#restart(host);
    const { endCycle } = this.#options.log;
    const stop = await this.#run(endCycle + this.#options.limitCycles, {
      isOver: () => host.unknown !== undefined,
    });
    return this.#course(stop, host);
  }

  /** An image that has changed since is of no use. All truth is known if all events are taken away. */
  #checkImage(): void {
    const { readImage } = this.#options;
    const conflict = readImage && this.#host(this.events).conflict(readImage);
    if (conflict === undefined) return;
    const block = Math.floor(conflict.offset / BLOCK_BYTES);
    throw new ImageMismatch(
      `block ${block} of ${conflict.device} is another in its image than the recording has read`,
    );
  }

  #host(events: readonly Removable[], kept?: Kept): CounterfactualHost {
    const { readImage } = this.#options;
    const entries = this.#entries;
    const from = this.#start.cycle;
    const removal = removalOf(events, entries, kept);
    return new CounterfactualHost({ entries, from, requests: this.#requests, removal, readImage });
  }

  /** The recording's end, run to with all digests compared. */
  async #compared(host: Host): Promise<{ stop: Stop; digestCount: number }> {
    const { log } = this.#options;
    this.#restart(host);
    const digests: LogDigest[] = [];
    this.#seam.onDigest = (cycle, digest) => digests.push({ cycle, digest });
    const stop = await this.#run(log.endCycle);
    this.#seam.onDigest = undefined;
    if (log.endCycle % DIGEST_CYCLES !== 0 && log.end.reason !== "cut") {
      digests.push({ cycle: this.#machine.cycle, digest: this.#machine.digest() });
    }
    const expected = log.digests.filter(({ cycle }) => cycle > this.#start.cycle);
    for (const [i, { cycle, digest }] of expected.entries()) {
      const found = digests[i];
      if (found?.cycle === cycle && found.digest === digest) continue;
      const what = found === undefined ? "none" : `digest ${found.digest} at cycle ${found.cycle}`;
      throw new DivergenceError(cycle, "machine", `digest ${digest}`, what);
    }
    return { stop, digestCount: expected.length };
  }

  async #run(until: number, options?: Parameters<Machine["run"]>[1]): Promise<Stop> {
    for (;;) {
      const stop = await this.#machine.run(until, options);
      if (stop.reason !== "breakpoint") return stop;
      this.#options.onBreakpoint?.(stop.hart);
    }
  }

  #restart(host: Host): void {
    this.#checkpointed.restore(this.#start);
    this.#seam.host = host;
  }

  #enter(cycle: number): void {
    const { stored = [] } = this.#options;
    const loaded = this.#checkpointed.enter(cycle, stored, this.#reset);
    this.#start = loaded ? this.#checkpointed.save(loaded.work) : this.#reset;
  }

  #course(stop: Stop, host: CounterfactualHost): Course {
    const { failureOf = failureOfStop } = this.#options;
    const { unknown, unseen } = host;
    return {
      cycle: this.#machine.cycle,
      digest: this.#machine.digest(),
      end: describe(stop),
      failure: unknown === undefined ? failureOf(stop, this.#machine) : undefined,
      unknown,
      unseen,
      assumptions: [...host.assumptions],
    };
  }
}

/** How a machine's end fails, if it does. */
export function failureOfEnd(end: LogEnd): string | undefined {
  if (end.reason === "stuck") return failureOfStop({ reason: "stuck" });
  return end.reason === "power" ? failureOfStop(end) : undefined;
}

function failureOfStop(stop: Stop): string | undefined {
  if (stop.reason === "stuck") return "every hart waits, and nothing can come";
  if (stop.reason !== "power" || stop.power.action === "poweroff") return undefined;
  return describe(stop);
}

function describe(stop: Stop): string {
  if (stop.reason === "until") return "it was still running";
  if (stop.reason === "stuck") return "every hart waited, and nothing could come";
  if (stop.reason !== "power") return stop.reason;
  const { action, code } = stop.power;
  if (action === "poweroff") return "the guest powered off";
  return action === "fail" ? `the guest failed with status ${code}` : "the guest was reset";
}
