/** Tier 1's book-keeping: which pages are hot, which are compiled, and where their code is. */
import {
  DECODED_BYTES,
  DECODED_HEADER,
  DECODED_PAGES,
  ENTRY,
  ENTRY_BITS,
  HEADER,
  HEAT,
  JUMPED_FAR,
  type Layout,
  MACHINE,
  OP_COMPILED,
  RECORD_BYTES,
  SLOTS,
} from "../layout.ts";
import { OP_BREAK, OP_UNDECODED } from "../ops.ts";
import {
  AHEAD,
  type CompiledBatch,
  type CompiledPage,
  type CompiledRegion,
  type Compiler,
  type HotPage,
} from "./compiler.ts";
import { SLOT } from "./profile.ts";

/** Instructions that are kept compiled at most; the oldest pages go first. */
export const COMPILED_INSTRUCTIONS_MAX = 200_000;
/** An instruction is entered, and a branch followed, if its heat is the threshold >> this at least. */
const ENTRY_SHIFT = 3;
const WARM_SHIFT = 7;
/** So often a page is compiled as soon as one more instruction is hot; then it takes ever more. */
const COMPILED_AT_ONCE = 20;
/** Code that has changed more often stays in tier 0. */
const REWRITTEN_MAX = 32;
const TABLE_INITIAL = 1024;
const TABLE_MAX = 1 << 20;

/** What tier 1 has done; for people and benchmarks, never for the machine. */
export interface JitStatistics {
  /** Now compiled. */
  readonly pages: number;
  readonly regions: number;
  readonly instructions: number;
  /** Since the machine was made. */
  readonly wasmBytes: number;
  readonly modules: number;
  readonly pagesDropped: number;
  /** Cycles that ran in tier 1, and how often tier 0 went there. */
  readonly cycles: number;
  readonly calls: number;
}

/** A region, and its place in the table. */
interface Placed extends CompiledRegion {
  readonly tableIndex: number;
}

/** The compiled code of a decoded page. */
type Compiled = readonly Placed[];

/** Code to be placed: a page's regions, with their functions. */
interface Ready extends Omit<CompiledPage, "page"> {
  readonly regions: Compiled;
  readonly functions: readonly CallableFunction[];
}

/** What a decoded page has been through. */
interface History {
  /** The page that it is the decoded form of; another one begins anew. */
  readonly physicalPage: number;
  /** How often it has asked to be compiled since it was compiled last. */
  asked: number;
  timesCompiled: number;
  timesRewritten: number;
  /** Records where no region begins although the threshold is 1. */
  readonly refused: Set<number>;
}

/** Views of the machine's memory. */
interface Views {
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
}

/**
 * Has hot pages compiled, on the calls of whoever runs the machine.
 *
 * With a threshold of 1 a page is compiled before its first instruction is executed: for tests.
 */
export class Jit {
  readonly table: WebAssembly.Table = new WebAssembly.Table({
    element: "anyfunc",
    initial: TABLE_INITIAL,
    maximum: TABLE_MAX,
  });
  /** By decoded page, the oldest first. */
  readonly #compiled = new Map<number, Compiled>();
  /** Decoded pages to be compiled. */
  readonly #wanted = new Set<number>();
  /** By decoded page. */
  readonly #histories = new Map<number, History>();
  /** By decoded page: the physical page whose decoding has begun, plus one. */
  readonly #begun = new Int32Array(DECODED_PAGES);
  /** By decoded page: its key when its decoding began. */
  readonly #keys = new BigUint64Array(DECODED_PAGES);
  /** By key: what is being compiled ahead; with the decoded page that waits for it, once there is one. */
  readonly #expected = new Map<bigint, number>();
  /** By key: what has been compiled ahead, and which no page has needed yet. */
  readonly #ready = new Map<bigint, Ready>();
  #breakSlots: ReadonlySet<number> = new Set();
  #nextIndex = 0;
  #instructions = 0;
  #modules = 0;
  #pagesDropped = 0;
  #wasmBytes = 0;
  #exports: WebAssembly.Exports = {};
  #decode: (record: number) => void = () => {};

  constructor(
    readonly layout: Layout,
    readonly memory: WebAssembly.Memory,
    readonly threshold: number,
    readonly compiler: Compiler,
    readonly view: Views,
    /** 64 bits. */
    readonly hash: (bytes: Uint8Array) => bigint,
  ) {}

  /**
   * @param exports all functions of the engine, by name
   * @param decode decodes the record of a number
   */
  linkTo(exports: WebAssembly.Exports, decode: (record: number) => void): void {
    this.#exports = exports;
    this.#decode = decode;
  }

  get statistics(): JitStatistics {
    const compiled = [...this.#compiled.values()];
    return {
      pages: compiled.length,
      regions: compiled.reduce((sum, regions) => sum + regions.length, 0),
      instructions: this.#instructions,
      wasmBytes: this.#wasmBytes,
      modules: this.#modules,
      pagesDropped: this.#pagesDropped,
      cycles: Number(this.view.u64[MACHINE.compiledCycles / 8]),
      calls: Number(this.view.u64[MACHINE.compiledCalls / 8]),
    };
  }

  /**
   * Tier 0 has jumped often to a record, where no compiled code begins.
   * @returns whether the slice shall end, so that {@link advance} can see to it
   */
  hot(record: number): boolean {
    const page = Math.floor(record * RECORD_BYTES / DECODED_BYTES);
    const op = (this.layout.decoded + record * RECORD_BYTES) / 2;
    if (this.view.u16[op] & OP_COMPILED) return false;
    const history = this.#history(page);
    if (history.timesRewritten > REWRITTEN_MAX) return false;
    if (this.threshold === 1) {
      this.#compileNow(page, record);
      return false;
    }
    history.asked++;
    // A page that has been compiled again and again must deserve it.
    const needed = 1 << Math.max(0, history.timesCompiled - COMPILED_AT_ONCE);
    if (history.asked >= needed) this.#wanted.add(page);
    return this.#wanted.size > 0 && this.compiler.isIdle;
  }

  /** Tier 0 has decoded some of a page: what has been hot before is compiled at once, or is already. */
  decoding(page: number): void {
    const { trail } = this.compiler;
    const begun = this.#physicalPage(page) + 1;
    if (trail === undefined || this.#begun[page] === begun) return;
    this.#begun[page] = begun;
    if (this.#history(page).timesRewritten > REWRITTEN_MAX) return;
    const key = this.#keys[page] = this.#keyOf(this.#codeOf(page));
    if (!trail.meet(key)) return;
    const ready = this.#ready.get(key);
    if (ready !== undefined) {
      this.#ready.delete(key);
      this.#place(page, ready);
    } else if (this.#expected.has(key)) this.#expected.set(key, page);
    else this.#wanted.add(page);
  }

  /** Whether something is being compiled, which the end of a slice would find. */
  get isWaiting(): boolean {
    return !this.compiler.isIdle;
  }

  /** Between two slices: installs what has been compiled, and has some of what is hot compiled. */
  advance(): void {
    this.#noteEntry();
    this.#takeBatch();
    if (this.#wanted.size === 0 && !this.compiler.trail?.isExpecting) return;
    if (!this.compiler.isIdle) return;
    const pages = this.#wanted.size > 0 ? this.#takeWanted() : this.#lookAhead();
    if (pages.length === 0) return;
    this.compiler.submit(pages);
    this.#takeBatch();
  }

  /** A store changes a page, or its decoded form goes: forgets its compiled code. */
  rewritten(page: number): void {
    const history = this.#history(page);
    history.timesRewritten++;
    this.#begun[page] = 0;
    history.refused.clear();
    this.#drop(page);
  }

  /** Sets the slots of pages at which no instruction is compiled: where breakpoints are. */
  setBreakSlots(slots: ReadonlySet<number>): void {
    const changed = new Set([...slots, ...this.#breakSlots]);
    this.#breakSlots = slots;
    for (const { refused } of this.#histories.values()) refused.clear();
    for (const [page, regions] of [...this.#compiled]) {
      if (touch(regions, changed)) this.#drop(page);
    }
  }

  #takeWanted(): HotPage[] {
    const pages: HotPage[] = [];
    for (const page of this.#wanted) {
      this.#wanted.delete(page);
      if (!this.#isInUse(page)) continue;
      const history = this.#history(page);
      history.asked = 0;
      history.timesCompiled = Math.min(COMPILED_AT_ONCE + 20, history.timesCompiled + 1);
      pages.push(this.#lookAt(page));
      if (pages.length === this.compiler.batchPages) break;
    }
    return pages;
  }

  #lookAhead(): HotPage[] {
    const pages: HotPage[] = [];
    while (pages.length < this.compiler.batchPages) {
      const known = this.compiler.trail?.next();
      if (known === undefined) break;
      const { key, code, slots } = known;
      this.#expected.set(key, AHEAD);
      pages.push({ page: AHEAD, code, slots: this.#withoutBreaks(slots), compiled: [] });
    }
    return pages;
  }

  // A sample of what compiled code is for.
  #noteEntry(): void {
    const { trail } = this.compiler;
    const entry = this.view.i32[MACHINE.lastEntry / 4];
    if (trail === undefined || entry === 0) return;
    this.view.i32[MACHINE.lastEntry / 4] = 0;
    const page = Math.floor((entry - this.layout.decoded) / DECODED_BYTES);
    if (this.#compiled.has(page)) trail.enter(this.#keys[page]);
  }

  #takeBatch(): void {
    const batch = this.compiler.take();
    if (batch) this.#install(batch);
  }

  #compileNow(page: number, record: number): void {
    const { refused } = this.#history(page);
    if (refused.has(record)) return;
    this.compiler.submit([this.#lookAt(page)]);
    this.#takeBatch();
    const op = (this.layout.decoded + record * RECORD_BYTES) / 2;
    if (!(this.view.u16[op] & OP_COMPILED)) refused.add(record);
  }

  #history(page: number): History {
    const physicalPage = this.#physicalPage(page);
    const known = this.#histories.get(page);
    if (known?.physicalPage === physicalPage) return known;
    const history = {
      physicalPage,
      asked: 0,
      timesCompiled: 0,
      timesRewritten: 0,
      refused: new Set<number>(),
    };
    this.#histories.set(page, history);
    return history;
  }

  #lookAt(page: number): HotPage {
    const code = this.#codeOf(page).slice();
    const seen = this.#slotsOf(page);
    const learnt = this.compiler.trail?.learn(this.#keyOf(code), code, seen) ?? seen;
    const slots = this.#withoutBreaks(learnt);
    const compiled = (this.#compiled.get(page) ?? []).map(({ signature }) => signature);
    return { page, code, slots, compiled };
  }

  #withoutBreaks(slots: Uint8Array): Uint8Array {
    for (const slot of this.#breakSlots) slots[slot] &= ~SLOT.known;
    return slots;
  }

  /** What tier 0 has seen of a page. */
  #slotsOf(page: number): Uint8Array {
    const { threshold } = this;
    const { u16, i32 } = this.view;
    const base = this.#base(page);
    const slots = new Uint8Array(SLOTS);
    const entered = Math.max(1, threshold >> ENTRY_SHIFT);
    const warm = Math.max(1, threshold >> WARM_SHIFT);
    for (let slot = 0; slot < SLOTS; slot++) {
      const record = base + slot * RECORD_BYTES;
      const op = u16[record / 2] & ~OP_COMPILED;
      const isKnown = op > OP_BREAK || (op === OP_UNDECODED && threshold === 1);
      const heat = i32[(record + HEAT) / 4];
      const jumps = heat & ~JUMPED_FAR;
      slots[slot] = (isKnown ? SLOT.known : 0) |
        (jumps >= warm || threshold === 1 ? SLOT.warm : 0) |
        (jumps < entered ? 0 : heat & JUMPED_FAR ? SLOT.far : SLOT.near);
    }
    return slots;
  }

  #install({ bytes, pages }: CompiledBatch): void {
    const count = pages.reduce((sum, { regions }) => sum + regions.length, 0);
    if (this.#nextIndex + count > TABLE_MAX) this.#dropAll();
    while (this.table.length < this.#nextIndex + count) {
      this.table.grow(Math.min(this.table.length, TABLE_MAX - this.table.length));
    }
    const env = { memory: this.memory, table: this.table, base: this.#nextIndex };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env,
      engine: this.#exports,
    });
    this.#wasmBytes += bytes.length;
    this.#modules++;
    let tableIndex = this.#nextIndex;
    for (const { page, ...compiled } of pages) {
      const functions = compiled.regions.map((_, i) =>
        exports[`region${tableIndex - this.#nextIndex + i}`] as CallableFunction
      );
      const regions = compiled.regions.map((region) => ({ ...region, tableIndex: tableIndex++ }));
      const ready = { ...compiled, regions, functions };
      if (page === AHEAD) this.#arrive(ready);
      else this.#place(page, ready);
    }
    this.#nextIndex += count;
    for (const page of this.#compiled.keys()) {
      if (this.#instructions <= COMPILED_INSTRUCTIONS_MAX) break;
      this.#drop(page);
    }
  }

  #arrive(ready: Ready): void {
    const key = this.#keyOf(ready.code);
    const page = this.#expected.get(key) ?? AHEAD;
    this.#expected.delete(key);
    if (page === AHEAD) this.#ready.set(key, ready);
    else this.#place(page, ready);
  }

  // Where code or breakpoints have changed meanwhile it is compiled anew once it is hot again.
  #place(page: number, { code, regions, functions, kept }: Ready): void {
    if (!this.#isInUse(page) || !equal(code, this.#codeOf(page))) return;
    if (touch(regions, this.#breakSlots)) return;
    const old = this.#compiled.get(page) ?? [];
    const stays = old.filter(({ signature }) => kept.includes(signature));
    if (stays.length < kept.length) return;
    regions.forEach(({ tableIndex }, i) => {
      this.table.set(tableIndex, functions[i] as () => unknown);
    });
    this.#drop(page, stays);
    this.#add(page, [...stays, ...regions]);
  }

  // From now on tier 0 enters at the regions' entries.
  #add(page: number, regions: Compiled): void {
    if (regions.length === 0) return;
    const { u16, i32 } = this.view;
    const base = this.#base(page);
    this.#compiled.set(page, regions);
    this.#instructions += instructionsOf(regions);
    i32[(base + DECODED_HEADER + HEADER.compiled) / 4] = 1;
    for (const { entries, tableIndex } of regions) {
      entries.forEach((offset, number) => {
        const record = base + offset / 2 * RECORD_BYTES;
        if (u16[record / 2] === OP_UNDECODED && this.threshold !== 1) {
          this.#decode((record - this.layout.decoded) / RECORD_BYTES);
        }
        const op = u16[record / 2];
        // A breakpoint may have come meanwhile.
        if (op === OP_UNDECODED ? this.threshold !== 1 : op <= OP_BREAK) return;
        u16[record / 2] = op | OP_COMPILED;
        i32[(record + ENTRY) / 4] = tableIndex << ENTRY_BITS | number;
      });
    }
  }

  #drop(page: number, stays: Compiled = []): void {
    const regions = this.#compiled.get(page);
    if (!regions) return;
    this.#compiled.delete(page);
    this.#instructions -= instructionsOf(regions);
    this.#pagesDropped++;
    const base = this.#base(page);
    this.view.i32[(base + DECODED_HEADER + HEADER.compiled) / 4] = 0;
    for (const region of regions) {
      for (const offset of region.entries) {
        this.view.u16[(base + offset / 2 * RECORD_BYTES) / 2] &= ~OP_COMPILED;
      }
      if (!stays.includes(region)) this.table.set(region.tableIndex, null);
    }
  }

  #dropAll(): void {
    for (const page of [...this.#compiled.keys()]) this.#drop(page);
    this.#ready.clear();
    this.#nextIndex = 0;
  }

  #keyOf(code: Uint16Array): bigint {
    return this.hash(new Uint8Array(code.buffer, code.byteOffset, code.byteLength));
  }

  #codeOf(page: number): Uint16Array {
    const first = (this.layout.ram + this.#physicalPage(page) * 4096) / 2;
    return this.view.u16.subarray(first, first + SLOTS);
  }

  /** Whether it is the decoded form of a page, and has not been dropped. */
  #isInUse(page: number): boolean {
    return this.view.i32[this.layout.codeMap / 4 + this.#physicalPage(page)] === page + 1;
  }

  #physicalPage(page: number): number {
    return this.view.i32[(this.#base(page) + DECODED_HEADER + HEADER.page) / 4];
  }

  #base(page: number): number {
    return this.layout.decoded + page * DECODED_BYTES;
  }
}

/** Whether regions execute an instruction at some slot of their page. */
function touch(regions: readonly CompiledRegion[], slots: ReadonlySet<number>): boolean {
  return slots.size > 0 &&
    regions.some(({ offsets }) => offsets.some((offset) => slots.has(offset / 2)));
}

function instructionsOf(regions: Compiled): number {
  return regions.reduce((sum, { offsets }) => sum + offsets.length, 0);
}

function equal(a: Uint16Array, b: Uint16Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
