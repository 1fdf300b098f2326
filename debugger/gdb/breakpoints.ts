/** What gdb has set with `Z` packets. Source: Debugging with GDB, appendix E.2 "Packets". */
import type { Debugger, WatchKind, Watchpoint } from "../debugger.ts";
import type { BreakKind } from "./stop_reply.ts";

const BREAK_KINDS: readonly BreakKind[] = ["swbreak", "hwbreak"];
/** Of types 2, 3 and 4. */
const WATCH_KINDS: readonly WatchKind[] = ["write", "read", "access"];
const SIZE_MAX = 1 << 20;

/** One client's breakpoints and watchpoints. gdb removes them at every stop and sets them again. */
export class GdbBreakpoints {
  readonly #debug: Debugger;
  /** Numbers of the debugger by type, address and kind of the packet. */
  readonly #numbers = new Map<string, number>();
  readonly #kinds = new Map<bigint, BreakKind>();
  /** Where ranges were when they could last be translated. */
  readonly #lastPieces = new Map<string, Watchpoint["pieces"]>();

  constructor(debug: Debugger) {
    this.#debug = debug;
  }

  /** Of the breakpoint at an address. */
  kindAt(pc: bigint): BreakKind | undefined {
    return this.#kinds.get(pc);
  }

  /** False if nothing is mapped there. Setting one again changes nothing. */
  insert(type: number, address: bigint, size: number, hart: number): boolean {
    const key = `${type},${address},${size}`;
    if (this.#numbers.has(key)) return true;
    if (type < 2) {
      this.#numbers.set(key, this.#debug.addBreakpoint(address).number);
      this.#kinds.set(address, BREAK_KINDS[type]);
      return true;
    }
    if (size < 1 || size > SIZE_MAX) return false;
    const kind = WATCH_KINDS[type - 2];
    const watchpoint = this.#debug.addWatchpoint(hart, address, size, kind) ??
      this.#again(key, address, size, kind);
    if (watchpoint === undefined) return false;
    this.#numbers.set(key, watchpoint.number);
    this.#lastPieces.set(key, watchpoint.pieces);
    return true;
  }

  /** Removing what is not set is no error. */
  remove(type: number, address: bigint, size: number): void {
    const key = `${type},${address},${size}`;
    const number = this.#numbers.get(key);
    this.#numbers.delete(key);
    if (type < 2) this.#kinds.delete(address);
    if (number === undefined) return;
    this.#debug.breakpoints.delete(number);
    this.#debug.watchpoints.delete(number);
  }

  /** Removes all. */
  clear(): void {
    for (const number of this.#numbers.values()) {
      this.#debug.breakpoints.delete(number);
      this.#debug.watchpoints.delete(number);
    }
    this.#numbers.clear();
    this.#kinds.clear();
  }

  // The hart is where the range is not mapped, in firmware perhaps: what was watched still is.
  #again(key: string, address: bigint, sizeBytes: number, kind: WatchKind): Watchpoint | undefined {
    const pieces = this.#lastPieces.get(key);
    if (pieces === undefined) return undefined;
    const number = this.#debug.number();
    const watchpoint = { number, address, sizeBytes, kind, pieces, hits: 0 };
    this.#debug.watchpoints.set(number, watchpoint);
    return watchpoint;
  }
}
