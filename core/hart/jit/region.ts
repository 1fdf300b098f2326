/** The control flow of a page of code: which instructions are compiled together, in which blocks. */
import { decode, type Decoded } from "../../isa/decode.ts";
import type { Effect, SystemName } from "../../isa/effect.ts";
import { INSTRUCTIONS } from "../../isa/isa.ts";
import { BLOCK_CYCLES_MAX } from "../layout.ts";

const PAGE_BYTES = 4096;
/** A function and those that call it become one region up to this many instructions. */
const CALLED_INSTRUCTIONS_MAX = 200;

/** An instruction at a place in its page. */
export interface Placed {
  /** Bytes from the start of the page. */
  readonly offset: number;
  /** The instruction's bits. */
  readonly word: number;
  readonly decoded: Decoded;
}

/** Instructions that are executed one after another, and where control goes from the last one. */
export interface Block {
  readonly offset: number;
  readonly instructions: readonly Placed[];
  /** The byte behind the last one. */
  readonly next: number;
  /**
   * `fall`: to the next byte. `tier0`: tier 0 executes what follows. `jump`: to the last
   * instruction's target, which for `branch` depends on its condition, and for `indirect` is computed.
   */
  readonly end: "fall" | "tier0" | "jump" | "branch" | "indirect";
  /** Target of a jump or branch, as bytes from the start of the page: maybe outside. */
  readonly target: number;
}

/** What becomes one function: blocks of one page, by their offsets, and where one may enter. */
export interface Region {
  readonly blocks: ReadonlyMap<number, Block>;
  /** Offsets of blocks, ascending. */
  readonly entries: readonly number[];
  readonly instructions: number;
}

/** What the region builder asks about a page. */
export interface PageView {
  /** The 16 bits at an even offset. */
  half(offset: number): number;
  /** Whether tier 0 has executed an instruction there that tier 1 may execute. */
  known(offset: number): boolean;
  /** Whether tier 0 has jumped there more than now and then. */
  warm(offset: number): boolean;
}

/** What changes nothing but what the next instruction is, at most by a trap. */
const IN_ORDER: ReadonlySet<SystemName> = new Set(["fence", "fence.i", "sfence.vma"]);

type Kind = "plain" | "jump" | "branch" | "indirect" | "system";

/** By instruction: what it does to control flow. */
const KINDS: readonly Kind[] = INSTRUCTIONS.map(({ effects }) => kindOf(effects));

/**
 * Finds the blocks that can be reached from some offsets without leaving the page.
 *
 * @param far where other code enters
 * @param near where code of the page jumps; an entry where that is the head of a loop
 */
export function recoverRegions(
  page: PageView,
  far: readonly number[],
  near: readonly number[],
): Region[] {
  const placed = new Map<number, Placed>();
  const leaders = new Set<number>();
  const returns = new Set<number>();
  const open: number[] = [];
  const lead = (offset: number) => {
    if (!isInPage(offset) || leaders.has(offset)) return;
    leaders.add(offset);
    open.push(offset);
  };
  for (const offset of [...far, ...near]) lead(offset);
  while (open.length > 0) {
    for (let offset = open.pop()!; !placed.has(offset);) {
      const instruction = place(page, offset);
      if (!instruction) break;
      const { decoded } = instruction;
      const kind = KINDS[decoded.index];
      if (kind === "system") break;
      placed.set(offset, instruction);
      const next = offset + decoded.length;
      const target = offset + decoded.imm;
      // A branch that is hardly ever taken leaves the region.
      if (kind === "jump" || kind === "branch" && isInPage(target) && page.warm(target)) {
        lead(target);
      }
      if (kind === "branch") lead(next);
      // What is called comes back here.
      if ((kind === "jump" || kind === "indirect") && decoded.rd !== 0 && page.known(next)) {
        lead(next);
        returns.add(next);
      }
      if (kind !== "plain") break;
      offset = next;
      if (!isInPage(offset)) break;
    }
  }
  const blocks = new Map<number, Block>();
  for (const offset of [...leaders].sort((a, b) => a - b)) {
    addBlocks(blocks, placed, leaders, offset);
  }
  const loops = new Set<number>();
  for (const block of blocks.values()) if (goesBack(block)) loops.add(block.target);
  const enterable = [...far, ...returns, ...near.filter((offset) => loops.has(offset))]
    .filter((offset) => blocks.has(offset));
  const entries = [...new Set(enterable)].sort((a, b) => a - b);
  return split(reachable(blocks, entries), entries);
}

// Blocks between which control goes without a call, and a small function with those that call it:
// what has few registers in use is quickly entered and left.
function split(blocks: Region["blocks"], entries: readonly number[]): Region[] {
  const group = new Map([...blocks.keys()].map((offset) => [offset, offset]));
  const size = new Map(
    [...blocks].map(([offset, { instructions }]) => [offset, instructions.length]),
  );
  const find = (offset: number): number => {
    while (group.get(offset) !== offset) offset = group.get(offset)!;
    return offset;
  };
  const merge = (a: number, b: number, instructionsMax: number) => {
    [a, b] = [find(a), find(b)];
    const both = size.get(a)! + size.get(b)!;
    if (a === b || both > instructionsMax) return;
    group.set(b, a);
    size.set(a, both);
  };
  for (const calls of [false, true]) {
    for (const [offset, block] of blocks) {
      if (isCall(block) !== calls) continue;
      for (const to of successors(block, blocks)) {
        merge(offset, to, calls ? CALLED_INSTRUCTIONS_MAX : Infinity);
      }
    }
  }
  // What another region calls is entered there.
  const called = [...blocks].flatMap(([offset, block]) =>
    successors(block, blocks).filter((to) => find(to) !== find(offset))
  );
  const heads = [...new Set([...entries, ...called])].sort((a, b) => a - b);
  const members = new Map<number, Map<number, Block>>();
  for (const [offset, block] of blocks) {
    const root = find(offset);
    if (!members.has(root)) members.set(root, new Map());
    members.get(root)!.set(offset, block);
  }
  return [...members].map(([root, own]) => ({
    blocks: own,
    entries: heads.filter((offset) => own.has(offset)),
    instructions: size.get(root)!,
  }));
}

/** Whether a block ends by going to itself or to what lies before it: a loop. */
export function goesBack({ end, offset, target }: Block): boolean {
  return (end === "jump" || end === "branch") && target <= offset;
}

function isCall({ end, instructions }: Block): boolean {
  return end === "jump" && instructions.at(-1)!.decoded.rd !== 0;
}

/** The blocks of the region to which control may go from one of them. */
export function successors({ end, next, target }: Block, blocks: Region["blocks"]): number[] {
  const to = end === "fall" || end === "jump" ? [target] : end === "branch" ? [target, next] : [];
  return [...new Set(to)].filter((offset) => blocks.has(offset));
}

function reachable(blocks: Region["blocks"], entries: readonly number[]): Region["blocks"] {
  const found = new Set<number>(entries);
  for (const offset of found) {
    for (const to of successors(blocks.get(offset)!, blocks)) found.add(to);
  }
  return new Map([...blocks].filter(([offset]) => found.has(offset)));
}

// A run of instructions from a leader, cut where it is longer than a block may be.
function addBlocks(
  blocks: Map<number, Block>,
  placed: ReadonlyMap<number, Placed>,
  leaders: ReadonlySet<number>,
  leader: number,
): void {
  let offset = leader;
  for (;;) {
    const block = cutBlock(placed, leaders, offset);
    if (!block || blocks.has(offset)) return;
    blocks.set(offset, block);
    if (block.end !== "fall" || leaders.has(block.next)) return;
    offset = block.next;
  }
}

function cutBlock(
  placed: ReadonlyMap<number, Placed>,
  leaders: ReadonlySet<number>,
  offset: number,
): Block | undefined {
  const instructions: Placed[] = [];
  let next = offset;
  for (;;) {
    const instruction = placed.get(next);
    if (!instruction) {
      if (instructions.length === 0) return undefined;
      // Behind the page there is more; within it, what tier 0 must do.
      const end = next >= PAGE_BYTES ? "fall" : "tier0";
      return { offset, instructions, next, end, target: next };
    }
    instructions.push(instruction);
    const { decoded } = instruction;
    const kind = KINDS[decoded.index];
    const target = next + decoded.imm;
    next += decoded.length;
    if (kind === "jump" || kind === "branch" || kind === "indirect") {
      return { offset, instructions, next, end: kind, target };
    }
    if (leaders.has(next) || instructions.length === BLOCK_CYCLES_MAX) {
      return { offset, instructions, next, end: "fall", target: next };
    }
  }
}

function place(page: PageView, offset: number): Placed | undefined {
  if (!page.known(offset)) return undefined;
  const low = page.half(offset);
  const full = (low & 3) === 3;
  if (full && offset + 4 > PAGE_BYTES) return undefined;
  const word = full ? low | page.half(offset + 2) << 16 : low;
  const decoded = decode(word);
  return decoded && { offset, word: word >>> 0, decoded };
}

function isInPage(offset: number): boolean {
  return offset >= 0 && offset < PAGE_BYTES;
}

function kindOf(effects: readonly Effect[]): Kind {
  for (const effect of effects) {
    if (effect.op === "branch") return "branch";
    if (effect.op === "jump") {
      return effect.target.op === "add" && effect.target.a.op === "pc" ? "jump" : "indirect";
    }
    if (effect.op === "system") return IN_ORDER.has(effect.name) ? "plain" : "system";
  }
  return "plain";
}
