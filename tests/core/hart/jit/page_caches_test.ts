/** What compiled code remembers of pages must be forgotten in time: each way in which it goes stale, on both tiers. */
import { assert, assertEquals } from "@std/assert";
import { MACHINE } from "../../../../core/hart/layout.ts";
import { assemble } from "../../../../core/isa/assemble.ts";
import {
  addOtherTables,
  ALL,
  CODE,
  frame,
  LEAVES,
  MIDDLE,
  OTHER_LEAVES,
  OTHER_ROOT,
  pagedRig,
  pte,
  satp,
  USER,
  V,
  WINDOW,
} from "../paged_rig.ts";
import { DRAM, type Rig } from "../rig.ts";

const [A0, A1, A2, A4, S0, S1] = [10, 11, 12, 14, 8, 9];

/** Supervisor code that goes round, after so many cycles, in tier 0 alone and all of it compiled. */
async function onBothTiers(
  text: string,
  { harts = 1, prepare = (_: Rig) => {} } = {},
): Promise<Rig[]> {
  const rigs: Rig[] = [];
  for (const jitThreshold of [0, 1]) {
    const rig = await pagedRig({ harts, engine: { jitThreshold } });
    // A trap skips its instruction and is counted.
    rig.load("csrr t6, mepc\naddi t6, t6, 4\ncsrw mepc, t6\naddi a2, a2, 1\nmret");
    rig.load(text, CODE);
    for (let hart = 0; hart < harts; hart++) rig.setX(S0, WINDOW, hart);
    prepare(rig);
    for (let hart = 0; hart < harts; hart++) rig.start(CODE, 1, hart);
    await rig.run(5000);
    rigs.push(rig);
  }
  const compiled = Number(rigs[1].machine.engine.u64[MACHINE.compiledCycles / 8]);
  assert(compiled > 1000, `${compiled} cycles were compiled code`);
  for (let hart = 0; hart < harts; hart++) {
    for (const register of [A0, A2]) {
      assertEquals(rigs[1].x(register, hart), rigs[0].x(register, hart), `x${register}`);
    }
  }
  return rigs;
}

Deno.test("a page that becomes code: stores to it are noticed from then on", async () => {
  const [rig] = await onBothTiers(
    `
    loop: li a5, 9
    fill: sw a1, 0(s0)
          addi a5, a5, -1
          bne a5, zero, fill
          fence.i
          jalr ra, 0(s0)
          xor a1, a1, s1
          j loop`,
    {
      prepare: (rig) => {
        const [one, other] = ["addi a0, a0, 1", "addi a0, a0, 5"].map(assemble);
        rig.write64(frame(0), BigInt(assemble("jalr zero, 0(ra)")) << 32n);
        rig.setX(A1, one);
        rig.setX(S1, one ^ other);
      },
    },
  );
  assert(rig.x(A0) > 350n, `${rig.x(A0)} in 150 rounds, by 1 and 5 in turns`);
});

Deno.test("satp is written: loads see the other page", async () => {
  const [rig] = await onBothTiers(
    `
    loop: ld a3, 0(s0)
          ld a3, 0(s0)
          add a0, a0, a3
          csrrw a1, satp, a1
          j loop`,
    {
      // With one hart alone no table is marked any more, which forgets pages as well.
      harts: 2,
      prepare: (rig) => {
        addOtherTables(rig);
        for (const hart of [0, 1]) rig.setX(A1, satp(OTHER_ROOT), hart);
      },
    },
  );
  assertEquals(rig.x(A0) % (1000n + 1016n), 0n);
});

for (
  const { what, fence, table, values } of [
    {
      what: "a leaf PTE is overwritten",
      fence: "",
      table: LEAVES,
      values: [pte(frame(0), ALL), pte(frame(1), ALL)],
    },
    {
      what: "a PTE that leads to a table is overwritten",
      fence: "sfence.vma zero, zero",
      table: MIDDLE,
      values: [pte(LEAVES, V), pte(OTHER_LEAVES, V)],
    },
  ]
) {
  Deno.test(`${what}: loads see the other page`, async () => {
    await onBothTiers(
      `
      loop: ld a3, 0(s0)
            ld a3, 0(s0)
            add a0, a0, a3
            sd a1, 0(s1)
            ${fence}
            xor a1, a1, a4
            j loop`,
      {
        prepare: (rig) => {
          const [one, other] = values;
          rig.setX(S1, table);
          rig.setX(A1, other);
          rig.setX(A4, one ^ other);
        },
      },
    );
  });
}

Deno.test("SUM is cleared: loads from a user page trap", async () => {
  const [rig] = await onBothTiers(
    `
    loop: csrrs zero, sstatus, s1
          ld a3, 0(s0)
          ld a3, 0(s0)
          csrrc zero, sstatus, s1
          ld a3, 0(s0)
          j loop`,
    {
      prepare: (rig) => {
        rig.write64(LEAVES, pte(frame(0), ALL | USER));
        rig.setX(S1, 1 << 18);
      },
    },
  );
  assert(rig.x(A2) > 400n, `${rig.x(A2)} traps`);
});

Deno.test("harts with tables of their own: each sees its own page", async () => {
  const [rig] = await onBothTiers(
    `
    loop: ld a3, 0(s0)
          ld a3, 0(s0)
          add a0, a0, a3
          j loop`,
    {
      harts: 2,
      prepare: (rig) => {
        addOtherTables(rig);
        rig.set("satp", satp(OTHER_ROOT), 1);
        rig.changed(1);
      },
    },
  );
  assertEquals([rig.x(A0, 0) % 1000n, rig.x(A0, 1) % 1016n], [0n, 0n]);
});

Deno.test("a page is written again after its digest: it is dirty again", async () => {
  for (const rig of await onBothTiers("loop: sd a0, 0(s0)\naddi a0, a0, 1\nj loop")) {
    const { engine } = rig.machine;
    const page = (frame(0) - DRAM) / 4096;
    for (let round = 0; round < 3; round++) {
      assert(engine.takeDirtyPages().includes(page), `round ${round}`);
      await rig.run(500);
    }
  }
});
