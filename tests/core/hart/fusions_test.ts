/**
 * Runs of fused instructions do what their instructions do one by one. A machine that is stopped
 * after every cycle executes each alone: no run begins with fewer cycles left than it takes.
 */
import { assert, assertEquals } from "@std/assert";
import { RUN_MAX, RUNS, singleOf } from "../../../core/hart/fusions.ts";
import { DECODED_BYTES, MACHINE, RECORD_BYTES } from "../../../core/hart/layout.ts";
import type { Handler } from "../../../core/hart/ops.ts";
import { assemble } from "../../../core/isa/assemble.ts";
import { COMPRESSED_ENCODINGS, decode, ENCODINGS } from "../../../core/isa/decode.ts";
import { expansionOf } from "../../../core/isa/expansion.ts";
import { COMPRESSED, INSTRUCTIONS } from "../../../core/isa/isa.ts";
import { Random, seedFor } from "../../../core/random.ts";
import { encodeState } from "../../../core/state.ts";
import { DRAM, Rig } from "./rig.ts";

const HANDLER = DRAM;
const CODE = DRAM + 0x1000;
const MIDDLE = CODE + 0x800;
const PAGE_END = CODE + 0x1000;
const DATA = DRAM + 0x4000;
const DATA_BYTES = 0x3000;
const [A0, A1, A2] = [10, 11, 12];
const NOWHERE = 0x4000_0000;
/** After a run there is room for its jump, a trap, and the loop of the handler. */
const MORE_CYCLES = 3;
const ROUNDS = 4;

const EXPANSIONS = COMPRESSED.map((short) => expansionOf(short, INSTRUCTIONS).index);
/** The encodings in which an instruction comes with a handler's length. */
const encodingsOf = ({ index, length }: Handler) =>
  length === 4
    ? [ENCODINGS[index]]
    : COMPRESSED_ENCODINGS.filter((_, short) => EXPANSIONS[short] === index);

async function tier0(): Promise<Rig> {
  const rig = await Rig.create({ engine: { jitThreshold: 0 } });
  rig.load("here: j here", HANDLER);
  rig.set("mtvec", HANDLER);
  return rig;
}

/** An instruction at an address that has this handler. */
function wordFor(handler: Handler, address: number, random: Random): number {
  const encodings = encodingsOf(handler);
  for (;;) {
    const { mask, match } = encodings[random.below(encodings.length)];
    const bits = random.below(0x1_0000) | random.below(0x1_0000) << 16;
    const short = handler.length === 2;
    const word = ((match | bits & ~mask) & (short ? 0xffff : -1)) >>> 0;
    const decoded = decode(word);
    if (decoded?.index !== handler.index || decoded.length !== handler.length) continue;
    const isJump = INSTRUCTIONS[handler.index].effects.some(({ op }) =>
      op === "jump" || op === "branch"
    );
    const target = address % 4096 + decoded.imm;
    if (isJump && handler.near !== (target >= 0 && target < 4096)) {
      if (handler.near && !short) return nearWord(handler, address, random);
      if (INSTRUCTIONS[handler.index].syntax.startsWith("jalr")) return word;
      continue;
    }
    return word;
  }
}

// A jump of 4 bytes reaches far more often than near: here its target is within the page.
function nearWord({ index }: Handler, address: number, random: Random): number {
  const target = random.below(2048) * 2 - address % 4096;
  const [name, ...operands] = INSTRUCTIONS[index].syntax.split(/[ ,]+/);
  const x = () => `x${random.below(32)}`;
  return assemble(`${name} ${operands.map((o) => o === "imm" ? target : x()).join(", ")}`);
}

function codeOf(run: readonly Handler[], base: number, random: Random): Uint8Array {
  const bytes: number[] = [];
  for (const handler of run) {
    const word = wordFor(handler, base + bytes.length, random);
    for (let i = 0; i < handler.length; i++) bytes.push(word >>> 8 * i & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** Addresses of data, some misaligned, and now and then of the code; and numbers. */
function operandFor(base: number, random: Random): bigint {
  const kind = random.below(8);
  if (kind < 4) return BigInt(DATA + 0x1000 + random.below(128) * (kind === 0 ? 1 : 8));
  if (kind === 4) return BigInt(base + random.below(16));
  if (kind === 5) return BigInt.asUintN(64, BigInt(random.below(64) - 32));
  return BigInt(random.below(2 ** 31)) << 33n | BigInt(random.below(2 ** 32));
}

/** Whether the record at an address executes more than one instruction. */
function isFused({ machine: { engine } }: Rig, address: number): boolean {
  const { codeMap, decoded } = engine.layout;
  const page = engine.i32[codeMap / 4 + (address - DRAM >> 12)] - 1;
  const record = decoded + page * DECODED_BYTES + (address & 4095) / 2 * RECORD_BYTES;
  const op = engine.u16[record / 2];
  return page >= 0 && singleOf(op) !== op;
}

function requireSame(fused: Rig, stepped: Rig, what: string): void {
  const states = [fused, stepped].map(({ machine }) => encodeState(machine.save()));
  assertEquals(states[0], states[1], what);
  const data = [fused, stepped].map(({ machine }) => machine.memory.view(CODE, 0x2000)!);
  assertEquals(data[0], data[1], what);
  const more = [fused, stepped].map(({ machine }) => machine.memory.view(DATA, DATA_BYTES)!);
  assertEquals(more[0], more[1], what);
}

async function step(rig: Rig, cycles: number): Promise<void> {
  for (let i = 0; i < cycles; i++) await rig.run(1);
}

Deno.test("every run does what its instructions do one by one, wherever it is stopped", async () => {
  const [fused, stepped] = [await tier0(), await tier0()];
  const seed = 0xf05e;
  let runs = 0;
  for (const [number, run] of RUNS.entries()) {
    for (let round = 0; round < ROUNDS; round++) {
      const random = new Random(seedFor(seed, `${number}/${round}`));
      // In the last round the run lies at the end of a page, or across it.
      const base = round < ROUNDS - 1 ? MIDDLE : PAGE_END - 2 - 2 * random.below(2 * RUN_MAX);
      const code = codeOf(run, base, random);
      const operands = Array.from({ length: 32 }, () => operandFor(base, random));
      for (let first = run.length; first > 0; first--) {
        for (const rig of [fused, stepped]) {
          rig.write(base, code);
          operands.forEach((value, x) => rig.setX(x, value));
          rig.start(base);
        }
        await fused.run(first);
        if (first === run.length && isFused(fused, base)) runs++;
        await step(stepped, first);
        const what = `seed ${seed}, run ${number}, round ${round}, after ${first}`;
        requireSame(fused, stepped, what);
        await fused.run(run.length + MORE_CYCLES);
        await step(stepped, run.length + MORE_CYCLES);
        requireSame(fused, stepped, `${what}, at the end`);
      }
    }
  }
  assert(runs > RUNS.length * (ROUNDS - 1) * 0.8, `only ${runs} runs were fused`);
});

const RUN = "addi a0, a0, 1\naddi a0, a0, 2\nend: j end";

/** A machine that has executed {@link RUN}, fused. */
async function warm(): Promise<{ rig: Rig; end: number }> {
  const rig = await tier0();
  const end = rig.load(RUN, CODE).labels.get("end")!;
  rig.start(CODE);
  await rig.runTo(end);
  assertEquals([rig.x(A0), isFused(rig, CODE)], [3n, true]);
  rig.setX(A0, 0);
  return { rig, end };
}

Deno.test("a breakpoint within a run stops there, and is gone when it is taken away", async () => {
  const { rig, end } = await warm();
  rig.machine.setBreakpoints(new Set([BigInt(CODE + 4)]));
  rig.start(CODE);
  const stop = await rig.machine.run(rig.machine.cycle + 100);
  assertEquals([stop.reason, rig.get("pc"), rig.x(A0)], ["breakpoint", BigInt(CODE + 4), 1n]);
  rig.machine.setBreakpoints(new Set());
  await rig.runTo(end);
  assertEquals(rig.x(A0), 3n);
});

Deno.test("a store to an instruction within a run changes what the run does", async () => {
  const { rig, end } = await warm();
  const program = DRAM + 0x8000;
  const { labels } = rig.load("sw a1, 0(a2)\nout: j out", program);
  rig.setX(A1, assemble("addi a0, a0, 40"));
  rig.setX(A2, CODE + 4);
  rig.start(program);
  await rig.runTo(labels.get("out")!);
  rig.start(CODE);
  await rig.runTo(end);
  assertEquals(rig.x(A0), 41n);
});

Deno.test("a store that changes the next instruction of its own run", async () => {
  const rig = await tier0();
  const text = "sd a0, 0(a1)\nsd a0, 0(a2)\nend: j end";
  const end = rig.load(text, CODE).labels.get("end")!;
  for (const target of [DATA, CODE + 4]) {
    rig.setX(A0, BigInt(assemble("addi a2, x0, 5")) | BigInt(assemble("jal x0, 0")) << 32n);
    rig.setX(A1, target);
    rig.setX(A2, DATA + 8);
    rig.start(CODE);
    await rig.runTo(end);
    if (target === DATA) assert(isFused(rig, CODE));
  }
  assertEquals(rig.x(A2), 5n);
});

Deno.test("a trap of the second instruction of a run leaves the first done, and names it", async () => {
  const rig = await tier0();
  const { labels } = rig.load("ld a0, 0(a1)\nld a2, 0(a2)\nend: j end", CODE);
  rig.write64(DATA, 7);
  rig.setX(A1, DATA);
  rig.setX(A2, DATA);
  rig.start(CODE);
  await rig.runTo(labels.get("end")!);
  assert(isFused(rig, CODE));
  rig.setX(A0, 0);
  rig.setX(A2, NOWHERE);
  const retired = rig.get("retired");
  rig.start(CODE);
  await rig.run(2);
  assertEquals([rig.get("pc"), rig.get("mepc")], [BigInt(HANDLER), BigInt(CODE + 4)]);
  assertEquals([rig.x(A0), rig.get("retired") - retired], [7n, 1n]);
});

Deno.test("a jump into the midst of a run executes the rest of it", async () => {
  const { rig, end } = await warm();
  rig.start(CODE + 4);
  await rig.runTo(end);
  assertEquals(rig.x(A0), 2n);
});

Deno.test("compiled code is entered within a run", async () => {
  const rig = await Rig.create({ engine: { jitThreshold: 2 } });
  const text = `
          addi a0, a0, 1
    loop: addi a1, a1, -1
          bne a1, zero, loop
    end:  j end`;
  const { labels } = rig.load(text, CODE);
  const compiled = () => Number(rig.machine.engine.u64[MACHINE.compiledCycles / 8]);
  let cycles = 0;
  for (let pass = 0; pass < 4; pass++) {
    rig.setX(A1, 100);
    rig.start(CODE);
    const before = compiled();
    await rig.run(161);
    cycles = compiled() - before;
    await rig.runTo(labels.get("end")!);
  }
  assert(isFused(rig, CODE));
  assertEquals(cycles, 160, "all but the first instruction");
});
