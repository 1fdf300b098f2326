/** A machine that moves about in time, on one course of execution. */
import type { Machine, Stop } from "../core/machine.ts";
import type { Checkpoint, CheckpointedMachine } from "./checkpoint.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { StopConditions } from "./cursor.ts";
import type { Seam } from "./seam.ts";
import type { Stored, StoredList } from "./stored.ts";
import { type Acted, Trail } from "./trail.ts";

/** What a traveller can reach. */
export interface Course {
  /** The first holds the course's start. */
  readonly checkpoints: Checkpoints;
  /** Checkpoints that a recording brings along. */
  readonly stored?: StoredList;
  /** The last cycle; `Infinity` where none is known yet. */
  end: number;
}

/** The outcome of going forward. */
export type Advance = Stop | { readonly reason: "interrupted" };

/** After so many idle cycles nothing will ever happen on a branch. */
const IDLE_CYCLES_MAX = 1e11;
/** Runs through idle time after which the event loop turns. */
const IDLE_RUNS_MAX = 256;
/** Of so many checkpoints one is left where nobody will look at the others. */
const SPARSE = 4;
const NO_CONDITIONS: StopConditions = { breakpoints: new Set(), watchpoints: [] };

export class Traveller {
  /** Cycles in which some hart acted, from reset to here. */
  work = 0;
  /** Sees the stretches that are run through. */
  onActed: ((acted: Acted) => void) | undefined;
  /** From some checkpoint at or before here to here, or beyond. */
  trail: Trail;
  /** The state is the one before the inputs of this cycle, as a run to here leaves it. */
  #settled = true;
  #armed = NO_CONDITIONS;
  /** Work between two checkpoints that are left on the way: {@link spacing} or a multiple. */
  #stride: number;
  /** Where it paused last, or had a checkpoint. */
  #lastWork = 0;

  /**
   * @param spacing work between two automatic checkpoints
   * @param turn lets the event loop turn
   */
  constructor(
    readonly checkpointed: CheckpointedMachine,
    readonly seam: Seam,
    public course: Course,
    readonly spacing: number,
    readonly turn: () => Promise<void>,
    readonly harts: number,
  ) {
    this.trail = new Trail(0, harts);
    this.#stride = spacing;
    checkpointed.machine.onActed = (hart, from, to, traps, interrupts) => {
      const acted = { hart, from, to, traps, interrupts };
      this.work += to - from;
      this.trail.add(acted);
      this.onActed?.(acted);
    };
  }

  get machine(): Machine {
    return this.checkpointed.machine;
  }

  get cycle(): number {
    return this.machine.cycle;
  }

  /** Takes a checkpoint here, unless there is one. */
  checkpoint(): void {
    const { checkpoints } = this.course;
    this.#lastWork = this.work;
    if (checkpoints.atOrBefore(this.cycle)?.cycle === this.cycle) return;
    this.seam.host.mark?.(this.cycle);
    checkpoints.add(this.checkpointed.save(this.work));
  }

  /**
   * The last checkpoint at or before a cycle; a stored one is taken in first if that saves replay.
   * The machine may be anywhere afterwards.
   */
  nearest(cycle: number): Checkpoint | undefined {
    const { checkpoints } = this.course;
    const stored = this.#stored(cycle, checkpoints.atOrBefore(cycle)?.work ?? 0);
    if (stored) this.#takeIn(stored);
    return checkpoints.atOrBefore(cycle);
  }

  /** Goes to the last checkpoint at or before a cycle, wherever it is now. */
  restore(cycle: number): void {
    const checkpoint = this.course.checkpoints.atOrBefore(cycle);
    if (!checkpoint) throw new RangeError(`Cycle ${cycle} is before the start`);
    this.checkpointed.restore(checkpoint);
    this.seam.host.rewind(checkpoint.cycle);
    this.work = this.#lastWork = checkpoint.work;
    this.#settled = true;
    const { from, to } = this.trail;
    if (checkpoint.cycle < from || checkpoint.cycle > to) this.forgetTrail();
  }

  /** Another course: what happened before here is not known. */
  forgetTrail(): void {
    this.trail = new Trail(this.cycle, this.harts);
  }

  /** Goes to a cycle exactly. @returns false if the signal fired first */
  async seek(cycle: number, signal?: AbortSignal): Promise<boolean> {
    if (this.cycle === cycle && this.#settled) return true;
    const nearest = this.course.checkpoints.atOrBefore(cycle);
    const canGoOn = this.cycle < cycle && this.cycle >= (nearest?.cycle ?? 0);
    const stored = this.#stored(cycle, canGoOn ? this.work : nearest?.work ?? 0);
    if (stored) this.#takeIn(stored);
    if (stored || !canGoOn) this.restore(cycle);
    return (await this.advance(cycle, signal)).reason !== "interrupted";
  }

  /** Leaves fewer checkpoints on the way while an action lasts that goes far: together they cost a tenth of a replay. */
  async sparsely<T>(action: () => Promise<T>): Promise<T> {
    this.#stride = this.spacing * SPARSE;
    try {
      return await action();
    } finally {
      this.#stride = this.spacing;
    }
  }

  /** What stops {@link advance} from now on. */
  arm(conditions: StopConditions): void {
    this.#armed = conditions;
    this.machine.setBreakpoints(conditions.breakpoints);
    this.machine.setWatchpoints(conditions.watchpoints);
  }

  disarm(): void {
    this.arm(NO_CONDITIONS);
  }

  /** Goes forward to a cycle or to a stop, and leaves checkpoints on the way. Power actions do not stop it before the course's end. */
  async advance(until: number, signal?: AbortSignal, stopAtOnce = false): Promise<Advance> {
    const from = this.cycle;
    let [lastActed, lastWork, idleRuns] = [from, this.work, 0];
    for (;;) {
      if (signal?.aborted) return { reason: "interrupted" };
      const due = Math.max(1, this.spacing - (this.work - this.#lastWork));
      const change = this.course.checkpoints.changes.find((cycle) => cycle > this.cycle);
      const stop = await this.machine.run(Math.min(until, change ?? until, this.cycle + due), {
        stopAtOnce: stopAtOnce || this.cycle > from,
      });
      this.trail.to = Math.max(this.trail.to, this.cycle);
      this.#settled = !(stop.reason === "breakpoint" && stop.begun);
      if (this.cycle === change) this.#change();
      if (stop.reason === "breakpoint" || stop.reason === "watchpoint") return stop;
      if (stop.reason === "stuck") return stop;
      // A branch ends where the guest turns itself off.
      if (stop.reason === "power" && this.course.end === Infinity) return stop;
      if (stop.reason === "until" && this.cycle >= until) return stop;
      if (stop.reason === "until" && this.work - this.#lastWork >= this.spacing) {
        this.#checkpointIfFar();
        await this.turn();
      }
      if (this.work > lastWork) [lastActed, lastWork, idleRuns] = [this.cycle, this.work, 0];
      else if (++idleRuns % IDLE_RUNS_MAX === 0) await this.turn();
      if (this.course.end === Infinity && this.cycle - lastActed > IDLE_CYCLES_MAX) {
        return { reason: "stuck" };
      }
    }
  }

  // Comes to where state was changed by hand: the checkpoint holds it as it was then.
  #change(): void {
    const armed = this.#armed;
    this.disarm();
    this.restore(this.cycle);
    this.arm(armed);
  }

  // Not worth its while if the replay that it saves is shorter than from one checkpoint to the next.
  #stored(cycle: number, work: number): Stored | undefined {
    const stored = this.course.stored?.atOrBefore(cycle);
    return stored && stored.work - work >= this.spacing ? stored : undefined;
  }

  #takeIn(stored: Stored): void {
    const { checkpointed, course } = this;
    const reset = course.checkpoints.all[0].content; // of the start, which is never dropped
    const problem = checkpointed.load(() => stored.load(), stored, reset);
    if (problem === undefined) {
      this.seam.host.mark?.(stored.cycle);
      course.checkpoints.add(checkpointed.save(stored.work));
    } else course.stored!.drop(stored, problem);
  }

  #checkpointIfFar(): void {
    const before = this.course.checkpoints.atOrBefore(this.cycle);
    const gap = this.work - (before?.work ?? 0);
    if (gap >= this.#stride) this.checkpoint();
    else this.#lastWork = this.work - gap % this.spacing;
  }
}
