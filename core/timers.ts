/** The 10 MHz timebase, and the timer of each hart. Source: privileged specification, 3.2.1 and Sstc. */
import type { Clock } from "./device.ts";
import type { Engine } from "./hart/engine.ts";
import { MACHINE } from "./hart/layout.ts";
import type { Host } from "./host.ts";

/** Cycles of a tick: 1 ns a cycle, 100 ns a tick. */
export const CYCLES_PER_TICK = 100;
/** The supervisor timer's bit of `mip`. */
export const STIP = 1 << 5;
const STCE_HIGH = 1 << 31;

/** The machine's clock. */
export class MachineClock implements Clock {
  #offset = 0n;
  /** How often the offset was set: cheaper to compare than the offset itself. */
  timesSet = 0;

  constructor(
    readonly engine: Engine,
    readonly host: Host,
    readonly now: () => number,
    readonly changed: () => void,
  ) {}

  cycle(): number {
    return this.now();
  }

  mtime(): bigint {
    return BigInt.asUintN(64, this.#ticks() + this.#offset);
  }

  setMtime(value: bigint): void {
    this.setOffset(value - this.#ticks());
    this.changed();
  }

  cycleOfMtime(value: bigint): number {
    const now = this.mtime();
    if (now >= value) return this.now();
    return this.#cycleAfter(value - now);
  }

  /** The cycle at which `mtime` next wraps to 0; `Infinity` if it never will. */
  cycleOfWrap(): number {
    return this.#cycleAfter((1n << 64n) - this.mtime());
  }

  wallTimeNs(): bigint {
    return this.host.wallTimeNs(this.now());
  }

  /** `mtime` minus the ticks since reset, modulo 2^64. */
  get offset(): bigint {
    return this.#offset;
  }

  setOffset(offset: bigint): void {
    this.#offset = BigInt.asUintN(64, offset);
    this.timesSet++;
    this.engine.u64[MACHINE.mtimeOffset / 8] = this.#offset;
  }

  // Beyond a safe integer there are no cycles: whoever waits for one waits for ever.
  #cycleAfter(ticks: bigint): number {
    const cycle = (this.#ticks() + ticks) * BigInt(CYCLES_PER_TICK);
    return cycle > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(cycle);
  }

  #ticks(): bigint {
    return BigInt(Math.floor(this.now() / CYCLES_PER_TICK));
  }
}

/** Drives STIP from `stimecmp`, and knows when it next rises. */
export class SupervisorTimer {
  #low = 0;
  #high = 0;
  #timesSet = 0;
  #due = 0;
  /** The cycle from which {@link #due} is no longer true: `mtime` begins anew. */
  #wraps = Infinity;
  readonly #compareIndex: number;
  readonly #enableIndex: number;
  readonly #linesIndex: number;

  constructor(readonly engine: Engine, readonly clock: MachineClock, hart: number) {
    this.#compareIndex = engine.index32(hart, "stimecmp");
    this.#enableIndex = engine.index32(hart, "menvcfg") + 1;
    this.#linesIndex = engine.index32(hart, "mipLines");
    this.#compute();
  }

  /** Sets the line for this cycle; returns the cycle at which it will change, `Infinity` if it will not. */
  update(cycle: number): number {
    const { i32 } = this.engine;
    if ((i32[this.#enableIndex] & STCE_HIGH) === 0) {
      i32[this.#linesIndex] &= ~STIP;
      return Infinity;
    }
    if (
      i32[this.#compareIndex] !== this.#low || i32[this.#compareIndex + 1] !== this.#high ||
      this.clock.timesSet !== this.#timesSet || cycle >= this.#wraps
    ) this.#compute();
    if (cycle < this.#due) {
      i32[this.#linesIndex] &= ~STIP;
      return this.#due;
    }
    i32[this.#linesIndex] |= STIP;
    return this.#wraps;
  }

  /** The hart's state, or the time, was set from outside. */
  restored(): void {
    this.#compute();
  }

  #compute(): void {
    const { i32, u64 } = this.engine;
    this.#low = i32[this.#compareIndex];
    this.#high = i32[this.#compareIndex + 1];
    this.#timesSet = this.clock.timesSet;
    this.#due = this.clock.cycleOfMtime(u64[this.#compareIndex / 2]);
    this.#wraps = this.clock.cycleOfWrap();
  }
}
