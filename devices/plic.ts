/**
 * Platform-level interrupt controller with level-triggered gateways.
 * Source: RISC-V PLIC specification 1.0.0; sizes and contexts as QEMU's `virt` board has them.
 */
import type { Clock, Device, IrqLine, ReportBreach, Width } from "../core/device.ts";
import type { Input } from "../core/host.ts";
import { requireVersion, type State } from "../core/state.ts";

/** Interrupt sources are numbered from 1 to this. */
export const PLIC_SOURCES = 95;

const PRIORITY = 0x00_0000; // 4 bytes per source
const PENDING = 0x00_1000; // 1 bit per source
const ENABLE = 0x00_2000; // 1 bit per source, 0x80 bytes per context
const ENABLE_STRIDE = 0x80;
const CONTEXT = 0x20_0000; // threshold, claim/complete; 0x1000 bytes per context
const CONTEXT_STRIDE = 0x1000;
const THRESHOLD = 0;
const CLAIM = 4;

const WORDS = (PLIC_SOURCES + 1) / 32;
const COMPLETION = "PLIC 1.0.0, Interrupt Completion";

const PRIORITY_MASK = 7; // 0 never interrupts, 7 is the highest; WARL

export interface PlicOptions {
  readonly id: string;
  /** 1 to 8; each has two contexts: M first, then S. */
  readonly harts: number;
}

export interface PlicPorts {
  readonly clock: Pick<Clock, "cycle">;
  lines(hart: number, line: "MEIP" | "SEIP"): IrqLine;
  readonly breach?: ReportBreach;
}

export type PlicState = {
  readonly version: 1;
  /** By source; index 0 is unused. */
  readonly priority: Uint8Array;
  /** By source: 1 while the device holds its line high. */
  readonly level: Uint8Array;
  readonly pending: readonly number[];
  /** Bits of the sources whose gateway waits for a completion. */
  readonly claimed: readonly number[];
  readonly enable: readonly number[];
  readonly threshold: Uint8Array;
  /** Sources whose next request will be lost, ascending. Absent: none. */
  readonly lost?: readonly number[];
  /** Source, cycle before which it forwards nothing; by source. Absent: none. */
  readonly late?: readonly (readonly [number, number])[];
};

export class Plic implements Device {
  readonly id: string;
  readonly sizeBytes = 0x60_0000;
  readonly widths: readonly Width[] = [4];
  readonly #contexts: number;
  readonly #breach: ReportBreach | undefined;
  readonly #lines: IrqLine[] = [];
  readonly #priority = new Uint8Array(PLIC_SOURCES + 1);
  readonly #level = new Uint8Array(PLIC_SOURCES + 1);
  readonly #pending = new Uint32Array(WORDS);
  readonly #claimed = new Uint32Array(WORDS);
  readonly #enable: Uint32Array;
  readonly #threshold: Uint8Array;
  readonly #clock: PlicPorts["clock"];
  readonly #lost = new Set<number>();
  readonly #late = new Map<number, number>();

  constructor(options: PlicOptions, ports: PlicPorts) {
    this.id = options.id;
    this.#contexts = options.harts * 2;
    this.#breach = ports.breach;
    this.#clock = ports.clock;
    this.#enable = new Uint32Array(this.#contexts * WORDS);
    this.#threshold = new Uint8Array(this.#contexts);
    for (let hart = 0; hart < options.harts; hart++) {
      this.#lines.push(ports.lines(hart, "MEIP"), ports.lines(hart, "SEIP"));
    }
  }

  /** The line of one source. @param source 1 to {@link PLIC_SOURCES} */
  source(source: number): IrqLine {
    if (!(source >= 1 && source <= PLIC_SOURCES)) {
      throw new RangeError(`"${this.id}" has the sources 1 to ${PLIC_SOURCES}, not ${source}`);
    }
    return { set: (level) => this.#setLevel(source, level) };
  }

  read(offset: number, _width: Width): number {
    if (offset < PENDING) return this.#priority[(offset - PRIORITY) >> 2] ?? 0;
    if (offset < ENABLE) return this.#pending[(offset - PENDING) >> 2] ?? 0;
    if (offset < CONTEXT) return this.#enable[this.#enableIndex(offset)] ?? 0;
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    if (context >= this.#contexts) return 0;
    const register = offset % CONTEXT_STRIDE;
    if (register === THRESHOLD) return this.#threshold[context];
    return register === CLAIM ? this.#claim(context) : 0;
  }

  write(offset: number, _width: Width, value: number): void {
    if (offset < PENDING) this.#writePriority((offset - PRIORITY) >> 2, value);
    else if (offset < ENABLE) return; // pending bits are read-only
    else if (offset < CONTEXT) this.#writeEnable(this.#enableIndex(offset), value);
    else {
      const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
      if (context >= this.#contexts) return;
      const register = offset % CONTEXT_STRIDE;
      if (register === THRESHOLD) this.#threshold[context] = value & PRIORITY_MASK;
      else if (register === CLAIM) this.#complete(context, value);
    }
    this.#update();
  }

  /** A request goes wrong between its device and the gateway's pending bit. */
  input(input: Input): void {
    if (input.kind !== "fault" || input.fault !== "interrupt") {
      throw new RangeError(`"${this.id}" takes no "${input.kind}" input but a wrong interrupt`);
    }
    const { source, how, until = 0 } = input;
    this.source(source); // refuses what is none
    if (how === "lost") this.#lost.add(source);
    else if (how === "late") this.#late.set(source, until);
    else this.#request(source);
  }

  /** When a late request is next forwarded. */
  deadline(): number {
    let next = Infinity;
    for (const until of this.#late.values()) next = Math.min(next, until);
    return next;
  }

  tick(): void {
    for (const [source, until] of [...this.#late]) {
      if (until > this.#clock.cycle()) continue;
      this.#late.delete(source);
      this.#forward(source);
    }
  }

  save(): PlicState {
    return {
      version: 1,
      priority: this.#priority.slice(),
      level: this.#level.slice(),
      pending: [...this.#pending],
      claimed: [...this.#claimed],
      enable: [...this.#enable],
      threshold: this.#threshold.slice(),
      ...(this.#lost.size === 0 ? {} : { lost: [...this.#lost].sort((a, b) => a - b) }),
      ...(this.#late.size === 0 ? {} : { late: [...this.#late].sort(([a], [b]) => a - b) }),
    };
  }

  restore(state: State): void {
    requireVersion(state, 1, this.id);
    const { priority, level, pending, claimed, enable, threshold, lost, late } = state as PlicState;
    this.#priority.set(priority);
    this.#level.set(level);
    this.#pending.set(pending);
    this.#claimed.set(claimed);
    this.#enable.set(enable);
    this.#threshold.set(threshold);
    this.#lost.clear();
    for (const source of lost ?? []) this.#lost.add(source);
    this.#late.clear();
    for (const [source, until] of late ?? []) this.#late.set(source, until);
  }

  /** Index of the enable word, or -1 between and behind the words. */
  #enableIndex(offset: number): number {
    const context = Math.floor((offset - ENABLE) / ENABLE_STRIDE);
    const word = (offset % ENABLE_STRIDE) >> 2;
    return context < this.#contexts && word < WORDS ? context * WORDS + word : -1;
  }

  #writePriority(source: number, value: number): void {
    if (source >= 1 && source <= PLIC_SOURCES) this.#priority[source] = value & PRIORITY_MASK;
  }

  #writeEnable(index: number, value: number): void {
    if (index < 0) return;
    this.#enable[index] = index % WORDS === 0 ? value & ~1 : value; // there is no source 0
  }

  #setLevel(source: number, level: boolean): void {
    if ((this.#level[source] === 1) === level) return;
    this.#level[source] = level ? 1 : 0;
    if (level) this.#forward(source);
  }

  /**
   * A gateway forwards a request while its line is high and no earlier one waits for completion.
   * A request once forwarded stays pending when the line falls (PLIC 1.0.0, Interrupt Gateways).
   */
  #forward(source: number): void {
    if (this.#level[source] === 0 || bit(this.#claimed, source)) return;
    if (this.#late.has(source) || this.#lost.delete(source)) return;
    this.#request(source);
  }

  #request(source: number): void {
    if (bit(this.#claimed, source)) return;
    this.#pending[source >> 5] |= 1 << (source & 31);
    this.#update();
  }

  /** Not affected by the threshold: PLIC 1.0.0, Interrupt Claim Process. */
  #claim(context: number): number {
    const source = this.#best(context, 0);
    if (source !== 0) {
      this.#pending[source >> 5] &= ~(1 << (source & 31));
      this.#claimed[source >> 5] |= 1 << (source & 31);
      this.#update();
    }
    return source;
  }

  /** Ignored unless the source is enabled for the context: PLIC 1.0.0, Interrupt Completion. */
  #complete(context: number, source: number): void {
    const exists = source >= 1 && source <= PLIC_SOURCES;
    const enabled = exists &&
      (this.#enable[context * WORDS + (source >> 5)] >>> (source & 31) & 1) === 1;
    if (!enabled) {
      const why = exists ? "is not enabled for" : "is none of";
      return this.#breach?.(
        COMPLETION,
        `completes source ${source}, which ${why} context ${context}`,
      );
    }
    if (!bit(this.#claimed, source)) {
      this.#breach?.(COMPLETION, `completes source ${source}, which nobody has claimed`);
    }
    this.#claimed[source >> 5] &= ~(1 << (source & 31));
    this.#forward(source);
  }

  /** The pending, enabled source of the highest priority above `threshold`, lowest number first; 0 if none. */
  #best(context: number, threshold: number): number {
    let best = 0;
    let priority = threshold;
    for (let word = 0; word < WORDS; word++) {
      let bits = this.#pending[word] & this.#enable[context * WORDS + word];
      while (bits !== 0) {
        const source = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        if (this.#priority[source] > priority) {
          best = source;
          priority = this.#priority[source];
        }
      }
    }
    return best;
  }

  #update(): void {
    for (let context = 0; context < this.#contexts; context++) {
      this.#lines[context].set(this.#best(context, this.#threshold[context]) !== 0);
    }
  }
}

function bit(words: Uint32Array, source: number): boolean {
  return (words[source >> 5] >>> (source & 31) & 1) === 1;
}
