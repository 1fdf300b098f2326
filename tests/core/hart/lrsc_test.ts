/** Reservations: what ends them, and that LR/SC loops make progress. Source: unprivileged specification, A; DESIGN, "The Cycle". */
import { assert, assertEquals } from "@std/assert";
import { GRACE_CYCLES } from "../../../core/scheduler.ts";
import { Random } from "../../../core/random.ts";
import { DRAM, Rig } from "./rig.ts";

const [A0, A1, A2] = [10, 11, 12];
const DATA = DRAM + 0x8000;
const NONE = (1n << 64n) - 1n;

/** Runs a program to its end; a0 is then what its last SC gave: 0 if it stored. */
async function result(rig: Rig, text: string): Promise<bigint> {
  const { labels } = rig.load(`${text}\nend: j end`);
  rig.set("mtvec", DRAM + 0x4000);
  rig.setX(A2, DATA);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  return rig.x(A0);
}

Deno.test("an SC stores once to the address that its hart reserved, and nowhere else", async () => {
  const rig = await Rig.create();
  rig.setX(A1, 5);
  assertEquals(await result(rig, "lr.d a0, (a2)\nsc.d a0, a1, (a2)"), 0n);
  assertEquals(rig.read64(DATA), 5n);
  const cases: readonly [string, string][] = [
    ["without LR", "sc.d a0, a1, (a2)"],
    ["a second time", "lr.d a0, (a2)\nsc.d a0, a1, (a2)\nsc.d a0, a1, (a2)"],
    ["elsewhere", "lr.d a0, (a2)\naddi a2, a2, 8\nsc.d a0, a1, (a2)"],
    [
      "after an SC elsewhere",
      "addi a3, a2, 8\nlr.d a0, (a2)\nsc.d a0, a1, (a3)\nsc.d a0, a1, (a2)",
    ],
    [
      "of the LR before the last",
      "addi a3, a2, 8\nlr.d a0, (a2)\nlr.d a0, (a3)\nsc.d a0, a1, (a2)",
    ],
  ];
  for (const [what, text] of cases) {
    rig.write64(DATA, 0);
    assertEquals(await result(rig, text), 1n, what);
    if (!what.startsWith("a second")) assertEquals(rig.read64(DATA), 0n, what);
    assertEquals(rig.get("reservation"), NONE, what);
  }
});

Deno.test("a reservation ends with a write from outside, wherever it goes", async () => {
  const rig = await Rig.create({ harts: 2 });
  rig.load("lr.w a0, (a2)\nnop\nsc.w a0, a1, (a2)");
  for (const address of [DATA, DATA + 0x10_0000]) {
    rig.setX(A2, DATA);
    rig.start(DRAM);
    await rig.run(2);
    assertEquals(rig.get("reservation"), BigInt(DATA));
    rig.write(address, Uint8Array.of(1));
    await rig.run(1);
    assertEquals(rig.x(A0), 1n);
    rig.set("waiting", 1);
  }
});

Deno.test("a reservation ends when another hart gets the turn", async () => {
  const rig = await Rig.create({ harts: 2 });
  // Hart 0 reserves and spins for longer than any quantum; hart 1 does nothing at all.
  const { labels } = rig.load(`
          lr.d a0, (a2)
    spin: addi a3, a3, -1
          bne a3, zero, spin
          sc.d a0, a1, (a2)
    end:  j end`);
  rig.load("loop: j loop", DRAM + 0x2000);
  rig.setX(A2, DATA);
  rig.setX(13, 30_000);
  rig.start(DRAM, 3, 0);
  rig.start(DRAM + 0x2000, 3, 1);
  await rig.runTo(labels.get("end")!);
  assertEquals(rig.x(A0), 1n);
});

Deno.test("a switch waits for a reservation, for 64 cycles at most", async () => {
  const seed = 0x6ace;
  for (let n = 0; n < 12; n++) {
    const random = new Random(seed + n);
    // Both harts count up by LR/SC, with up to 16 instructions between: SC then never fails.
    const between = random.below(16);
    const rig = await Rig.create({ harts: 2, seed: random.next() });
    rig.load(`
      loop: lr.d a0, (a2)
            ${"addi a4, a4, 1\n".repeat(between)}
            addi a0, a0, 1
            sc.d a1, a0, (a2)
            add a5, a5, a1          # failures
            addi a6, a6, 1          # attempts
            j loop`);
    for (const hart of [0, 1]) {
      rig.setX(A2, DATA, hart);
      rig.start(DRAM, 3, hart);
    }
    await rig.run(200_000);
    const where = `seed ${seed + n}, ${between} instructions between`;
    assertEquals([rig.x(15, 0), rig.x(15, 1)], [0n, 0n], `${where}: an SC failed`);
    const attempts = rig.x(16, 0) + rig.x(16, 1);
    const difference = rig.read64(DATA) - attempts;
    assert(difference >= 0n && difference <= 2n, `${where}: ${difference} more than attempts`);
    assert(rig.x(16, 0) > 100n && rig.x(16, 1) > 100n, `${where}: one hart starves`);
  }
  // One that holds on to its reservation for longer loses it: the other hart gets its turn.
  const rig = await Rig.create({ harts: 2, seed });
  rig.load(`loop: lr.d a0, (a2)\n${"nop\n".repeat(GRACE_CYCLES * 4)}j loop`);
  rig.load("loop: addi a3, a3, 1\nj loop", DRAM + 0x4000);
  rig.setX(A2, DATA);
  rig.start(DRAM, 3, 0);
  rig.start(DRAM + 0x4000, 3, 1);
  let longest = 0;
  let turn = 0;
  let before = 0n;
  for (let cycle = 0; cycle < 40_000; cycle++) {
    await rig.run(1);
    const now = rig.get("retired", 0);
    turn = now === before ? 0 : turn + 1;
    before = now;
    longest = Math.max(longest, turn);
  }
  assert(rig.x(13, 1) > 1000n, "the other hart starves");
  assert(longest > 2000 && longest <= 10_000 + GRACE_CYCLES, `a turn of ${longest} cycles`);
});
