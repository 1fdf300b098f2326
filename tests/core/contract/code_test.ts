/** Which fetches of bytes that were stored to are told of, and which are allowed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DECODED_BYTES } from "../../../core/hart/layout.ts";
import { OP_BREAK, OP_STRADDLE } from "../../../core/hart/ops.ts";
import { assemble } from "../../../core/isa/assemble.ts";
import type { Breach } from "../../../core/machine.ts";
import { DRAM, Rig } from "../hart/rig.ts";

const RULE = "RISC-V unprivileged, Zifencei";
/** What is stored to and executed. */
const CALLED = DRAM + 0x2000;
const [A0, A1, A2] = [10, 11, 12];
const TWO = assemble("addi a0, zero, 2");

async function lintedRig(harts = 1): Promise<{ rig: Rig; breaches: Breach[] }> {
  const rig = await Rig.create({ harts, engine: { linting: true } });
  const breaches: Breach[] = [];
  rig.machine.onBreach = (breach) => breaches.push(breach);
  return { rig, breaches };
}

/** Runs code of a hart to its end in machine mode: a1 is `CALLED`, a2 the instruction TWO. */
async function execute(rig: Rig, text: string, at: number, hart = 0): Promise<void> {
  for (let each = 0; each < rig.harts; each++) rig.set("waiting", 1, each);
  const { labels } = rig.load(`${text}\nend: j end`, at);
  rig.setX(A1, CALLED, hart);
  rig.setX(A2, TWO, hart);
  rig.start(at, 3, hart);
  await rig.runTo(labels.get("end")!, hart);
}

const CALL = "jalr ra, 0(a1)\n";

/** @param code what comes between two calls, or before */
async function breachesOf(code: string): Promise<Breach[]> {
  const { rig, breaches } = await lintedRig();
  rig.load("addi a0, zero, 1\nnop\njalr zero, 0(ra)", CALLED);
  await execute(rig, code, DRAM);
  return breaches;
}

Deno.test("an instruction that was overwritten is fetched without fence.i", async () => {
  assertEquals(await breachesOf(`${CALL}sw a2, 0(a1)\n${CALL}`), [{
    cycle: 6,
    device: "hart0",
    hart: 0,
    rule: RULE,
    text: "a fetch at physical 0x80002002 may still see what was there before the bytes that " +
      "were stored at cycle 4: there was no fence.i",
  }]);
});

Deno.test("a part of an instruction, and one that was not executed yet but is in the page", async () => {
  const half = "srli a2, a2, 16\n";
  assertEquals((await breachesOf(`${CALL}${half}sb a2, 2(a1)\n${CALL}`)).length, 1);
  assertEquals((await breachesOf(`${CALL}${half}sh a2, 2(a1)\n${CALL}`)).length, 1);
  assertEquals((await breachesOf(`jalr ra, 4(a1)\nsw a2, 0(a1)\n${CALL}`)).length, 1);
});

Deno.test("bytes that stay what they were are no change", async () => {
  assertEquals(await breachesOf(`${CALL}sh a2, 0(a1)\n${CALL}`), []);
  assertEquals(await breachesOf(`${CALL}lw t0, 0(a1)\nsw a2, 0(a1)\nsw t0, 0(a1)\n${CALL}`), []);
});

Deno.test("fence.i keeps the rule, and so does a page that nothing was fetched from", async () => {
  assertEquals(await breachesOf(`${CALL}sw a2, 0(a1)\nfence.i\n${CALL}`), []);
  assertEquals(await breachesOf(`sw a2, 0(a1)\n${CALL}`), []);
  assertEquals(await breachesOf(`${CALL}fence.i\nsw a2, 0(a1)\n${CALL}`), []);
  assertEquals(await breachesOf(`${CALL}sw a2, 64(a1)\n${CALL}`), []);
});

Deno.test("a fence.i before the store is none, where the page was fetched from since", async () => {
  assertEquals((await breachesOf(`${CALL}fence.i\n${CALL}sw a2, 0(a1)\n${CALL}`)).length, 1);
});

// Each of the 511 instructions before the return has two halves, and both are new.
Deno.test("a page that is filled with other code word by word", async () => {
  const fill = `
          li t0, 1024
          mv t1, a1
          lw t2, 8(a1)
    fill: sw a2, 0(t1)
          addi t1, t1, 4
          addi t0, t0, -1
          bne t0, zero, fill
          sw t2, 2044(a1)`;
  assertEquals((await breachesOf(`${CALL}${fill}\n${CALL}`)).length, 2 * 511);
  assertEquals(await breachesOf(`${CALL}${fill}\nfence.i\n${CALL}`), []);
});

/** Hart 0 overwrites what hart 1 has executed, and hart 1 executes it again. */
async function twoHarts(own: string, remote: string, toUser: boolean): Promise<Breach[]> {
  const { rig, breaches } = await lintedRig(2);
  rig.load("addi a0, zero, 1\njalr zero, 0(ra)", CALLED);
  await execute(rig, CALL, DRAM, 1);
  await execute(rig, `sw a2, 0(a1)\n${own}`, DRAM + 0x1000, 0);
  if (toUser) {
    rig.load("csrw mepc, a1\nli t0, 0x1800\ncsrc mstatus, t0\nmret\nhere: j here", DRAM + 0x3000);
    rig.setX(A1, DRAM + 0x3000 + 4 * 6, 0);
    rig.load("here: j here", DRAM + 0x3000 + 4 * 6);
    rig.start(DRAM + 0x3000, 3, 0);
    await rig.run(50);
    assertEquals(rig.get("privilege", 0), 0n);
  }
  await execute(rig, `${remote}\n${CALL}`, DRAM + 0x4000, 1);
  assertEquals(rig.x(A0, 1), 2n);
  return breaches;
}

Deno.test("what another hart stored counts once that hart is done with it", async () => {
  const [breach, ...more] = await twoHarts("fence.i", "", true);
  assertEquals([breach.device, more], ["hart1", []]);
  assertMatch(breach.text, /bytes that hart 0 stored at cycle \d+: there was no fence.i$/);
  assertEquals(await twoHarts("fence.i", "", false), []);
  assertEquals(await twoHarts("", "", true), []);
  assertEquals(await twoHarts("fence.i", "fence.i", true), []);
});

Deno.test("what is suspicious is decoded as any other instruction once it is fenced", async () => {
  const { rig } = await lintedRig();
  const { engine } = rig.machine;
  const op = () => {
    const page = engine.i32[engine.layout.codeMap / 4 + 2] - 1;
    return engine.u16[(engine.layout.decoded + page * DECODED_BYTES) / 2];
  };
  rig.load("addi a0, zero, 1\njalr zero, 0(ra)", CALLED);
  await execute(rig, `${CALL}sw a2, 0(a1)\n${CALL}`, DRAM);
  assertEquals(op(), OP_STRADDLE);
  await execute(rig, `fence.i\n${CALL}`, DRAM + 0x1000);
  assert(op() > OP_BREAK);
});
