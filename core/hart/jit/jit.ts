/** Tier 1's book-keeping: which pages are hot, which are compiled, and where their code is. */
import { Module, type WasmFunction } from "../../wasm/module.ts";
import {
  DECODED_BYTES,
  DECODED_HEADER,
  ENTRY,
  ENTRY_BITS,
  HEADER,
  HEAT,
  JUMPED_FAR,
  OP_COMPILED,
  RECORD_BYTES,
  SLOTS,
} from "../layout.ts";
import { OP_BREAK, OP_UNDECODED } from "../ops.ts";
import { emitRegion, type RegionParts } from "./emit_region.ts";
import { type PageView, recoverRegions, type Region } from "./region.ts";

/** Instructions of one module, roughly: a compilation must not be felt. */
const BATCH_INSTRUCTIONS = 2000;
/** Instructions that are kept compiled at most; the oldest regions go first. */
const COMPILED_INSTRUCTIONS_MAX = 200_000;
/** An instruction is entered, and a branch followed, if its heat is the threshold >> this at least. */
const ENTRY_SHIFT = 3;
const WARM_SHIFT = 7;
/** Code that has changed more often stays in tier 0. */
const REWRITTEN_MAX = 32;
const TABLE_INITIAL = 1024;
const TABLE_MAX = 1 << 20;

/** What the engine gives tier 1. */
export interface JitParts extends RegionParts {
  /** The engine's functions, and the same as exported by its instance. */
  readonly functions: readonly WasmFunction[];
}

/** What tier 1 has done; for people and benchmarks, never for the machine. */
export interface JitStatistics {
  readonly regions: number;
  readonly instructions: number;
  readonly wasmBytes: number;
  readonly compilations: number;
  readonly dropped: number;
}

/** The compiled code of a decoded page. */
interface Compiled {
  readonly regions: readonly { readonly region: Region; readonly tableIndex: number }[];
  readonly instructions: number;
}

interface Candidate {
  readonly page: number;
  readonly regions: readonly Region[];
  readonly instructions: number;
}

/**
 * Compiles hot pages, on the calls of whoever runs the machine.
 *
 * With a threshold of 1 a page is compiled before its first instruction is executed: for tests.
 */
export class Jit {
  readonly table: WebAssembly.Table = new WebAssembly.Table({
    element: "anyfunc",
    initial: TABLE_INITIAL,
    maximum: TABLE_MAX,
  });
  /** By decoded page: regions, the oldest first. */
  readonly #compiled = new Map<number, Compiled>();
  /** Decoded pages to be compiled, and how often each has asked since it was compiled last. */
  readonly #wanted = new Set<number>();
  readonly #asked = new Map<number, number>();
  readonly #timesCompiled = new Map<number, number>();
  readonly #timesRewritten = new Map<number, number>();
  /** By decoded page, records where no region begins although the threshold is 1. */
  readonly #refused = new Map<number, Set<number>>();
  #breakSlots: ReadonlySet<number> = new Set();
  readonly #freeIndices: number[] = [];
  #nextIndex = 0;
  #instructions = 0;
  #compilations = 0;
  #dropped = 0;
  #wasmBytes = 0;
  #imports: WebAssembly.Imports = {};

  constructor(
    readonly parts: JitParts,
    readonly memory: WebAssembly.Memory,
    readonly threshold: number,
    readonly view: { readonly u16: Uint16Array; readonly i32: Int32Array },
  ) {}

  /** @param exports all functions of the engine, by name */
  linkTo(exports: WebAssembly.Exports): void {
    this.#imports = { env: { memory: this.memory, table: this.table }, engine: exports };
  }

  get statistics(): JitStatistics {
    return {
      regions: this.#compiled.size,
      instructions: this.#instructions,
      wasmBytes: this.#wasmBytes,
      compilations: this.#compilations,
      dropped: this.#dropped,
    };
  }

  /** Tier 0 has jumped often to a record, where no compiled code begins. */
  hot(record: number): void {
    const page = Math.floor(record * RECORD_BYTES / DECODED_BYTES);
    const address = this.parts.layout.decoded + record * RECORD_BYTES;
    if (this.view.u16[address / 2] & OP_COMPILED || this.#refused.get(page)?.has(record)) return;
    if ((this.#timesRewritten.get(page) ?? 0) > REWRITTEN_MAX) return;
    if (this.threshold === 1) {
      this.#wanted.add(page);
      this.compile();
      if (!(this.view.u16[address / 2] & OP_COMPILED)) {
        if (!this.#refused.has(page)) this.#refused.set(page, new Set());
        this.#refused.get(page)!.add(record);
      }
      return;
    }
    const asked = (this.#asked.get(page) ?? 0) + 1;
    this.#asked.set(page, asked);
    // Each compilation of a page must be deserved by twice as much heat as the one before.
    if (asked >= 1 << (this.#timesCompiled.get(page) ?? 0)) this.#wanted.add(page);
  }

  /** Compiles some of what is hot. */
  compile(): void {
    if (this.#wanted.size === 0) return;
    const batch: Candidate[] = [];
    let instructions = 0;
    for (const page of this.#wanted) {
      this.#wanted.delete(page);
      this.#asked.set(page, 0);
      this.#timesCompiled.set(page, Math.min(20, (this.#timesCompiled.get(page) ?? 0) + 1));
      const regions = this.#recover(page);
      const count = regions.reduce((sum, region) => sum + region.instructions, 0);
      if (count === 0) continue;
      batch.push({ page, regions, instructions: count });
      instructions += count;
      if (instructions >= BATCH_INSTRUCTIONS) break;
    }
    if (batch.length > 0) this.#install(batch);
  }

  /** A store changes a page, or its decoded form goes: forgets its compiled code. */
  rewritten(page: number): void {
    this.#timesRewritten.set(page, (this.#timesRewritten.get(page) ?? 0) + 1);
    this.#refused.delete(page);
    this.drop(page);
  }

  /** Forgets the compiled code of a decoded page. */
  drop(page: number): void {
    const compiled = this.#compiled.get(page);
    if (!compiled) return;
    this.#compiled.delete(page);
    this.#instructions -= compiled.instructions;
    this.#dropped++;
    const { u16, i32 } = this.view;
    const base = this.#base(page);
    i32[(base + DECODED_HEADER + HEADER.compiled) / 4] = 0;
    for (const { region, tableIndex } of compiled.regions) {
      for (const offset of region.entries) {
        u16[(base + offset / 2 * RECORD_BYTES) / 2] &= ~OP_COMPILED;
      }
      this.table.set(tableIndex, null);
      this.#freeIndices.push(tableIndex);
    }
  }

  /** Sets the slots of pages at which no instruction is compiled: where breakpoints are. */
  setBreakSlots(slots: ReadonlySet<number>): void {
    const changed = new Set([...slots, ...this.#breakSlots]);
    this.#breakSlots = slots;
    this.#refused.clear();
    const touched = ({ blocks }: Region) =>
      [...blocks.values()].some(({ instructions }) =>
        instructions.some(({ offset }) => changed.has(offset / 2))
      );
    for (const [page, { regions }] of [...this.#compiled]) {
      if (regions.some(({ region }) => touched(region))) this.drop(page);
    }
  }

  #recover(page: number): Region[] {
    const { u16, i32 } = this.view;
    const base = this.#base(page);
    const code = this.parts.layout.ram + i32[(base + DECODED_HEADER + HEADER.page) / 4] * 4096;
    const heat = (offset: number) => i32[(base + offset / 2 * RECORD_BYTES + HEAT) / 4];
    const often = (share: number) => Math.max(1, this.threshold >> share);
    const pageView: PageView = {
      half: (offset) => u16[(code + offset) / 2],
      known: (offset) => {
        if (this.#breakSlots.has(offset / 2)) return false;
        const op = u16[(base + offset / 2 * RECORD_BYTES) / 2] & ~OP_COMPILED;
        return op > OP_BREAK || (op === OP_UNDECODED && this.threshold === 1);
      },
      warm: (offset) => this.threshold === 1 || (heat(offset) & ~JUMPED_FAR) >= often(WARM_SHIFT),
    };
    const far: number[] = [];
    const near: number[] = [];
    for (let offset = 0; offset < SLOTS * 2; offset += 2) {
      if ((heat(offset) & ~JUMPED_FAR) < often(ENTRY_SHIFT)) continue;
      (heat(offset) & JUMPED_FAR ? far : near).push(offset);
    }
    return recoverRegions(pageView, far, near);
  }

  #install(batch: readonly Candidate[]): void {
    const { layout } = this.parts;
    const module = new Module();
    module.importMemory("env", "memory", layout.wasmPages, layout.wasmPages);
    module.importTable("env", "table");
    module.importAll("engine", this.parts.functions);
    const emitted = batch.map(({ page, regions, instructions }) => {
      this.drop(page);
      const functions = regions.map((region) => {
        const tableIndex = this.#takeIndex();
        const fn = emitRegion(module, this.parts, region, tableIndex);
        module.export(fn);
        const { name } = fn;
        return { region, tableIndex, name };
      });
      return { page, regions: functions, instructions };
    });
    const bytes = module.encode();
    const compiled = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(compiled, this.#imports);
    this.#wasmBytes += bytes.length;
    this.#compilations++;
    for (const { page, regions, instructions } of emitted) {
      this.#compiled.set(page, { regions, instructions });
      this.#instructions += instructions;
      this.view.i32[(this.#base(page) + DECODED_HEADER + HEADER.compiled) / 4] = 1;
      for (const { region, tableIndex, name } of regions) {
        this.table.set(tableIndex, exports[name] as CallableFunction as () => unknown);
        this.#flag(page, region, tableIndex);
      }
    }
    for (const page of this.#compiled.keys()) {
      if (this.#instructions <= COMPILED_INSTRUCTIONS_MAX) break;
      this.drop(page);
    }
  }

  // From now on tier 0 enters at the region's entries.
  #flag(page: number, region: Region, tableIndex: number): void {
    const { u16, i32 } = this.view;
    const base = this.#base(page);
    region.entries.forEach((offset, number) => {
      const record = base + offset / 2 * RECORD_BYTES;
      u16[record / 2] |= OP_COMPILED;
      i32[(record + ENTRY) / 4] = tableIndex << ENTRY_BITS | number;
    });
  }

  #takeIndex(): number {
    const free = this.#freeIndices.pop();
    if (free !== undefined) return free;
    if (this.#nextIndex >= this.table.length) this.table.grow(this.table.length);
    return this.#nextIndex++;
  }

  #base(page: number): number {
    return this.parts.layout.decoded + page * DECODED_BYTES;
  }
}
