/** Where a machine stops: its reasons, its breakpoints and its watchpoints. */
import type { Engine, Stops, WatchedAccess } from "./hart/engine.ts";
import { DRAM } from "./hart/layout.ts";
import type { PowerOutput } from "./host.ts";

/** Why a machine stopped running. */
export type Stop =
  | { readonly reason: "until" }
  | { readonly reason: "power"; readonly power: PowerOutput }
  /** Every hart waits, no timer is armed and no input can come any more. */
  | { readonly reason: "stuck" }
  /**
   * The hart is about to execute an instruction at a breakpoint. `begun`: the inputs and timers of
   * this cycle have been served already, so the state is not the one that a run to here leaves.
   */
  | { readonly reason: "breakpoint"; readonly hart: number; readonly begun: boolean }
  /** The cycle just past made these accesses to watched bytes. */
  | { readonly reason: "watchpoint"; readonly hits: readonly WatchHit[] };

/** What {@link Machine.run} watches. */
export interface Watchpoint {
  /** Physical address, in RAM. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly kind: "read" | "write" | "access";
}

/** An access to watched bytes, by a hart's instruction or by a device. */
export type WatchHit =
  & { readonly physical: number; readonly sizeBytes: number; readonly kind: WatchedAccess["kind"] }
  & ({ readonly hart: number; readonly address: bigint } | { readonly device: string });

/** The breakpoints and watchpoints of a machine, and what has hit them. */
export class Conditions implements Stops {
  #breakpoints: ReadonlySet<bigint> = new Set();
  #watchpoints: readonly Watchpoint[] = [];
  /** From this cycle on breakpoints count. */
  #breaksFrom = 0;
  /** The hart that has reached a breakpoint. */
  #broken: number | undefined;
  readonly #hits: WatchHit[] = [];

  /**
   * @param now the cycle of the instruction under way
   * @param cut ends the slice after that instruction
   */
  constructor(readonly now: () => number, readonly cut: () => void) {}

  setBreakpoints(engine: Engine, addresses: ReadonlySet<bigint>): void {
    this.#breakpoints = addresses;
    engine.setBreakpoints(addresses);
  }

  setWatchpoints(engine: Engine, watchpoints: readonly Watchpoint[]): void {
    this.#watchpoints = watchpoints;
    const pages = new Set<number>();
    for (const { address, sizeBytes } of watchpoints) {
      for (let at = pageOf(address); at <= pageOf(address + sizeBytes - 1); at++) pages.add(at);
    }
    engine.setWatchedPages(pages);
  }

  /** Breakpoints count from this cycle on. */
  armFrom(cycle: number): void {
    this.#breaksFrom = cycle;
  }

  breakHit(hart: number, pc: bigint): boolean {
    if (this.now() < this.#breaksFrom || !this.#breakpoints.has(pc)) return false;
    this.#broken = hart;
    return true;
  }

  accessed(access: WatchedAccess): void {
    this.#note(access);
  }

  /** A device wrote to memory. */
  written(device: string, physical: number, sizeBytes: number): void {
    this.#note({ physical, sizeBytes, kind: "write", device });
  }

  /** Whether a hart has reached a breakpoint, or a watched access was made. */
  get hasStop(): boolean {
    return this.#broken !== undefined || this.#hits.length > 0;
  }

  get hasHits(): boolean {
    return this.#hits.length > 0;
  }

  /** The hits since the last call. */
  takeHits(): WatchHit[] {
    return this.#hits.splice(0);
  }

  /** The hart that has reached a breakpoint since the last call. */
  takeBroken(): number | undefined {
    const hart = this.#broken;
    this.#broken = undefined;
    return hart;
  }

  #note(hit: WatchHit): void {
    const { physical, sizeBytes, kind } = hit;
    const matches = this.#watchpoints.some((watchpoint) =>
      physical < watchpoint.address + watchpoint.sizeBytes &&
      watchpoint.address < physical + sizeBytes &&
      (watchpoint.kind === "access" || watchpoint.kind === (kind === "read" ? "read" : "write"))
    );
    if (!matches) return;
    this.#hits.push(hit);
    this.cut();
  }
}

// A page's number within RAM.
function pageOf(address: number): number {
  return Math.floor((address - DRAM) / 4096);
}
