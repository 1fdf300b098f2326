/**
 * The rule of `sfence.vma`: no access may depend on whether its hart goes by memory's page tables or
 * by what it read of them before. Source: RISC-V privileged specification, 12.2.1.
 *
 * At each access that walks, what each PTE that the hart may still hold would lead to is held against
 * what memory leads to. It is a breach where the hart may reach another page, or one that it may not
 * reach any more, or may leave out to set D. It is none where the hart might fault though memory
 * allows the access by now: handlers look again after such a fault (a PTE that was not valid may be
 * held, too; Svvptc). Nor where A was cleared: it says only what was used lately.
 */
import type { Engine } from "../hart/engine.ts";
import { FENCE, WALK } from "../hart/linting.ts";
import { RIGHT } from "../hart/pmp.ts";
import { PTE } from "../hart/translate.ts";
import type { Report } from "./contract.ts";
import { type Change, Fences } from "./duty.ts";
import {
  type Access,
  frameUnder,
  has,
  isLeaf,
  isPointer,
  PageTables,
  type Satp,
  type Step,
} from "./page_tables.ts";
import { type Held, type Scope, Tlb } from "./tlb.ts";

const RULE = "RISC-V privileged, 12.2.1";
/** Changes of PTEs that are remembered, the latest. */
const CHANGES_MAX = 1 << 16;
const ACCESS_NAMES: Readonly<Record<number, string>> = {
  [RIGHT.read]: "a load",
  [RIGHT.write]: "a store",
  [RIGHT.execute]: "a fetch",
};

/** Why what a hart holds is not what memory has; `undefined` where that is not known. */
type Cause = Change | "satp" | undefined;

export class Translations {
  readonly #tables: PageTables;
  readonly #tlbs: readonly Tlb[];
  readonly #fences: readonly Fences<Scope>[];
  /** By the place of the PTE; the latest is the last. */
  readonly #changes = new Map<number, Change>();
  /** Harts that have used what another hart may be about to have fenced. */
  readonly #ahead = new Set<number>();
  #order = 0;

  constructor(
    readonly engine: Engine,
    readonly cycle: () => number,
    readonly report: Report,
  ) {
    this.#tables = new PageTables(engine);
    const harts = Array.from({ length: engine.layout.harts }, (_, hart) => hart);
    this.#tlbs = harts.map(() => new Tlb());
    this.#fences = harts.map((hart) => Fences.of(engine, hart));
  }

  /** See `Observer`. */
  pteStored(hart: number, place: number): void {
    this.#changes.delete(place);
    if (this.#changes.size >= CHANGES_MAX) {
      this.#changes.delete(this.#changes.keys().next().value!);
    }
    this.#changes.set(place, { hart, cycle: this.cycle(), order: ++this.#order });
  }

  /** See `Observer`. */
  walked(hart: number, low: number, high: number, how: number): void {
    const satp = this.#tables.satp(hart)!;
    const access: Access = {
      page: pageOf(low, high),
      right: how & 7,
      regime: how >>> WALK.regimeShift,
      mxr: this.#tables.mxr(hart),
    };
    const steps = this.#tables.walk(satp.root, satp.levels - 1, access.page);
    const failed = (how & WALK.failed) !== 0;
    const reached = failed ? undefined : frameUnder(steps.at(-1)!, access.page);
    const raisesDirty = (how & WALK.raisesDirty) !== 0;
    const stale = this.#stale(hart, satp, access, steps, reached, raisesDirty);
    if (stale.length > 0 && !this.#settle(hart, satp, access, stale, low, high)) return;
    if (!failed) this.#learn(hart, satp, access.page, steps);
  }

  /** See `Observer`. */
  fenced(hart: number, how: number, low: number, high: number, operand: number): void {
    const page = (how & FENCE.address) === 0 ? undefined : pageOf(low, high);
    const scope = { page, asid: (how & FENCE.asid) === 0 ? undefined : operand & 0xffff };
    this.#fences[hart].add(++this.#order, scope);
    this.#tlbs[hart].fence(scope, this.#order);
    if (page === undefined) return this.engine.forgetWalks(hart);
    // The engine goes on with what it knows of the page: as if it were read again at once.
    const satp = this.#tables.satp(hart);
    const steps = satp && this.#tables.walk(satp.root, satp.levels - 1, page);
    const leaf = steps?.at(-1)?.pte ?? 0;
    if (isLeaf(leaf) && has(leaf, PTE.accessed)) this.#learn(hart, satp!, page, steps!);
  }

  /** A hart begins to act. */
  turn(hart: number): void {
    // The other one may be done by now: let the next use be seen.
    if (this.#ahead.delete(hart)) this.engine.forgetWalks(hart);
  }

  // What the hart may hold by which the access would go elsewhere, or succeed where it does not.
  #stale(
    hart: number,
    { asid }: Satp,
    access: Access,
    steps: readonly Step[],
    reached: number | undefined,
    raisesDirty: boolean,
  ): Held[] {
    const stale = [];
    for (const held of this.#tlbs[hart].find(asid, access.page)) {
      const leavesOutDirty = raisesDirty && !isPointer(held.pte) && has(held.pte, PTE.dirty);
      const step = steps.find(({ level }) => level === held.level);
      const isStep = step && step.place === held.place && step.pte === held.pte;
      if (isStep && !leavesOutDirty) continue;
      const before = this.#tables.reached(held, access);
      if (before !== undefined && (before !== reached || leavesOutDirty)) stale.push(held);
    }
    return stale;
  }

  // Returns false if another hart may be about to see to it.
  #settle(
    hart: number,
    satp: Satp,
    access: Access,
    stale: readonly Held[],
    low: number,
    high: number,
  ): boolean {
    const cause = this.#causeOf(hart, satp, access.page, stale[0]);
    if (cause !== undefined && cause !== "satp" && !this.#isDone(cause, hart, satp, access)) {
      this.#ahead.add(hart);
      return false;
    }
    for (const held of stale) this.#tlbs[hart].forget(satp.asid, access.page, held);
    if (cause !== undefined) this.#tell(hart, access, low, high, cause);
    return true;
  }

  #learn(hart: number, satp: Satp, page: number, steps: readonly Step[]): void {
    const tlb = this.#tlbs[hart];
    tlb.hold(satp, page, steps, ++this.#order);
    if (!tlb.isFull) return;
    tlb.clear();
    this.engine.forgetWalks(hart);
  }

  #causeOf(hart: number, { asid, root }: Satp, page: number, held: Held): Cause {
    const isChanged = ({ place, pte }: Held) => !isSame(this.#tables.pte(place), pte);
    const above = [...this.#tlbs[hart].find(asid, page)]
      .filter(({ level, root }) => level >= held.level && root === held.root);
    const changed = [held, ...above].find(isChanged);
    if (changed === undefined && held.root !== root) return "satp";
    const change = this.#changes.get((changed ?? held).place);
    return change && change.order > held.order ? change : undefined;
  }

  // Another hart's change counts once that hart has done with it.
  #isDone(change: Change, hart: number, { asid }: Satp, { page }: Access): boolean {
    if (change.hart === hart) return true;
    return this.#fences[change.hart].isDone(
      change,
      (scope) => (scope.page ?? page) === page && (scope.asid ?? asid) === asid,
    );
  }

  #tell(hart: number, access: Access, low: number, high: number, cause: Change | "satp"): void {
    const address = BigInt.asUintN(64, BigInt(high) << 32n | BigInt(low >>> 0));
    const before = cause === "satp"
      ? "the tables that satp named before for the same ASID"
      : cause.hart === hart
      ? `a PTE that was changed at cycle ${cause.cycle}`
      : `a PTE that hart ${cause.hart} changed at cycle ${cause.cycle}`;
    const text =
      `${ACCESS_NAMES[access.right]} of 0x${address.toString(16)} may still go by ${before}: ` +
      "there was no sfence.vma for it";
    this.report(hart, access.right === RIGHT.execute ? 1 : 0, RULE, text);
  }
}

// A and D are set by walks.
function isSame(a: number, b: number): boolean {
  const bits = PTE.accessed | PTE.dirty;
  const without = (pte: number) => pte - (pte % 256 & bits);
  return without(a) === without(b);
}

// 57 bits of virtual address have 45 of page; those above repeat the highest.
function pageOf(low: number, high: number): number {
  return (high & 0x1ff_ffff) * 2 ** 20 + (low >>> 12);
}
