/** What a machine has found hot, the next one compiles at once. */
import { assert, assertEquals } from "@std/assert";
import { compilerParts, type EngineShape } from "../../../../core/hart/engine.ts";
import { DirectCompiler } from "../../../../core/hart/jit/compiler.ts";
import { Profile, SLOT } from "../../../../core/hart/jit/profile.ts";
import { SLOTS } from "../../../../core/hart/layout.ts";
import { DRAM, Rig } from "../rig.ts";

class ProfilingCompiler extends DirectCompiler {
  constructor(shape: EngineShape, readonly profile: Profile) {
    super(compilerParts(shape));
  }
}

const LOOP = `
    start: li a0, 500
    again: addi a0, a0, -1
           bne a0, zero, again
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

Deno.test("a profile adds up what is said of a page, and keeps what was used last", () => {
  const profile = new Profile();
  const said = (slot: number, flags: number) => {
    const slots = new Uint8Array(SLOTS);
    slots[slot] = flags;
    return slots;
  };
  profile.learn(1n, said(7, SLOT.known));
  assertEquals(profile.learn(1n, said(7, SLOT.far))[7], SLOT.known | SLOT.far);
  for (let key = 2n; key <= 4096n; key++) profile.learn(key, said(8, SLOT.near));
  profile.learn(1n, said(2047, SLOT.warm));
  profile.learn(5000n, said(0, SLOT.known));
  const kept = new Profile();
  kept.add(profile.bytes);
  assertEquals([kept.knows(1n), kept.knows(2n), kept.knows(5000n)], [true, false, true]);
  const all = kept.learn(1n, new Uint8Array(SLOTS));
  assertEquals([all[7], all[8], all[2047]], [SLOT.known | SLOT.far, 0, SLOT.warm]);
});
