/** A cursor with a machine of its own. */
import { DRAM, ROM, ROM_BYTES } from "../core/hart/layout.ts";
import type { EngineStatistics } from "../core/machine.ts";
import type { State } from "../core/state.ts";
import type { TimedFault } from "./faults/injected.ts";
import { BranchHost, type ReadBlocks, type UnknownBlocks } from "./branch_host.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type {
  Arrival,
  Branch,
  BranchLog,
  Cursor,
  EventArrival,
  EventKind,
  StopConditions,
} from "./cursor.ts";
import { nextEvent } from "./events.ts";
import type { Log } from "./log.ts";
import { walk } from "./page_walk.ts";
import { Player } from "./player.ts";
import { readRegister, requireWritable, writeRegister } from "./registers.ts";
import { firstHit, type Hit, lastHit } from "./scan.ts";
import { stepBackward, stepForward } from "./step.ts";
import type { Course, Traveller } from "./traveller.ts";

/** What a cursor needs beside its machine. */
export interface CursorOptions {
  readonly log: Pick<Log, "entries" | "endCycle">;
  readonly harts: number;
  /** An empty list for a branch. */
  readonly branchCheckpoints: () => Checkpoints;
  readonly readBlocks?: ReadBlocks;
  /** The cursor is closed; its machine can serve another one. */
  readonly onClose: () => void;
}

interface OpenBranch extends Branch {
  /** Of one on which state may be changed by hand. */
  readonly host: BranchHost | undefined;
  readonly course: Course;
  /** Changed here since a checkpoint was taken. */
  edited: boolean;
}

export class MachineCursor implements Cursor {
  readonly harts: number;
  readonly #traveller: Traveller;
  readonly #options: CursorOptions;
  readonly #recording: { readonly course: Course; readonly host: Traveller["seam"]["host"] };
  #branch: OpenBranch | undefined;
  #closed = false;

  constructor(traveller: Traveller, options: CursorOptions) {
    this.#traveller = traveller;
    this.#options = options;
    this.harts = options.harts;
    this.#recording = { course: traveller.course, host: traveller.seam.host };
  }

  get cycle(): number {
    return this.#traveller.cycle;
  }

  get start(): number {
    return this.#branch?.from ?? 0;
  }

  get end(): number {
    return this.#traveller.course.end;
  }

  /** Replay from reset to here, in cycles in which some hart acted. */
  get work(): number {
    return this.#traveller.work;
  }

  async seek(cycle: number, signal?: AbortSignal): Promise<boolean> {
    const from = this.cycle;
    if (!Number.isSafeInteger(cycle) || cycle < this.start || cycle > this.end) {
      throw new RangeError(`Cycle ${cycle} is not from ${this.start} to ${this.end}`);
    }
    await this.#begin();
    if (await this.#traveller.seek(cycle, signal)) return true;
    await this.#traveller.seek(from);
    return false;
  }

  async step(hart: number, signal?: AbortSignal, conditions?: StopConditions): Promise<Arrival> {
    this.#checkHart(hart);
    const from = this.cycle;
    await this.#begin();
    const outcome = await stepForward(this.#traveller, hart, signal);
    if (outcome === "interrupted") return { reason: "interrupted" };
    const to = this.cycle;
    if (conditions && isAny(conditions)) {
      await this.#traveller.seek(from);
      const hit = await firstHit(this.#traveller, conditions, to, signal);
      if (hit) return hit === "interrupted" ? this.#interrupted(from) : await this.#onward(hit);
      await this.#traveller.seek(to);
    }
    return outcome === "acted" ? { reason: "step", hart } : this.#atEnd();
  }

  async reverseStep(
    hart: number,
    signal?: AbortSignal,
    conditions?: StopConditions,
  ): Promise<Arrival> {
    this.#checkHart(hart);
    const from = this.cycle;
    await this.#begin();
    const outcome = await stepBackward(this.#traveller, hart, signal);
    if (outcome === "interrupted") return this.#interrupted(from);
    const to = outcome === "acted" ? this.cycle : this.start;
    if (conditions && isAny(conditions)) {
      const hit = await lastHit(this.#traveller, conditions, from, signal, to);
      if (hit === "interrupted") return this.#interrupted(from);
      // At a breakpoint where it comes to anyway, the step is just done.
      if (hit && (hit.reason === "watchpoint" || hit.cycle > to)) return await this.#back(hit);
      await this.#traveller.seek(to);
    }
    return outcome === "acted" ? { reason: "step", hart } : await this.#atStart();
  }

  async continue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival> {
    await this.#begin();
    const hit = await firstHit(this.#traveller, conditions, this.end, signal);
    if (hit === "interrupted") {
      await this.#traveller.seek(this.cycle);
      return { reason: "interrupted" };
    }
    return hit ? await this.#onward(hit) : this.#atEnd();
  }

  async reverseContinue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival> {
    const from = this.cycle;
    await this.#begin();
    const hit = await lastHit(this.#traveller, conditions, from, signal);
    if (hit === "interrupted") return this.#interrupted(from);
    return hit ? await this.#back(hit) : await this.#atStart();
  }

  async nextEvent(
    kind: EventKind,
    direction: "next" | "previous",
    signal?: AbortSignal,
  ): Promise<EventArrival> {
    const from = this.cycle;
    await this.#begin();
    // A branch that was changed by hand has no inputs of its own.
    const entries = this.#branch ? this.#branch.log?.entries ?? [] : this.#options.log.entries;
    const cycle = await nextEvent(this.#traveller, entries, kind, direction, signal);
    if (cycle === "interrupted") return this.#interrupted(from);
    if (cycle !== undefined) {
      await this.#traveller.seek(cycle);
      return { reason: "event", kind };
    }
    if (direction === "previous") return await this.#atStart();
    if (this.end < Infinity) await this.#traveller.seek(this.end);
    return this.#atEnd();
  }

  readRegister(hart: number, name: string): bigint {
    this.#checkHart(hart);
    return readRegister(this.#traveller.machine, hart, name);
  }

  writeRegister(hart: number, name: string, value: bigint): void {
    this.#checkHart(hart);
    requireWritable(this.#traveller.machine, hart, name); // before a branch is started
    this.startBranch();
    writeRegister(this.#traveller.machine, hart, name, value);
  }

  translate(hart: number, address: bigint, asSupervisor?: boolean): number | undefined {
    this.#checkHart(hart);
    return walk(this.#traveller.machine, hart, address, asSupervisor);
  }

  readMemory(address: number, sizeBytes: number): Uint8Array | undefined {
    const { memory, engine } = this.#traveller.machine;
    const rom = address >= ROM && sizeBytes >= 0 && address + sizeBytes <= ROM + ROM_BYTES;
    if (!rom) return memory.view(address, sizeBytes)?.slice();
    const first = engine.layout.ram + engine.layout.memoryBytes + address - ROM;
    return engine.bytes.slice(first, first + sizeBytes);
  }

  deviceState(device: string): State | undefined {
    return this.#traveller.machine.devices.get(device)?.save();
  }

  writeMemory(address: number, bytes: Uint8Array): boolean {
    const { memory } = this.#traveller.machine;
    if (!memory.view(address, bytes.length) || address < DRAM) return false;
    this.startBranch();
    return memory.write(address, bytes);
  }

  inject({ device, fault }: Pick<TimedFault, "device" | "fault">): void {
    if (fault.fault === "flip" && !this.#traveller.machine.memory.view(fault.address, 1)) {
      throw new RangeError(`Cannot flip a bit at 0x${fault.address.toString(16)}: not RAM`);
    }
    this.startBranch();
    this.#branch!.host!.inject(this.cycle, { ...fault, device, kind: "fault", request: 0 });
  }

  get branch(): Branch | undefined {
    if (!this.#branch) return undefined;
    const { from, log } = this.#branch;
    return log ? { from, log } : { from };
  }

  /** Reads on this branch of disk blocks that the recording does not hold. */
  get unknownBlocks(): readonly UnknownBlocks[] {
    return this.#branch?.host?.unknownBlocks ?? [];
  }

  startBranch(log?: BranchLog): void {
    if (!this.#branch) return log ? this.#follow(log) : this.#leave();
    if (log || this.#branch.log) {
      throw new RangeError("This branch can no more be changed: return to the recording first");
    }
    this.#branch.edited = true;
    this.#branch.course.end = Infinity;
  }

  /** Leaves the recording for what will happen. */
  #leave(): void {
    const traveller = this.#traveller;
    const { log, readBlocks } = this.#options;
    const host = new BranchHost(log, this.cycle, traveller.machine.save(), readBlocks);
    traveller.seam.host = host;
    this.#open(host, Infinity);
  }

  /** Leaves it for what is known to have happened otherwise. */
  #follow(log: BranchLog): void {
    const player = new Player(log);
    player.rewind(this.cycle);
    this.#traveller.seam.host = player;
    this.#open(undefined, log.endCycle, log);
  }

  #open(host: BranchHost | undefined, end: number, log?: BranchLog): void {
    const course = { checkpoints: this.#options.branchCheckpoints(), end };
    this.#branch = { from: this.cycle, host, log, course, edited: true };
    this.#traveller.course = course;
  }

  async returnFromBranch(): Promise<void> {
    if (!this.#branch) return;
    const { from, course } = this.#branch;
    this.#branch = undefined;
    course.checkpoints.clear();
    const traveller = this.#traveller;
    traveller.course = this.#recording.course;
    traveller.seam.host = this.#recording.host;
    traveller.restore(from);
    traveller.forgetTrail();
    await traveller.seek(from);
  }

  digest(): string {
    return this.#traveller.machine.digest();
  }

  get engine(): EngineStatistics {
    return this.#traveller.machine.engineStatistics;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#branch?.course.checkpoints.clear();
    this.#traveller.course = this.#recording.course;
    this.#traveller.seam.host = this.#recording.host;
    this.#options.onClose();
  }

  // Changes that were made here are part of the branch from now on; what lay after them is not.
  async #begin(): Promise<void> {
    if (this.#closed) throw new TypeError("The cursor is closed");
    if (!this.#branch?.edited) return;
    this.#branch.edited = false;
    const { checkpoints } = this.#branch.course;
    checkpoints.clear(this.cycle);
    checkpoints.changes = [...checkpoints.changes, this.cycle];
    this.#traveller.forgetTrail();
    this.#traveller.checkpoint();
    await this.#traveller.turn();
  }

  #checkHart(hart: number): void {
    if (!Number.isInteger(hart) || hart < 0 || hart >= this.harts) {
      throw new RangeError(`Hart ${hart} is not from 0 to ${this.harts - 1}`);
    }
  }

  async #onward(hit: Hit): Promise<Arrival> {
    await this.#traveller.seek(hit.reason === "breakpoint" ? hit.cycle : hit.cycle + 1);
    return arrival(hit);
  }

  async #back(hit: Hit): Promise<Arrival> {
    await this.#traveller.seek(hit.cycle);
    return arrival(hit);
  }

  #atEnd(): { readonly reason: "end" } {
    // A branch ends where its guest turns itself off, or where nothing can happen any more.
    if (this.#branch?.host) this.#branch.course.end = this.cycle;
    return { reason: "end" };
  }

  async #atStart(): Promise<{ readonly reason: "start" }> {
    await this.#traveller.seek(this.start);
    return { reason: "start" };
  }

  async #interrupted(cycle: number): Promise<{ readonly reason: "interrupted" }> {
    await this.#traveller.seek(cycle);
    return { reason: "interrupted" };
  }
}

function isAny({ breakpoints, watchpoints }: StopConditions): boolean {
  return breakpoints.size > 0 || watchpoints.length > 0;
}

function arrival(hit: Hit): Arrival {
  return hit.reason === "breakpoint"
    ? { reason: "breakpoint", hart: hit.hart }
    : { reason: "watchpoint", hits: hit.hits };
}
