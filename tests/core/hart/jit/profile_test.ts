/** What a machine has found hot, the next one compiles at once. */
import { assert, assertEquals } from "@std/assert";
import { compilerParts, type EngineShape } from "../../../../core/hart/engine.ts";
import { AHEAD, DirectCompiler, type HotPage } from "../../../../core/hart/jit/compiler.ts";
import { Profile, SLOT } from "../../../../core/hart/jit/profile.ts";
import { Trail } from "../../../../core/hart/jit/trail.ts";
import { SLOTS } from "../../../../core/hart/layout.ts";
import type { Program } from "../../../conformance/program.ts";
import { DRAM, Rig } from "../rig.ts";

class ProfilingCompiler extends DirectCompiler {
  readonly trail: Trail;

  constructor(shape: EngineShape, profile: Profile) {
    super(compilerParts(shape));
    this.trail = new Trail(profile);
  }
}

const LOOP = `
    start: li a0, 500
    again: addi a0, a0, -1
    branch: bne a0, zero, again
    end:   j end`;

/** Runs a loop of 500 rounds. @returns the cycles that ran in tier 1 */
async function compiledCycles(profile: Profile): Promise<number> {
  const rig = await Rig.create({
    engine: { jitThreshold: 128, compiler: (shape) => new ProfilingCompiler(shape, profile) },
  });
  const program = rig.load(LOOP);
  rig.start(program.labels.get("start")!);
  for (let i = 0; i < 10; i++) await rig.run(100);
  assertEquals(rig.x(10), 0n);
  return rig.machine.engineStatistics.jit.cycles;
}

Deno.test("what has been hot before is compiled before it is hot again", async () => {
  const profile = new Profile();
  const first = await compiledCycles(profile);
  assert(profile.isChanged);
  const again = new Profile();
  again.add(profile.bytes);
  again.settle();
  const second = await compiledCycles(again);
  assert(second > first && second > 800, `${first}, then ${second} of 1,000 cycles`);
  assert(!again.isChanged);
});

/** Notes what it is asked to compile ahead. */
class NotingCompiler extends ProfilingCompiler {
  readonly ahead: HotPage[] = [];

  override submit(pages: readonly HotPage[]): void {
    this.ahead.push(...pages.filter(({ page }) => page === AHEAD));
    super.submit(pages);
  }
}

/** A page in which nothing is hot, then the loop in the next one. */
async function aheadOf(profile: Profile): Promise<{ rig: Rig; loop: Program; ahead: HotPage[] }> {
  let compiler!: NotingCompiler;
  const rig = await Rig.create({
    engine: {
      jitThreshold: 128,
      compiler: (shape) => compiler = new NotingCompiler(shape, profile),
    },
  });
  const first = rig.load("start: " + "addi a1, a1, 1\n".repeat(1023) + "addi a2, a2, 1");
  const loop = rig.load(LOOP, DRAM + 0x1000);
  rig.start(first.labels.get("start")!);
  for (let i = 0; i < 10; i++) await rig.run(100);
  assertEquals(rig.machine.engineStatistics.jit.cycles, 0);
  return { rig, loop, ahead: compiler.ahead };
}

async function finish(rig: Rig): Promise<number> {
  for (let i = 0; i < 12; i++) await rig.run(100);
  assertEquals([rig.x(10), rig.x(11), rig.x(12)], [0n, 1023n, 1n]);
  return rig.machine.engineStatistics.jit.cycles;
}

Deno.test("what follows is compiled before control comes there", async () => {
  const profile = new Profile();
  const before = await aheadOf(profile);
  const cycles = await finish(before.rig);
  assertEquals(before.ahead, []);
  const { rig, ahead } = await aheadOf(profile);
  assertEquals(ahead.length, 1);
  const now = await finish(rig);
  assert(now > cycles && now > 900, `${cycles}, then ${now}`);
});

Deno.test("what has been compiled ahead goes nowhere if it is other code by now, or has a breakpoint", async () => {
  const profile = new Profile();
  await finish((await aheadOf(profile)).rig);
  const { rig, loop, ahead } = await aheadOf(profile);
  assertEquals(ahead.length, 1);
  rig.machine.setBreakpoints(new Set([BigInt(loop.labels.get("branch")!)]));
  for (let hits = 0; hits < 500; hits++) {
    const { reason } = await rig.machine.run(rig.machine.cycle + 1000);
    assertEquals([reason, rig.x(10)], ["breakpoint", BigInt(499 - hits)]);
  }
  const other = await aheadOf(profile);
  other.rig.load("start: addi a0, zero, 0\n addi a3, zero, 7\n end: j end", DRAM + 0x1000);
  await finish(other.rig);
  assertEquals(other.rig.x(13), 7n);
});

/** Gives no answer before it is let. */
class SlowCompiler extends ProfilingCompiler {
  isLet = false;

  override take() {
    return this.isLet ? super.take() : undefined;
  }
}

Deno.test("code that comes when its page is decoded no more goes nowhere", async () => {
  const profile = new Profile();
  await compiledCycles(profile);
  let compiler!: SlowCompiler;
  const rig = await Rig.create({
    engine: {
      jitThreshold: 128,
      compiler: (shape) => compiler = new SlowCompiler(shape, profile),
    },
  });
  const program = rig.load(LOOP);
  const start = program.labels.get("start")!;
  rig.start(start);
  for (let i = 0; i < 2; i++) await rig.run(20); // it is known, and asked for
  assertEquals(compiler.isIdle, false);
  for (let i = 0; i < 70; i++) rig.write(DRAM, program.bytes); // data, by now
  compiler.isLet = true;
  // Another page takes the place of its decoded form.
  const other = rig.load(
    `
    start: addi a1, a1, 1
           addi a1, a1, 1
           addi a1, a1, 1
    end:   j end`,
    DRAM + 0x1000,
  );
  rig.setX(11, 0n);
  rig.start(other.labels.get("start")!);
  await rig.run(100);
  assertEquals(rig.x(11), 3n);
});

const said = (slot: number, flags: number) => {
  const slots = new Uint8Array(SLOTS);
  slots[slot] = flags;
  return slots;
};
/** A page that holds a number. */
const codeOf = (number: number) => new Uint16Array(SLOTS).fill(number);
const START = 77n;

Deno.test("a profile adds up what is said of a page, and keeps what was used last", () => {
  const profile = new Profile();
  const learn = (key: bigint, slots: Uint8Array) => profile.learn(key, codeOf(7), slots, START);
  learn(1n, said(7, SLOT.known));
  assertEquals(learn(1n, said(7, SLOT.far))[7], SLOT.known | SLOT.far);
  for (let key = 2n; key <= 1024n; key++) learn(key, said(8, SLOT.near));
  learn(1n, said(2047, SLOT.warm));
  learn(5000n, said(0, SLOT.known));
  const kept = new Profile();
  kept.add(profile.bytes);
  assertEquals([1n, 2n, 5000n].map((key) => kept.startOf(key)), [START, undefined, START]);
  const { code, slots } = kept.look(1n)!;
  assertEquals(code, codeOf(7));
  assertEquals([slots[7], slots[8], slots[2047]], [SLOT.known | SLOT.far, 0, SLOT.warm]);
});

/** The profile of one run that used some pages in order, the first of which is not hot. */
function profileOf(keys: readonly bigint[]): Profile {
  const trail = new Trail(new Profile());
  trail.meet(START);
  for (const key of keys) {
    trail.meet(key);
    trail.learn(key, codeOf(Number(key)), said(Number(key), SLOT.known));
  }
  const profile = new Profile();
  profile.add(trail.profile.bytes);
  profile.settle();
  return profile;
}

/** What a run expects that begins with a page. */
function expected(profile: Profile, first: bigint, met: readonly bigint[] = []): bigint[] {
  const trail = new Trail(profile);
  trail.meet(first);
  for (const key of met) trail.meet(key);
  const keys: bigint[] = [];
  for (let ahead = trail.next(); ahead; ahead = trail.next()) {
    assertEquals(ahead.code, codeOf(Number(ahead.key)));
    assertEquals(ahead.slots, said(Number(ahead.key), SLOT.known));
    keys.push(ahead.key);
  }
  return keys;
}

Deno.test("a run that begins like another one expects its pages, in order, but for those it has met", () => {
  const profile = profileOf([3n, 1n, 2n]);
  assertEquals(expected(profile, START), [3n, 1n, 2n]);
  assertEquals(expected(profile, START, [1n]), [3n, 2n]);
  // Now 1 has been met last.
  assertEquals(expected(profile, START), [3n, 2n, 1n]);
});

Deno.test("a run from the middle of another one expects nothing, and knows its pages", () => {
  const profile = profileOf([3n, 1n, 2n]);
  assertEquals(expected(profile, 1n), []);
  const trail = new Trail(profile);
  assertEquals([9n, 2n, 8n, 3n].map((key) => trail.meet(key)), [false, true, false, true]);
  trail.learn(8n, codeOf(8), said(8, SLOT.known));
  assertEquals(profile.startOf(8n), START);
});

Deno.test("what is hot in runs that begin elsewhere is not compiled before it is hot", () => {
  const profile = profileOf([3n]);
  const other = new Trail(profile);
  other.meet(78n);
  other.learn(4n, codeOf(4), said(4, SLOT.known));
  const trail = new Trail(profile);
  trail.meet(START);
  assertEquals([3n, 4n].map((key) => trail.meet(key)), [true, false]);
});

Deno.test("a page is forgotten after three runs that had no use for it", () => {
  let profile = profileOf([1n, 2n, 3n, 4n]);
  const run = (met: readonly bigint[], entered: readonly bigint[]) => {
    const trail = new Trail(profile);
    trail.meet(START);
    met.forEach((key) => trail.meet(key));
    entered.forEach((key) => trail.enter(key));
    trail.end();
    const { isChanged, bytes } = profile;
    profile = new Profile();
    profile.add(bytes);
    profile.settle();
    return isChanged;
  };
  const known = () => [1n, 2n, 3n, 4n].filter((key) => profile.startOf(key) !== undefined);
  assertEquals(run([1n, 2n, 3n, 4n], [1n, 2n, 3n, 4n]), false);
  // Too short to tell.
  for (let i = 0; i < 5; i++) assertEquals(run([1n], [1n]), false);
  for (let i = 0; i < 2; i++) assertEquals(run([1n, 2n, 3n], [1n, 2n]), true);
  assertEquals(known(), [1n, 2n, 3n, 4n]);
  run([1n, 2n, 3n, 4n], [1n, 4n]); // 3 has run out of lives, 4 has not
  assertEquals(known(), [1n, 2n, 4n]);
  for (let i = 0; i < 2; i++) run([1n, 2n, 4n], [1n, 4n]);
  assertEquals(known(), [1n, 4n]);
});
