/** From hot pages to WebAssembly: plain data in, plain data out, so that a thread of its own may do it. */
import { Module, type WasmFunction } from "../../wasm/module.ts";
import { emitRegion, type RegionParts } from "./emit_region.ts";
import { SLOT } from "./profile.ts";
import { type PageView, recoverRegions } from "./region.ts";
import type { Trail } from "./trail.ts";

/** Instead of a decoded page's number: the machine has not come there yet. */
export const AHEAD = -1;

/** A page that tier 0 has often been in, or that it is expected to be in. */
export interface HotPage {
  /** The number of its decoded form, or {@link AHEAD}. */
  readonly page: number;
  /** What it holds: 2,048 halfwords. */
  readonly code: Uint16Array;
  /** For each halfword what is known of the instruction that begins there: {@link SLOT}. */
  readonly slots: Uint8Array;
  /** Signatures of regions that are compiled already. */
  readonly compiled: readonly string[];
}

/** A page's compiled code. */
export interface CompiledPage {
  readonly page: number;
  /** What the page held. */
  readonly code: Uint16Array;
  readonly regions: readonly CompiledRegion[];
  /** Signatures of regions that stay as they are. */
  readonly kept: readonly string[];
}

export interface CompiledRegion {
  /** What its code depends on, beside what the page holds. */
  readonly signature: string;
  /** Offsets in bytes; the position of an offset is the number of the entry. */
  readonly entries: readonly number[];
  /** Offsets in bytes of all instructions. */
  readonly offsets: readonly number[];
}

/** A module whose functions `region0`, `region1`, … are the regions of the pages, in order. */
export interface CompiledBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pages: readonly CompiledPage[];
}

/** Compiles one batch at a time. */
export interface Compiler {
  /** Whether it can take pages now, and how many at most. */
  readonly isIdle: boolean;
  readonly batchPages: number;
  /** What has been hot before, where that is remembered. */
  readonly trail?: Trail;
  submit(pages: readonly HotPage[]): void;
  /** What has been submitted, once it is compiled. */
  take(): CompiledBatch | undefined;
}

/** What compiled code is linked with. */
export interface CompilerParts extends RegionParts {
  /** All functions of the engine. */
  readonly functions: readonly WasmFunction[];
}

/** Compiles at once, on the calling thread. */
export class DirectCompiler implements Compiler {
  /** Nobody must feel the pause. */
  readonly batchPages = 2;
  #batch: CompiledBatch | undefined;

  constructor(readonly parts: CompilerParts) {}

  get isIdle(): boolean {
    return this.#batch === undefined;
  }

  submit(pages: readonly HotPage[]): void {
    this.#batch = compilePages(pages, this.parts);
  }

  take(): CompiledBatch | undefined {
    const batch = this.#batch;
    this.#batch = undefined;
    return batch;
  }
}

/**
 * Compiles pages to one module.
 *
 * It imports `env.memory`, `env.table`, `env.base` (the table index that its first function is going
 * to have) and what it calls of the `engine`.
 */
export function compilePages(pages: readonly HotPage[], parts: CompilerParts): CompiledBatch {
  const module = new Module();
  const { wasmPages } = parts.layout;
  module.importMemory("env", "memory", wasmPages, wasmPages);
  module.importTable("env", "table");
  const base = module.importGlobal("env", "base");
  module.offer("engine", parts.functions);
  let count = 0;
  const answers = pages.map(({ page, code, slots, compiled }): CompiledPage => {
    const at = (flag: number) =>
      [...slots.keys()].filter((slot) => slots[slot] & flag).map((slot) => slot * 2);
    const view: PageView = {
      half: (offset) => code[offset / 2],
      known: (offset) => (slots[offset / 2] & SLOT.known) !== 0,
      warm: (offset) => (slots[offset / 2] & SLOT.warm) !== 0,
    };
    const kept: string[] = [];
    const regions: CompiledRegion[] = [];
    for (const region of recoverRegions(view, at(SLOT.far), at(SLOT.near))) {
      const offsets = [...region.blocks.values()].flatMap(({ instructions }) =>
        instructions.map(({ offset }) => offset)
      );
      const signature = `${region.entries};${[...region.blocks.keys()]};${offsets.length}`;
      if (compiled.includes(signature)) {
        kept.push(signature);
        continue;
      }
      const name = `region${count}`;
      module.export(emitRegion(module, parts, region, name, base.add(count)));
      regions.push({ signature, entries: region.entries, offsets });
      count++;
    }
    return { page, code, regions, kept };
  });
  return { bytes: module.encode(), pages: answers };
}
