/**
 * Translations are coherent by definition: a page table edit counts from the next access on, on all
 * harts, without `sfence.vma`. Source: DESIGN, "The engine".
 */
import { assertEquals } from "@std/assert";
import { TABLE_PAGES } from "../../../core/hart/layout.ts";
import { assemble } from "../../../core/isa/assemble.ts";
import { Random } from "../../../core/random.ts";
import {
  A,
  ALL,
  CODE,
  D,
  execute,
  frame,
  LEAVES,
  MIDDLE,
  OTHER_LEAVES,
  pagedRig,
  pte,
  R,
  ROOT,
  V,
  W,
  WINDOW,
  X,
} from "./paged_rig.ts";
import { DRAM } from "./rig.ts";

const [A0, A1, A2, A3] = [10, 11, 12, 13];

for (const tlbEntries of [256, 1]) {
  const suffix = `, with ${tlbEntries} TLB entries`;

  Deno.test(`a leaf counts at once when the guest stores to it${suffix}`, async () => {
    const rig = await pagedRig({ engine: { tlbEntries } });
    rig.setX(A2, WINDOW);
    rig.setX(A3, LEAVES);
    rig.setX(14, pte(frame(5), ALL));
    rig.setX(15, 77);
    await execute(rig, "ld a0, 0(a2)\nsd a5, 8(a2)\nsd a4, 0(a3)\nld a1, 0(a2)\nsd a5, 16(a2)");
    assertEquals([rig.x(A0), rig.x(A1)], [1000n, 1005n]);
    assertEquals([rig.read64(frame(0) + 16), rig.read64(frame(5) + 16)], [0n, 77n]);
  });

  Deno.test(`a pointer counts at once, and half a leaf too${suffix}`, async () => {
    const rig = await pagedRig({ engine: { tlbEntries } });
    rig.setX(A2, WINDOW + 0x3000);
    rig.setX(A3, MIDDLE);
    rig.setX(14, pte(OTHER_LEAVES, V));
    await execute(rig, "ld a0, 0(a2)\nsd a4, 0(a3)\nld a1, 0(a2)");
    assertEquals([rig.x(A0), rig.x(A1)], [1003n, 1019n]);
    rig.setX(A3, OTHER_LEAVES + 8 * 3);
    rig.setX(14, pte(frame(7), ALL));
    await execute(rig, "ld a0, 0(a2)\nsw a4, 0(a3)\nld a1, 0(a2)");
    assertEquals([rig.x(A0), rig.x(A1)], [1019n, 1007n]);
    // A table is a page like any other: the leaf's third byte holds frame bits.
    rig.setX(14, Number(pte(frame(9), ALL) >> 8n & 0xffn));
    await execute(rig, "ld a0, 0(a2)\nsb a4, 1(a3)\nld a1, 0(a2)");
    assertEquals([rig.x(A0), rig.x(A1)], [1007n, 1009n]);
  });

  Deno.test(`A and D are set by the next access after they were cleared${suffix}`, async () => {
    const rig = await pagedRig({ engine: { tlbEntries } });
    rig.setX(A2, WINDOW);
    rig.setX(A3, LEAVES);
    rig.setX(14, pte(frame(0), V | R | W | X));
    await execute(
      rig,
      "sd a2, 8(a2)\nld a0, 0(a2)\nsd a4, 0(a3)\nld a0, 0(a2)\nld a0, 0(a3)\nsd a2, 8(a2)\nld a1, 0(a3)",
    );
    assertEquals([rig.x(A0) & 0xc0n, rig.x(A1) & 0xc0n], [BigInt(A), BigInt(A | D)]);
  });

  Deno.test(`an edit by another hart or from outside counts at once${suffix}`, async () => {
    const rig = await pagedRig({ harts: 2, engine: { tlbEntries } });
    const look = async () => {
      rig.setX(A2, WINDOW, 1);
      await execute(rig, "ld a0, 0(a2)\nsd a0, 24(a2)", 1);
      return rig.x(A0, 1);
    };
    assertEquals(await look(), 1000n);
    rig.setX(A3, LEAVES);
    rig.setX(14, pte(frame(4), ALL));
    await execute(rig, "sd a4, 0(a3)", 0);
    assertEquals(await look(), 1004n);
    rig.setX(A3, MIDDLE);
    rig.setX(14, pte(OTHER_LEAVES, V));
    await execute(rig, "sd a4, 0(a3)", 0);
    assertEquals(await look(), 1016n);
    rig.write64(OTHER_LEAVES, pte(frame(9), ALL));
    assertEquals(await look(), 1009n);
    rig.write64(MIDDLE, pte(LEAVES, V));
    assertEquals(await look(), 1004n);
    rig.write64(ROOT + 8, 0);
    rig.setX(A2, WINDOW, 1);
    rig.set("pc", CODE + 0x1000, 1);
    await rig.run(1);
    assertEquals([rig.get("mcause", 1), rig.get("mtval", 1)], [13n, BigInt(WINDOW)]);
  });

  Deno.test(`the page that is being executed can be changed under the pc${suffix}`, async () => {
    for (const level of ["leaf", "pointer"] as const) {
      const rig = await pagedRig({ engine: { tlbEntries } });
      const text = (value: number) => `
        sd a4, 0(a3)
        addi a0, a0, ${value}
        addi a0, a0, ${value}
        loop: j loop`;
      rig.load(text(1), frame(2));
      rig.load(text(100), frame(level === "leaf" ? 6 : 18));
      rig.setX(A3, level === "leaf" ? LEAVES + 8 * 2 : MIDDLE);
      rig.setX(14, level === "leaf" ? pte(frame(6), ALL) : pte(OTHER_LEAVES, V));
      rig.start(WINDOW + 0x2000, 1);
      await rig.run(20);
      assertEquals(rig.x(A0), 200n, level);
    }
  });

  Deno.test(`an instruction across two pages follows either page${suffix}`, async () => {
    const rig = await pagedRig({ engine: { tlbEntries } });
    const view = new DataView(new ArrayBuffer(4));
    const put = (first: number, second: number, text: string) => {
      view.setUint32(0, assemble(text), true);
      const bytes = new Uint8Array(view.buffer);
      rig.write(frame(first) + 4094, bytes.slice(0, 2));
      rig.write(frame(second), bytes.slice(2));
    };
    put(0, 1, "addi a0, a0, 1");
    put(8, 9, "xori a0, a0, 1");
    const step = async () => {
      rig.set("pc", WINDOW + 4094);
      rig.set("privilege", 1);
      rig.set("waiting", 0);
      rig.setX(A0, 32);
      await rig.run(1);
      return rig.x(A0);
    };
    assertEquals(await step(), 33n);
    put(8, 9, "addi a0, a0, 64");
    rig.write64(LEAVES + 8, pte(frame(9), ALL));
    assertEquals(await step(), 96n);
    put(8, 9, "xori a0, a0, 64");
    assertEquals(await step(), 96n); // the first half is still frame 0's: its upper half says 64
    rig.write64(LEAVES, pte(frame(8), ALL));
    rig.setX(A0, 0);
    assertEquals(await step(), 96n);
    rig.write64(LEAVES + 8, 0);
    await step();
    assertEquals([rig.get("mcause"), rig.get("mepc"), rig.get("mtval")], [
      12n,
      BigInt(WINDOW + 4094),
      BigInt(WINDOW + 4096),
    ]);
  });
}

Deno.test("loads and stores across two pages take each byte from its own", async () => {
  const seed = 0xc705;
  const random = new Random(seed);
  const rig = await pagedRig();
  for (let round = 0; round < 300; round++) {
    const [first, second] = [random.below(32), random.below(32)];
    const size = [2, 4, 8][random.below(3)];
    const offset = 4096 - 1 - random.below(size - 1);
    rig.write64(LEAVES, pte(frame(first), V | R | W));
    rig.write64(LEAVES + 8, pte(frame(second), V | R | W));
    const bytes = random.bytes(8);
    bytes.forEach((byte, i) => {
      const at = offset + i;
      rig.write((at < 4096 ? frame(first) : frame(second)) + at % 4096, Uint8Array.of(byte));
    });
    const expected = bytes.slice(0, size).reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
    const value = BigInt(random.next()) << 32n | BigInt(random.next());
    rig.setX(A2, WINDOW + offset);
    rig.setX(A1, value);
    const [load, store] = size === 8 ? ["ld", "sd"] : size === 4 ? ["lwu", "sw"] : ["lhu", "sh"];
    await execute(rig, `${load} a0, 0(a2)\n${store} a1, 0(a2)`);
    const where = `seed ${seed}, round ${round}: ${size} bytes at ${offset}`;
    assertEquals(rig.x(A0), expected, where);
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      const physical = (at < 4096 ? frame(first) : frame(second)) + at % 4096;
      // With both pages in one frame nothing overlaps: the bytes lie at its two ends.
      const stored = BigInt(rig.machine.memory.view(physical, 1)![0]);
      assertEquals(stored, value >> BigInt(8 * i) & 0xffn, where);
    }
    assertEquals(rig.read64(LEAVES) & 0xc0n, BigInt(A | D), where);
    assertEquals(rig.read64(LEAVES + 8) & 0xc0n, BigInt(A | D), where);
  }
});

Deno.test("a store across two pages that the second refuses leaves the first as it was", async () => {
  const rig = await pagedRig();
  rig.write64(LEAVES + 8, pte(frame(1), V | R | A));
  rig.load("sd a1, 0(a2)", CODE);
  rig.setX(A1, -1);
  rig.setX(A2, WINDOW + 4093);
  rig.start(CODE, 1);
  await rig.run(1);
  assertEquals([rig.get("mcause"), rig.get("mtval")], [15n, BigInt(WINDOW + 4096)]);
  assertEquals(rig.read64(frame(0) + 4088), 0n);
});

Deno.test("more page tables than can be remembered: edits still count at once", async () => {
  // Each page of the range has a table of its own, reached through the root and a middle table.
  const tables = TABLE_PAGES + 40;
  const rig = await pagedRig({ memoryBytes: 64 << 20 });
  const leaves = DRAM + (16 << 20);
  const middles = DRAM + (8 << 20);
  for (let i = 0; i < tables; i++) {
    const middle = middles + 4096 * (i >> 9);
    rig.write64(ROOT + 8 * (16 + (i >> 9)), pte(middle, V));
    rig.write64(middle + 8 * (i & 511), pte(leaves + 4096 * i, V));
    rig.write64(leaves + 4096 * i, pte(frame(i % 32), ALL));
  }
  // The code runs in a window page of its own, walks the whole range, then edits its own page.
  const text = (value: number) => `
    loop: ld a1, 0(a2)
          add a0, a0, a1
          add a2, a2, a5
          addi a6, a6, -1
          bne a6, zero, loop
          sd a4, 0(a3)
          addi a0, a0, ${value}
    end:  j end`;
  const { labels } = rig.load(text(1), frame(2));
  rig.load(text(100), frame(6));
  for (const count of [TABLE_PAGES - 30, TABLE_PAGES - 10, tables]) {
    rig.write64(LEAVES + 8 * 2, pte(frame(2), ALL));
    let sum = 0n;
    for (let i = 0; i < count; i++) sum += rig.read64(frame(i % 32));
    rig.changed();
    rig.setX(A0, 0);
    rig.setX(A2, 16 * 2 ** 30);
    rig.setX(A3, LEAVES + 8 * 2);
    rig.setX(14, pte(frame(6), ALL));
    rig.setX(15, 1 << 21);
    rig.setX(16, count);
    rig.start(WINDOW + 0x2000, 1);
    await rig.run(count * 5 + 20);
    assertEquals(rig.get("pc"), BigInt(WINDOW + 0x2000 + labels.get("end")! - frame(2)));
    assertEquals(rig.x(A0), sum + 100n, `${count} tables`);
  }
});

Deno.test("walks that set A or D in a page of code keep count of cycles", async () => {
  // The table of the window is in the page that runs. Every round clears D of one leaf by a plain
  // store and has it set again by a walk; after 64 such stores the page's code is dropped.
  for (const access of ["ld a1, 0(a2)", "sd a1, 8(a2)", "lr.d a1, (a2)", "jalr ra, 0(a2)"]) {
    const rig = await pagedRig();
    const page = frame(40);
    rig.write64(MIDDLE, pte(page, V));
    for (let i = 0; i < 128; i++) rig.write64(page + 8 * i, pte(frame(i % 32), V | R | W | X));
    for (let i = 0; i < 32; i++) rig.load("ret", frame(i));
    const { labels } = rig.load(
      `
      loop: csrr a7, sstatus
            ${access}
            add a2, a2, a5
            addi a6, a6, -1
            bne a6, zero, loop
      end:  addi a0, a0, 1
            j end`,
      page + 0x800,
    );
    rig.setX(A2, WINDOW);
    rig.setX(15, 4096);
    rig.setX(16, 128);
    rig.start(page + 0x800, 1);
    const cycles = 128 * (access.startsWith("jalr") ? 6 : 5);
    await rig.run(cycles + 100);
    assertEquals(rig.get("pc"), BigInt(labels.get("end")!), access);
    assertEquals(rig.get("retired"), BigInt(cycles + 100), access);
    assertEquals([rig.x(16), rig.x(A0)], [0n, 50n], access);
  }
});
