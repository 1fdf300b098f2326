/** The engine of a machine: its memory, its WebAssembly module, and the calls between the two sides. */
import { decode, type Decoded } from "../isa/decode.ts";
import { INSTRUCTIONS } from "../isa/isa.ts";
import { Module } from "../wasm/module.ts";
import { emitAccess } from "./access.ts";
import { CSR_KIND, csrPosition, emitCsrAccess, NO_CSR } from "./csr.ts";
import { fuse, RUN_MAX, singleOf } from "./fusions.ts";
import { emitFloat } from "./float/float.ts";
import { emitInterpreter } from "./interpreter/interpreter.ts";
import { emitSingle, emitWordAt } from "./interpreter/single.ts";
import {
  HANDLERS,
  NEAR,
  OP_BREAK,
  OP_FIRST,
  OP_ILLEGAL,
  OP_PAGE_END,
  OP_STRADDLE,
  OP_UNDECODED,
  opOf,
  UPPER_IMM,
} from "./ops.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  DRAM,
  hartBase,
  type HartField,
  KNOWN_WALK_BYTES,
  KNOWN_WALKS,
  type Layout,
  layoutOf,
  MACHINE,
  offsetOf,
  OP_COMPILED,
  PAGE,
  RECORD_BYTES,
  REGIME,
  SLOTS,
  STRADDLE_RECORD,
  TLB_FETCH,
  TLB_LEAVES,
  tlbOffset,
  X0_SINK,
} from "./layout.ts";
import { emitPageHash } from "./page_hash.ts";
import { emitPages } from "./pages.ts";
import { emitPmp } from "./pmp.ts";
import { emitHelpers } from "./jit/interface.ts";
import { importLint, lintImports, type Observer } from "./linting.ts";
import { type Compiler, type CompilerParts, DirectCompiler } from "./jit/compiler.ts";
import { Jit } from "./jit/jit.ts";
import { TRAITS } from "./traits.ts";
import { emitDataRegime, emitTranslate, MSTATUS } from "./translate.ts";
import { emitTraps } from "./trap.ts";

/** What the engine asks of the bus; addresses are physical and below 4 GiB, accesses aligned. */
export interface Bus {
  /** The low 32 bits, or `undefined` where nothing answers. */
  load(address: number, width: number): number | undefined;
  /** The upper half of the last 8-byte load; 0 after a narrower one. */
  readonly high: number;
  /** Returns false where nothing answers. */
  store(address: number, width: number, low: number, high: number): boolean;
}

/** An access to a watched page. */
export interface WatchedAccess {
  readonly hart: number;
  /** Physical address. */
  readonly physical: number;
  /** Virtual address. */
  readonly address: bigint;
  readonly sizeBytes: number;
  /** `walk`: a page walk set an A or D bit. */
  readonly kind: "read" | "write" | "walk";
}

const WATCH_KINDS = ["read", "write", "walk"] as const;

/** Asked where an instruction might stop its hart. */
export interface Stops {
  /** The hart is about to execute an instruction with the page offset of a breakpoint. */
  breakHit(hart: number, pc: bigint): boolean;
  /** The instruction under way makes an access to a watched page. */
  accessed(access: WatchedAccess): void;
}

/** What the code of an engine depends on. */
export interface EngineShape {
  readonly memoryBytes: number;
  readonly harts: number;
  /** Of each TLB: a power of two from 1 to 256. */
  readonly tlbEntries: number;
  /**
   * Jumps to an instruction after which its page is compiled: a power of two; 0 if everything runs in
   * tier 0.
   */
  readonly threshold: number;
  /** See {@link EngineOptions}. */
  readonly linting: boolean;
}

export interface EngineOptions extends Pick<EngineShape, "tlbEntries" | "threshold"> {
  /** Makes what compiles hot pages; without it, they are compiled between two slices. */
  readonly compiler?: CreateCompiler;
  /** 64 bits; the same for all machines that share a profile. */
  readonly hash: (bytes: Uint8Array) => bigint;
  /** It tells its {@link Engine.observer} what harts may hold in caches and what they fence. */
  readonly linting?: boolean;
}

export type CreateCompiler = (shape: EngineShape) => Compiler;

interface Exports {
  readonly run: (hart: number, cycles: number) => number;
  readonly cleanAll: () => void;
  readonly pageHash: (address: bigint) => bigint;
  readonly flushAll: () => void;
  readonly flushHart: (hart: bigint) => void;
  readonly externalStore: (hart: bigint, host: bigint, sizeBytes: bigint) => void;
  readonly pmpUpdate: (hart: bigint) => void;
  readonly csrAccess: (
    hart: bigint,
    position: number,
    number: number,
    operand: bigint,
    kind: number,
    writes: number,
  ) => bigint;
}

/** One machine's linear memory and the functions that work on it. */
export class Engine {
  readonly layout: Layout;
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly jit: Jit;
  /** To be set before the first cycle if the engine lints. */
  observer: Observer | undefined;
  readonly #exports: Exports;
  /** Slots of a page at which some breakpoint is. */
  #breakSlots: ReadonlySet<number> = new Set();
  #watchedPages: readonly number[] = [];

  constructor(
    memoryBytes: number,
    harts: number,
    bus: Bus,
    stops: Stops,
    { tlbEntries, threshold: asked, compiler, linting = false, hash }: EngineOptions,
  ) {
    // Compiled code tells of no fence: tier 0 must have seen which instructions are fences.
    const threshold = linting && asked === 1 ? 2 : asked;
    const layout = layoutOf(memoryBytes, harts, tlbEntries, linting);
    this.layout = layout;
    const limit = BigInt(layout.wasmPages);
    // The type that TypeScript knows is that of 32-bit memories.
    const descriptor: unknown = { address: "i64", initial: limit, maximum: limit };
    const memory = new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
    this.bytes = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.u64 = new BigUint64Array(memory.buffer);
    const { module, parts } = compiled(layout, threshold);
    const create = threshold > 1 ? compiler : undefined;
    this.jit = new Jit(
      layout,
      memory,
      threshold,
      create?.({ memoryBytes, harts, tlbEntries, threshold, linting }) ?? new DirectCompiler(parts),
      this,
      hash,
    );
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory,
        table: this.jit.table,
        hot: (record: number) => this.jit.hot(record) ? 1 : 0,
        dropCompiled: (page: number) => this.jit.rewritten(page),
        busLoad: (address: number, width: number) => {
          const value = bus.load(address >>> 0, width);
          this.i32[MACHINE.mmioFault / 4] = value === undefined ? 1 : 0;
          this.i32[MACHINE.mmioHigh / 4] = bus.high;
          return value ?? 0;
        },
        busStore: (address: number, width: number, low: number, high: number) => {
          const taken = bus.store(address >>> 0, width, low >>> 0, high >>> 0);
          this.i32[MACHINE.mmioFault / 4] = taken ? 0 : 1;
        },
        breakHit: (hart: number, pc: bigint) =>
          stops.breakHit(hart, BigInt.asUintN(64, pc)) ? 1 : 0,
        watch: (hart: number, host: bigint, address: bigint, sizeBytes: number, kind: number) =>
          stops.accessed({
            hart,
            physical: Number(host) - layout.ram + DRAM,
            address: BigInt.asUintN(64, address),
            sizeBytes,
            kind: WATCH_KINDS[kind],
          }),
        decodeRecord: (record: number) => {
          this.#decodeRecord(record);
          this.jit.decoding(Math.floor(record * RECORD_BYTES / DECODED_BYTES));
        },
        decodeWord: (hart: number, word: number) =>
          this.#fill(hartBase(hart) + STRADDLE_RECORD, decode(word), SLOTS),
        ...(linting ? lintImports(() => this.observer!) : {}),
      },
    });
    this.#exports = instance.exports as unknown as Exports;
    this.jit.linkTo(instance.exports, (record) => this.#decodeRecord(record));
    this.#initialise();
  }

  /** Runs a hart for at most `cycles`; returns how many are left. */
  run(hart: number, cycles: number): number {
    return this.#exports.run(hart, cycles);
  }

  /** A field of a hart, as an unsigned 64-bit value. */
  field(hart: number, field: HartField): bigint {
    return this.u64[(hartBase(hart) + offsetOf(field)) / 8];
  }

  /** Sets a field of a hart; {@link stateChanged} must follow unless nothing is derived from it. */
  setField(hart: number, field: HartField, value: bigint): void {
    this.u64[(hartBase(hart) + offsetOf(field)) / 8] = value;
  }

  /** Index of the low half of a hart's field in {@link i32}. */
  index32(hart: number, field: HartField): number {
    return (hartBase(hart) + offsetOf(field)) / 4;
  }

  /**
   * A CSR as machine mode reads it between two cycles; reading changes nothing.
   * @param cycle now
   * @param written given: what machine mode writes, as `csrw` would
   * @returns the value before; `undefined` if there is no such CSR or it refuses the access
   */
  accessCsr(hart: number, number: number, cycle: number, written?: bigint): bigint | undefined {
    const position = csrPosition(number);
    if (position === undefined) return undefined;
    const privilege = this.field(hart, "privilege");
    const status = this.field(hart, "mstatus");
    const isFloat = number <= FCSR;
    this.setField(hart, "privilege", 3n);
    // The float CSRs refuse while FS is off.
    if (isFloat) this.setField(hart, "mstatus", status | MSTATUS.FS);
    // A read counts as done in this cycle; what a write sets counts from this cycle on.
    this.u64[MACHINE.sliceStart / 8] = BigInt(cycle);
    this.setField(hart, "granted", written === undefined ? 1n : 0n);
    this.setField(hart, "left", 0n);
    this.setField(hart, "notRetired", 0n);
    const value = this.#exports.csrAccess(
      BigInt(hartBase(hart)),
      position,
      number,
      written ?? 0n,
      CSR_KIND.write,
      written === undefined ? 0 : 1,
    );
    const refused = this.field(hart, "fault") !== 0n;
    this.setField(hart, "fault", 0n);
    this.setField(hart, "privilege", privilege);
    if (isFloat) this.setField(hart, "mstatus", status);
    return refused ? undefined : BigInt.asUintN(64, value);
  }

  /** Sets the breakpoints: all of them, by virtual address. */
  setBreakpoints(addresses: Iterable<bigint>): void {
    const slots = new Set<number>();
    for (const address of addresses) slots.add(Number(address & 4095n) / 2);
    const { decoded } = this.layout;
    const pages = this.i32[MACHINE.decodedCount / 4];
    for (const slot of new Set([...slots, ...this.#breakSlots])) {
      for (let page = 0; page < pages; page++) {
        const base = decoded + page * DECODED_BYTES;
        this.u16[(base + slot * RECORD_BYTES) / 2] = OP_UNDECODED;
        this.#unfuse(base, slot);
      }
    }
    this.jit.setBreakSlots(slots);
    this.#breakSlots = slots;
  }

  // No record before a slot executes the instruction there any more.
  #unfuse(base: number, slot: number): void {
    const first = Math.max(0, slot - 2 * (RUN_MAX - 1));
    for (
      let record = base + first * RECORD_BYTES;
      record < base + slot * RECORD_BYTES;
      record += RECORD_BYTES
    ) {
      const op = this.u16[record / 2];
      this.u16[record / 2] = singleOf(op & ~OP_COMPILED) | op & OP_COMPILED;
    }
  }

  /** Sets the watched pages: all of them, as physical page numbers within RAM. */
  setWatchedPages(pages: Iterable<number>): void {
    const { pageFlags } = this.layout;
    for (const page of this.#watchedPages) this.bytes[pageFlags + page] &= ~PAGE.watched;
    this.#watchedPages = [...pages];
    for (const page of this.#watchedPages) this.bytes[pageFlags + page] |= PAGE.watched;
    this.#exports.flushAll();
  }

  /** Forgets every TLB entry; nothing that a guest can see. */
  flushAll(): void {
    this.#exports.flushAll();
  }

  /** Where the engine lints: whatever the hart translates next, its observer is told. */
  forgetWalks(hart: number): void {
    const { knownWalks } = this.layout;
    const sizeBytes = KNOWN_WALKS * KNOWN_WALK_BYTES;
    this.bytes.fill(0xff, knownWalks! + hart * sizeBytes, knownWalks! + (hart + 1) * sizeBytes);
    this.#exports.flushHart(BigInt(hartBase(hart)));
  }

  /** Where the engine lints: from whichever page the hart fetches next, its observer is told. */
  forgetFetches(hart: number): void {
    for (const regime of [REGIME.user, REGIME.supervisor, REGIME.machine]) {
      const tlb = hartBase(hart) + tlbOffset(regime);
      this.bytes.fill(0xff, tlb + TLB_FETCH, tlb + TLB_LEAVES);
    }
  }

  /** Where the engine lints: decodes an instruction again, now that it is suspicious no more. */
  forgetSuspicious(page: number, slot: number): void {
    const decodedPage = this.i32[this.layout.codeMap / 4 + page] - 1;
    if (decodedPage < 0) return;
    const op = (this.layout.decoded + decodedPage * DECODED_BYTES + slot * RECORD_BYTES) / 2;
    if (this.u16[op] === OP_STRADDLE) this.u16[op] = OP_UNDECODED;
  }

  /** Takes the list of pages written since the last call, and marks them clean. */
  takeDirtyPages(): Int32Array {
    const count = this.i32[MACHINE.dirtyCount / 4];
    const first = this.layout.dirtyList / 4;
    const pages = this.i32.slice(first, first + count);
    this.#exports.cleanAll();
    return pages;
  }

  /** XXH64 of what a page of RAM holds, with seed 0. */
  pageHash(page: number): bigint {
    return BigInt.asUintN(64, this.#exports.pageHash(BigInt(this.layout.ram + page * 4096)));
  }

  /** Must precede a store to guest memory that no instruction makes; not across a page. */
  beforeExternalStore(hart: number, host: number, sizeBytes: number): void {
    this.#exports.externalStore(BigInt(hartBase(hart)), BigInt(host), BigInt(sizeBytes));
  }

  /** Computes again what is derived from a hart's state, after the state was set from outside. */
  stateChanged(hart: number): void {
    this.#exports.pmpUpdate(BigInt(hartBase(hart)));
    this.#exports.flushAll();
  }

  #initialise(): void {
    const { layout } = this;
    const ramPages = layout.memoryBytes / 4096;
    this.bytes.fill(PAGE.clean, layout.pageFlags, layout.pageFlags + ramPages);
    this.bytes.fill(PAGE.readOnly, layout.pageFlags + ramPages, layout.pageFlags + layout.pages);
    for (let hart = 0; hart < layout.harts; hart++) {
      this.setField(hart, "hartid", BigInt(hart));
      this.setField(hart, "straddleWord", (1n << 64n) - 1n); // no word: none is decoded yet
      const record = hartBase(hart) + STRADDLE_RECORD;
      this.u16[(record + RECORD_BYTES) / 2] = OP_PAGE_END;
      this.u16[(record + 2 * RECORD_BYTES) / 2] = OP_PAGE_END;
    }
    this.#exports.flushAll();
  }

  // Decodes a record, and those that are executed after it whatever happens, but for a trap.
  #decodeRecord(record: number): void {
    const decodedPage = Math.floor(record * RECORD_BYTES / DECODED_BYTES);
    const base = this.layout.decoded + decodedPage * DECODED_BYTES;
    let slot = (record * RECORD_BYTES - decodedPage * DECODED_BYTES) / RECORD_BYTES;
    const first = slot;
    do slot += this.#decodeSlot(base, slot); while (
      slot < SLOTS && this.u16[(base + slot * RECORD_BYTES) / 2] === OP_UNDECODED
    );
    this.#fuse(base, first, slot);
  }

  // Fuses the records of instructions that follow each other, from a slot on and up to another one.
  #fuse(base: number, first: number, end: number): void {
    const records: number[] = [];
    const ops: number[] = [];
    for (let slot = first, more = RUN_MAX - 1; slot < SLOTS && (slot < end || more-- > 0);) {
      const record = (base + slot * RECORD_BYTES) / 2;
      const op = singleOf(this.u16[record] & ~OP_COMPILED);
      if (op <= OP_BREAK) break;
      if (slot < end) records.push(record);
      ops.push(op);
      const { index, length } = HANDLERS[op - OP_FIRST];
      if (ENDS_BLOCK[index]) break;
      slot += length / 2;
    }
    const fused = fuse(ops);
    records.forEach((record, i) => {
      this.u16[record] = fused[i] | this.u16[record] & OP_COMPILED;
    });
  }

  // Returns how many slots further the next instruction is, which follows in any case; else SLOTS.
  #decodeSlot(base: number, slot: number): number {
    const page = this.i32[(base + DECODED_HEADER) / 4];
    const half = (this.layout.ram + page * 4096) / 2 + slot;
    const low = this.u16[half];
    const address = base + slot * RECORD_BYTES;
    const isLong = (low & 3) === 3;
    const special = this.#breakSlots.has(slot)
      ? OP_BREAK
      : isLong && slot === SLOTS - 1
      ? OP_STRADDLE
      : undefined;
    if (special !== undefined) {
      this.u16[address / 2] = special;
      return SLOTS;
    }
    const decoded = decode(isLong ? (low | this.u16[half + 1] << 16) : low);
    if (this.layout.knownWalks !== undefined && this.#isTold(decoded, page, slot)) {
      this.u16[address / 2] = OP_STRADDLE;
      return SLOTS;
    }
    this.#fill(address, decoded, slot);
    return decoded && !ENDS_BLOCK[decoded.index] ? decoded.length / 2 : SLOTS;
  }

  // Whether the observer is told of an instruction each time: it is fetched as if it straddled pages,
  // which no compiled code does.
  #isTold(decoded: Decoded | undefined, page: number, slot: number): boolean {
    return decoded !== undefined && FENCES[decoded.index] ||
      this.observer!.isSuspicious(page, slot) || this.observer!.isSuspicious(page, slot + 1);
  }

  // Writes a record; from slot SLOTS on no target is near.
  #fill(address: number, decoded: Decoded | undefined, slot: number): void {
    if (!decoded) {
      this.u16[address / 2] = OP_ILLEGAL;
      return;
    }
    const { index, length, rd, rs1, rs2, rs3, rm, imm } = decoded;
    const target = slot * 2 + imm;
    const near = NEAR[index] && slot < SLOTS && target >= 0 && target < 4096;
    const second = TRAITS[index].csr ? csrPosition(imm) ?? NO_CSR : rs2;
    // Near records hold the distance in bytes of records.
    const immediate = near ? imm * (RECORD_BYTES / 2) : UPPER_IMM[index] ? imm >> 12 : imm;
    const third = HAS_IMM[index] ? immediate : rm | rs3 << 8;
    const destination = WRITES_X[index] && rd === 0 ? X0_SINK : rd;
    this.i32[address / 4] = opOf(index, length, near) | destination << 16 | rs1 << 24;
    this.i32[address / 4 + 1] = second | third << 8;
  }
}

const FCSR = 3;
const WRITES_X = INSTRUCTIONS.map(({ effects }) => effects.some((effect) => effect.op === "setX"));
const ENDS_BLOCK = INSTRUCTIONS.map(({ effects }) =>
  effects.some(({ op }) => op === "jump" || op === "branch" || op === "system")
);
const FENCES = INSTRUCTIONS.map(({ effects }) =>
  effects.some((effect) =>
    effect.op === "system" && (effect.name === "sfence.vma" || effect.name === "fence.i")
  )
);
const HAS_IMM = INSTRUCTIONS.map(({ encoding }) => /imm|csr/.test(encoding));

interface Emitted {
  readonly module: WebAssembly.Module;
  readonly parts: CompilerParts;
}

const modules = new Map<string, Emitted>();

// The module depends on the layout alone, so machines of one shape share it.
function compiled(layout: Layout, threshold: number): Emitted {
  const key = `${layout.memoryBytes}/${layout.harts}/${layout.tlbEntries}/${threshold}` +
    (layout.knownWalks === undefined ? "" : "/linting");
  let emitted = modules.get(key);
  if (!emitted) {
    const { bytes, parts } = emitEngine(layout, threshold);
    emitted = { module: new WebAssembly.Module(bytes), parts };
    modules.set(key, emitted);
  }
  return emitted;
}

/** What tier 1 needs of the engine of a shape. */
export function compilerParts(
  { memoryBytes, harts, tlbEntries, linting }: EngineShape,
): CompilerParts {
  return emitFunctions(layoutOf(memoryBytes, harts, tlbEntries, linting)).parts;
}

/** The bytes of the engine's WebAssembly module for a layout, and what tier 1 needs of it. */
export function emitEngine(
  layout: Layout,
  threshold: number,
): { bytes: Uint8Array<ArrayBuffer>; parts: CompilerParts } {
  const { module, parts, interpreter } = emitFunctions(layout);
  emitInterpreter(module, { ...interpreter, threshold });
  module.exportAll();
  return { bytes: module.encode(), parts };
}

// All functions but the interpreter's one, which is half of the work and which tier 1 does not call.
function emitFunctions(layout: Layout) {
  const module = new Module();
  module.importMemory("env", "memory", layout.wasmPages, layout.wasmPages);
  module.importTable("env", "table");
  const bus = {
    load: module.import("env", "busLoad", ["i32", "i32"], "i32"),
    store: module.import("env", "busStore", ["i32", "i32", "i32", "i32"], "void"),
  };
  const decodeRecord = module.import("env", "decodeRecord", ["i32"], "void");
  const decodeWord = module.import("env", "decodeWord", ["i32", "i32"], "void");
  const breakHit = module.import("env", "breakHit", ["i32", "i64"], "i32");
  const watch = module.import("env", "watch", ["i32", "i64", "i64", "i32", "i32"], "void");
  const hot = module.import("env", "hot", ["i32"], "i32");
  const dropCompiled = module.import("env", "dropCompiled", ["i32"], "void");
  const lint = importLint(module, layout);
  const pages = emitPages(module, layout, dropCompiled, lint);
  emitPageHash(module);
  const pmp = emitPmp(module, layout);
  const dataRegime = emitDataRegime(module);
  const translate = emitTranslate(module, pages, pmp, watch, lint);
  const access = emitAccess(module, layout, bus, pages, pmp, translate, watch, lint);
  const csrAccess = emitCsrAccess(module, pages, pmp);
  const traps = emitTraps(module, lint);
  const float = emitFloat(module);
  const helpers = emitHelpers(module, access, csrAccess);
  const single = emitSingle(module, access, decodeWord);
  const wordAt = emitWordAt(module, layout);
  return {
    module,
    parts: { layout, helpers, float, functions: module.functions },
    interpreter: {
      layout,
      access,
      csrAccess,
      traps,
      float,
      decodeRecord,
      hot,
      dataRegime,
      forgetPages: pages.forgetPages,
      single,
      wordAt,
      breakHit,
      lint,
    },
  };
}
