/**
 * Runs of instructions that tier 0 executes in one dispatch, by the fast paths of each.
 *
 * The record of the first has the op of the run; the records behind it stay what they are, so that
 * a jump may go to any of them, and a run may begin there too.
 */
import { mnemonicOf } from "../isa/expansion.ts";
import { INSTRUCTIONS } from "../isa/isa.ts";
import { type Handler, HANDLERS, NEAR, OP_FIRST, opOf } from "./ops.ts";
import { TRAITS } from "./traits.ts";

/**
 * Those that were executed most by tier 0 in a boot of Debian, where tier 1 has the loops, and in a
 * program of thousands of functions. Branches and jumps are those within a page.
 */
const TEXTS = [
  "addi addi",
  "addi addi c.addi",
  "addi c.and",
  "addi mul",
  "addi mul c.add",
  "andi c.beq",
  "andi c.slli",
  "andi c.slli c.add",
  "andi c.slli c.add c.ld",
  "andi c.slli c.add c.sd",
  "andi c.slli c.add sd",
  "auipc addi",
  "auipc jalr",
  "c.add c.add",
  "c.add c.sd",
  "c.add jal.far",
  "c.addi c.addi",
  "c.addi c.jalr",
  "c.andi c.beq",
  "c.ld c.add",
  "c.ld c.ld",
  "c.ld c.ld c.ld c.ld",
  "c.sd c.sd",
  "c.sd c.sd c.addi",
  "c.sd c.sd c.sd c.sd",
  "c.slli c.add",
  "lbu lbu",
  "ld c.add",
  "ld ld",
  "lui addi",
  "lui addi and",
  "lui addi c.and",
  "lui addi c.and c.or",
  "sd sd",
  "slli c.add",
  "slli c.sub",
  "slli sub",
  "srli c.xor",
  "srli c.xor c.sd",
  "srli xor",
];

const indices = new Map(INSTRUCTIONS.map(({ syntax }, index) => [mnemonicOf(syntax), index]));

/** The handlers of each, in the order of their numbers. */
export const RUNS: readonly (readonly Handler[])[] = TEXTS.map((text) => {
  const run = text.split(" ").map(handlerOf);
  if (!run.every(({ index }, i) => isFast(index) || (i === run.length - 1 && isJump(index)))) {
    throw new TypeError(`Cannot fuse "${text}"`);
  }
  return run;
});

/** Instructions of the longest. */
export const RUN_MAX = Math.max(...RUNS.map((run) => run.length));

const OP_RUN = OP_FIRST + HANDLERS.length;

/** The op of the first instruction alone. */
export function singleOf(op: number): number {
  return op < OP_RUN ? op : singleOps[op - OP_RUN][0];
}

const singleOps = RUNS.map((run) =>
  run.map(({ index, length, near }) => opOf(index, length, near))
);

/** What follows: by op the run or what it may become, 0 if there is none. */
interface Node {
  readonly next: Map<number, Node>;
  op: number;
}

const root: Node = { next: new Map(), op: 0 };
singleOps.forEach((ops, i) => {
  let node = root;
  for (const op of ops) {
    if (!node.next.has(op)) node.next.set(op, { next: new Map(), op: 0 });
    node = node.next.get(op)!;
  }
  node.op = OP_RUN + i;
});

/** @param ops of instructions one behind the other @returns theirs, such that dispatches are fewest */
export function fuse(ops: readonly number[]): number[] {
  const fused = ops.slice();
  // By position: dispatches from there to the end.
  const dispatches = new Array<number>(ops.length + 1).fill(0);
  for (let first = ops.length - 1; first >= 0; first--) {
    dispatches[first] = dispatches[first + 1] + 1;
    let node = root.next.get(ops[first]);
    for (let behind = first + 1; node !== undefined; node = node.next.get(ops[behind++])) {
      if (node.op === 0 || dispatches[behind] + 1 >= dispatches[first]) continue;
      dispatches[first] = dispatches[behind] + 1;
      fused[first] = node.op;
    }
  }
  return fused;
}

// By mnemonic, `c.` if it is compressed; of jumps, `.far` if not within the page.
function handlerOf(word: string): Handler {
  const [, short, mnemonic, far] = word.match(/^(c\.)?(.*?)(\.far)?$/)!;
  const index = indices.get(mnemonic);
  if (index === undefined) throw new TypeError(`There is no instruction "${word}"`);
  return { index, length: short ? 2 : 4, near: NEAR[index] && !far };
}

function isFast(index: number): boolean {
  const { float, memory, plain } = TRAITS[index];
  return plain || (memory !== undefined && !float);
}

function isJump(index: number): boolean {
  return INSTRUCTIONS[index].effects.some(({ op }) => op === "jump" || op === "branch");
}
