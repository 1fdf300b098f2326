/**
 * What an engine that lints tells, and to whom: what a hart may hold in caches that no guest sees,
 * and what would have to be fenced. An engine that does not lint has none of this code.
 */
import { type I32, type I64, int, type Void } from "../wasm/code.ts";
import { when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";
import { get, KNOWN_WALK_BYTES, KNOWN_WALKS, type Layout } from "./layout.ts";

/** Told of it while the instruction is under way. Numbers are those of wasm: signed, 32 bits. */
export interface Observer {
  /**
   * A virtual address, in halves, was translated anew and not to what the hart last found there.
   * @param how {@link WALK} bits
   */
  walked(hart: number, low: number, high: number, how: number): void;
  /** A valid PTE is about to be overwritten. @param pte its place in RAM / 8 */
  pteStored(hart: number, pte: number): void;
  /** `sfence.vma`. @param how {@link FENCE} bits: which operands count */
  fenced(hart: number, how: number, low: number, high: number, asid: number): void;
  /** `fence.i`. */
  fencedCode(hart: number): void;
  /** Instructions are fetched from a page of RAM. */
  fetchedPage(hart: number, page: number): void;
  /** Two bytes of an instruction are fetched. @param half their place in RAM / 2 */
  fetchedHalf(hart: number, half: number): void;
  /** Bytes of a page that has been fetched from are about to be overwritten. */
  codeStored(hart: number, page: number, offset: number, sizeBytes: number): void;
  /** Whether {@link fetchedHalf} must be told of the instruction at a slot of a page. */
  isSuspicious(page: number, slot: number): boolean;
  /** `ecall` in supervisor mode goes to machine mode. */
  called(hart: number): void;
  /** `mret` goes to supervisor mode. */
  returned(hart: number): void;
}

/** Bits of `how` of a walk. The lowest three are the right, and from 8 on there is the regime. */
export const WALK = { raisesDirty: 8, failed: 16, regimeShift: 8 } as const;
/** Bits of `how` of a fence: it has an operand other than `x0`. */
export const FENCE = { address: 1, asid: 2 } as const;

/** What the engine's functions call. */
export interface Lint {
  /** (hart, virtual address, leaf PTE as it was, leaf PTE as it is, right, regime): a walk's end. */
  walk(hart: I64, address: I64, old: I64, now: I64, right: I32, regime: I32): Void;
  walkFailed(hart: I64, address: I64, right: I32, regime: I32): Void;
  pteStored(hart: I64, pteHost: I64): Void;
  fenced(hart: I64, how: I32, address: I64, asid: I64): Void;
  fencedCode(hart: I64): Void;
  fetchedPage(hart: I64, host: I64): Void;
  fetchedHalf(hart: I64, host: I64): Void;
  codeStored(hart: I64, host: I64, size: I64): Void;
  called(hart: I64): Void;
  returned(hart: I64): Void;
}

/** What a module of a layout that lints imports: the methods of the observer. */
export function lintImports(observer: () => Observer): Record<string, CallableFunction> {
  return {
    walked: (hart: number, low: number, high: number, how: number) =>
      observer().walked(hart, low, high, how),
    pteStored: (hart: number, pte: number) => observer().pteStored(hart, pte),
    fenced: (hart: number, how: number, low: number, high: number, asid: number) =>
      observer().fenced(hart, how, low, high, asid),
    fencedCode: (hart: number) => observer().fencedCode(hart),
    fetchedPage: (hart: number, page: number) => observer().fetchedPage(hart, page),
    fetchedHalf: (hart: number, half: number) => observer().fetchedHalf(hart, half >>> 0),
    codeStored: (hart: number, page: number, offset: number, sizeBytes: number) =>
      observer().codeStored(hart, page, offset, sizeBytes),
    called: (hart: number) => observer().called(hart),
    returned: (hart: number) => observer().returned(hart),
  };
}

/** Where a layout lints: its imports, and what they are called with. To precede all functions. */
export function importLint(module: Module, layout: Layout): Lint | undefined {
  if (layout.knownWalks === undefined) return undefined;
  const knownWalks = layout.knownWalks;
  const imported = <const P extends readonly "i32"[]>(name: string, parameters: P) =>
    module.import("env", name, parameters, "void");
  const walked = imported("walked", ["i32", "i32", "i32", "i32"]);
  const pteStored = imported("pteStored", ["i32", "i32"]);
  const fenced = imported("fenced", ["i32", "i32", "i32", "i32", "i32"]);
  const fencedCode = imported("fencedCode", ["i32"]);
  const fetchedPage = imported("fetchedPage", ["i32", "i32"]);
  const fetchedHalf = imported("fetchedHalf", ["i32", "i32"]);
  const codeStored = imported("codeStored", ["i32", "i32", "i32", "i32"]);
  const called = imported("called", ["i32"]);
  const returned = imported("returned", ["i32"]);
  const noteWalk = defineNoteWalk(module, knownWalks, walked);
  const number = (hart: I64) => get(hart, "hartid").wrap();
  const how = (right: I32, regime: I32) => right.or(regime.shl(WALK.regimeShift));
  const inRam = (host: I64) => host.sub(layout.ram);
  return {
    walk: (hart, address, old, now, right, regime) =>
      noteWalk.call(hart, address, old, now, how(right, regime)),
    walkFailed: (hart, address, right, regime) =>
      walked.call(
        number(hart),
        address.wrap(),
        address.shrU(32).wrap(),
        how(right, regime).or(WALK.failed),
      ),
    pteStored: (hart, host) => pteStored.call(number(hart), inRam(host).shrU(3).wrap()),
    fenced: (hart, how, address, asid) =>
      fenced.call(number(hart), how, address.wrap(), address.shrU(32).wrap(), asid.wrap()),
    fencedCode: (hart) => fencedCode.call(number(hart)),
    fetchedPage: (hart, host) => fetchedPage.call(number(hart), inRam(host).shrU(12).wrap()),
    fetchedHalf: (hart, host) => fetchedHalf.call(number(hart), inRam(host).shrU(1).wrap()),
    codeStored: (hart, host, size) =>
      codeStored.call(
        number(hart),
        inRam(host).shrU(12).wrap(),
        host.and(4095).wrap(),
        size.wrap(),
      ),
    called: (hart) => called.call(number(hart)),
    returned: (hart) => returned.call(number(hart)),
  };
}

// (hart, virtual address, leaf PTE as it was, as it is, how): tells of a walk, unless the hart's last
// one for this page under this satp found the same.
function defineNoteWalk(
  module: Module,
  knownWalks: number,
  walked: WasmFunction<["i32", "i32", "i32", "i32"], "void">,
) {
  const noteWalk = module.function("noteWalk", ["i64", "i64", "i64", "i64", "i32"], "void");
  const dirty = 0x80;
  module.define(noteWalk, (f, hart, address, old, now, how) => {
    const known = f.i64();
    const page = f.i64();
    const satp = get(hart, "satp");
    const raisesDirty = now.xor(old).and(dirty).ne(0);
    return [
      page.set(address.and(-4096)),
      // Spread by ASID, so that programs do not drive each other out.
      known.set(
        address.shrU(12).add(satp.shrU(44).mul(0x9e5)).and(KNOWN_WALKS - 1)
          .add(get(hart, "hartid").mul(KNOWN_WALKS)).mul(KNOWN_WALK_BYTES).add(knownWalks),
      ),
      when(
        known.load64().ne(page).or(known.load64(8).ne(satp)).or(known.load64(16).ne(old))
          .or(raisesDirty),
        [
          known.store64(page),
          known.store64(satp, 8),
          known.store64(now, 16),
          walked.call(
            get(hart, "hartid").wrap(),
            address.wrap(),
            address.shrU(32).wrap(),
            how.or(raisesDirty.select(int(WALK.raisesDirty), int(0))),
          ),
        ],
      ),
    ];
  });
  return noteWalk;
}
