/** A position in a recording: what every client of the debugger holds, one each. */
import type { EngineStatistics, WatchHit } from "../core/machine.ts";
import type { TimedFault } from "./faults/injected.ts";
import type { State } from "../core/state.ts";
import type { Log } from "./log.ts";

/** Where a continue, forward or backward, shall stop. Hit conditions are the debugger's business. */
export interface StopConditions {
  /** Virtual addresses of instructions, on any hart. */
  readonly breakpoints: ReadonlySet<bigint>;
  /** Physical ranges in RAM. */
  readonly watchpoints: readonly {
    readonly address: number;
    readonly sizeBytes: number;
    readonly kind: "read" | "write" | "access";
  }[];
}

/** Why a cursor stopped where it is. */
export type Arrival =
  | { readonly reason: "breakpoint"; readonly hart: number }
  /** Forward: after the accessing cycle. Backward: before it, so that a step makes the access. */
  | { readonly reason: "watchpoint"; readonly hits: readonly WatchHit[] }
  /** A step is done. */
  | { readonly reason: "step"; readonly hart: number }
  /** The first or the last cycle of the recording, or of the branch. */
  | { readonly reason: "start" | "end" }
  /** The caller's signal fired. */
  | { readonly reason: "interrupted" };

/**
 * What a cursor can look for. `input`: something came in from outside. `interrupt`, `trap`: a hart
 * takes an interrupt, or an exception. `console`: a line of console output is complete.
 */
export type EventKind = "input" | "interrupt" | "trap" | "console";

/** Where an event was found: the cursor stands before its cycle, so that a step makes it happen. */
export type EventArrival =
  | { readonly reason: "event"; readonly kind: EventKind }
  | Extract<Arrival, { reason: "start" | "end" | "interrupted" }>;

/** All that came in until the end of a branch, from reset on. */
export type BranchLog = Pick<Log, "entries" | "endCycle">;

/** What a cursor is on that has left the recording. */
export interface Branch {
  readonly from: number;
  /** Absent: state was, or may be, changed by hand. */
  readonly log?: BranchLog;
}

/** A machine at a cycle of a recording. Calls do not overlap: await each. */
export interface Cursor {
  /** State is that before the inputs of this cycle. */
  readonly cycle: number;
  readonly harts: number;
  /** First and last cycle that can be reached; the end of a branch is `Infinity` until it is known. */
  readonly start: number;
  readonly end: number;
  /** Goes to a cycle exactly; false, and stays, if the signal fires first. Throws a RangeError outside start to end. */
  seek(cycle: number, signal?: AbortSignal): Promise<boolean>;
  /** Goes to just after the next cycle in which that hart acts, unless a condition holds on the way. */
  step(hart: number, signal?: AbortSignal, conditions?: StopConditions): Promise<Arrival>;
  /** Goes to just before the greatest earlier cycle in which that hart acted, unless a condition holds on the way. */
  reverseStep(hart: number, signal?: AbortSignal, conditions?: StopConditions): Promise<Arrival>;
  continue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival>;
  reverseContinue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival>;
  /** Goes to the nearest cycle after (`next`) or before (`previous`) this one in which such an event happens. */
  nextEvent(
    kind: EventKind,
    direction: "next" | "previous",
    signal?: AbortSignal,
  ): Promise<EventArrival>;
  /**
   * A register by its standard name: x0 to x31, f0 to f31, pc, or a CSR as machine mode reads it;
   * `priv`: the privilege mode; `cycle`: the position, not the guest's counter `mcycle`. Unsigned 64
   * bits. Throws a RangeError for an unknown name.
   */
  readRegister(hart: number, name: string): bigint;
  /** Starts a branch; on one already, what lay after this cycle is given up. Throws a RangeError for an unknown name. */
  writeRegister(hart: number, name: string, value: bigint): void;
  /**
   * The physical address of a virtual one, as the hart would translate a load now, or would in
   * supervisor mode; `undefined` if it would fault. Changes nothing.
   */
  translate(hart: number, address: bigint, asSupervisor?: boolean): number | undefined;
  /** Physical memory, RAM and ROM only; `undefined` if any byte is outside. Never touches a device. */
  readMemory(address: number, sizeBytes: number): Uint8Array | undefined;
  /** What a device keeps, by its id; `undefined` if there is none. Changes nothing. */
  deviceState(device: string): State | undefined;
  /** As {@link writeRegister}; false outside RAM. */
  writeMemory(address: number, bytes: Uint8Array): boolean;
  /** Something befalls the machine here, once it goes on; as {@link writeRegister}. Throws a RangeError outside RAM. */
  inject(fault: Pick<TimedFault, "device" | "fault">): void;
  /** Whether the recording was left, and where. */
  readonly branch: Branch | undefined;
  /**
   * Starts a branch without changing anything.
   * @param log what happens on it, if that is known: then it ends with the log, and nothing can be
   *   changed by hand. A RangeError says so to who tries.
   */
  startBranch(log?: BranchLog): void;
  /** Leaves the branch: back to the recording, at the cycle where it was left. */
  returnFromBranch(): Promise<void>;
  /** The digest of the state here. */
  digest(): string;
  /** What it took to come here and wherever else its machine has been: nothing of the recording. */
  readonly engine: EngineStatistics;
  close(): void;
}
