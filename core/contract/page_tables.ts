/**
 * Page tables as they stand in RAM. Source: RISC-V privileged specification, 12.3.
 *
 * Pages, frames and PTEs are numbers: a PTE is what it names × 256 and its lowest 8 bits.
 */
import type { Engine } from "../hart/engine.ts";
import { DRAM, REGIME } from "../hart/layout.ts";
import { RIGHT } from "../hart/pmp.ts";
import { PTE } from "../hart/translate.ts";

/** Levels of Sv57. */
export const LEVELS_MAX = 5;
export const GLOBAL = 0x20;
const MXR = 1 << 19;

/** `satp`, with a mode that translates. */
export interface Satp {
  readonly asid: number;
  /** The frame of the first table. */
  readonly root: number;
  readonly levels: number;
}

/** A PTE that a walk has read. */
export interface Step {
  readonly level: number;
  /** Where it is: in RAM / 8. */
  readonly place: number;
  readonly pte: number;
}

/** What an access asks of a translation. */
export interface Access {
  readonly page: number;
  /** One of {@link RIGHT}. */
  readonly right: number;
  readonly regime: number;
  /** Whether what can be executed can be loaded. */
  readonly mxr: boolean;
}

export class PageTables {
  readonly #words: Uint32Array;

  constructor(readonly engine: Engine) {
    this.#words = new Uint32Array(engine.bytes.buffer);
  }

  /** `undefined` where nothing is translated. */
  satp(hart: number): Satp | undefined {
    const index = this.engine.index32(hart, "satp");
    const [low, high] = [this.#words[index], this.#words[index + 1]];
    const mode = high >>> 28;
    if (mode === 0) return undefined;
    // Modes 8, 9, 10: 3, 4, 5 levels.
    return { asid: high >>> 12 & 0xffff, root: (high & 0xfff) * 2 ** 32 + low, levels: mode - 5 };
  }

  mxr(hart: number): boolean {
    return (this.#words[this.engine.index32(hart, "mstatus")] & MXR) !== 0;
  }

  /** The PTE at a place; 0 if it has reserved bits or is not in RAM. */
  pte(place: number): number {
    const { layout } = this.engine;
    if (place < 0 || place * 8 >= layout.memoryBytes) return 0;
    const word = layout.ram / 4 + place * 2;
    const [low, high] = [this.#words[word], this.#words[word + 1]];
    return high >>> 22 === 0 ? (high * 2 ** 22 + (low >>> 10)) * 256 + (low & 0xff) : 0;
  }

  /** The steps of a walk that begins in a table; the last one maps the page, or nothing does. */
  walk(table: number, level: number, page: number): Step[] {
    const steps: Step[] = [];
    for (;; level--) {
      const place = (table * 4096 - DRAM) / 8 + Math.floor(page / 512 ** level) % 512;
      const pte = this.pte(place);
      steps.push({ level, place, pte });
      if (!isPointer(pte) || level === 0) return steps;
      table = named(pte);
    }
  }

  /** The frame that an access reaches by a PTE that it has found; `undefined` if it is not allowed. */
  reached(step: Step, access: Access): number | undefined {
    if (isPointer(step.pte)) {
      if (step.level === 0) return undefined;
      const last = this.walk(named(step.pte), step.level - 1, access.page).at(-1)!;
      return isPointer(last.pte) ? undefined : this.reached(last, access);
    }
    if (!isAllowed(step.pte, access)) return undefined;
    return frameUnder(step, access.page);
  }
}

/** The frame of a page that a leaf maps, alone or with its neighbours. */
export function frameUnder({ level, pte }: Step, page: number): number {
  return named(pte) + page % 512 ** level;
}

export function has(pte: number, bits: number): boolean {
  return (pte % 256 & bits) === bits;
}

export function isPointer(pte: number): boolean {
  return (pte % 256 & (PTE.valid | PTE.read | PTE.write | PTE.execute)) === PTE.valid;
}

export function isLeaf(pte: number): boolean {
  return has(pte, PTE.valid) && !isPointer(pte);
}

/** The frame or table that a PTE names. */
function named(pte: number): number {
  return Math.floor(pte / 256);
}

/** Whether a PTE leads where another does, and allows no less; of a leaf that was used. */
export function isCovered(pte: number, by: number): boolean {
  if (named(pte) !== named(by) || has(pte, PTE.user) !== has(by, PTE.user)) return false;
  return isPointer(pte) === isPointer(by) && has(by, pte % 256 & ~(PTE.accessed | GLOBAL));
}

// Whether a leaf allows an access as it is, with no bit to be set first.
function isAllowed(pte: number, { right, regime, mxr }: Access): boolean {
  if (!has(pte, PTE.valid | PTE.accessed)) return false;
  const isUsers = has(pte, PTE.user);
  if (regime === REGIME.user ? !isUsers : isUsers) {
    if (regime !== REGIME.supervisorSum || right === RIGHT.execute) return false;
  }
  if (right === RIGHT.write) return has(pte, PTE.write | PTE.dirty);
  if (right === RIGHT.execute) return has(pte, PTE.execute);
  return has(pte, PTE.read) || mxr && has(pte, PTE.execute);
}
