/** What compiled code must not get wrong, each case by itself: tier 1 against tier 0 and against the specification. */
import { assert, assertEquals } from "@std/assert";
import type { BoardPorts, Device, IrqLine, Width } from "../../../../core/device.ts";
import { MACHINE } from "../../../../core/hart/layout.ts";
import { assemble } from "../../../../core/isa/assemble.ts";
import { A, D, pte, R, satp, V, W, X } from "../paged_rig.ts";
import { DRAM, Rig } from "../rig.ts";

const DEVICE = 0x1000_0000;
const HANDLER = DRAM + 0x1_0000;
const DATA = DRAM + 0x2_0000;
const [A0, A1, A2, A3, S0, S1] = [10, 11, 12, 13, 8, 9];
const FS_INITIAL = 0x2000;
const MIE = 8;
const MEIE = 1 << 11;

/** Tells the cycle of a read; a write at 0 sends, which ends the slice; raises its line at a cycle. */
class Probe implements Device {
  readonly id = "probe";
  readonly sizeBytes = 0x1000;
  readonly widths: readonly Width[] = [4];
  readonly reads: number[] = [];
  due = Infinity;
  readonly #line: IrqLine;

  constructor(readonly ports: BoardPorts) {
    this.#line = ports.hartIrq(0, "MEIP");
  }

  read(): number {
    this.reads.push(this.ports.clock.cycle());
    return this.reads.at(-1)!;
  }

  write(offset: number): void {
    if (offset === 0) this.ports.output(this.id, { kind: "console", bytes: new Uint8Array(1) });
    this.#line.set(false);
  }

  deadline(): number {
    return this.due;
  }

  tick(): void {
    this.due = Infinity;
    this.#line.set(true);
  }

  save() {
    return { version: 1, reads: this.reads.length };
  }

  restore(): void {}
}

interface Bench {
  readonly rig: Rig;
  readonly probe: Probe;
  readonly labels: ReadonlyMap<string, number>;
}

/** A program in machine mode; a trap skips 4 bytes, an interrupt silences the device. */
async function bench(jitThreshold: number, text: string, harts = 1): Promise<Bench> {
  let probe!: Probe;
  const board = (ports: BoardPorts) => {
    probe = new Probe(ports);
    return [{ base: DEVICE, device: probe }];
  };
  const rig = await Rig.create({ board, harts, engine: { jitThreshold } });
  rig.load(
    `
          csrr t6, mcause
          blt t6, zero, line
          csrr t6, mepc
          addi t6, t6, 4
          csrw mepc, t6
          mret
    line: li t6, ${DEVICE}
          sw zero, 4(t6)
          mret`,
    HANDLER,
  );
  const { labels } = rig.load(text);
  for (let hart = 0; hart < harts; hart++) {
    rig.set("mtvec", HANDLER, hart);
    rig.set("mstatus", FS_INITIAL, hart);
    rig.setX(S0, DATA, hart);
    rig.setX(S1, DEVICE, hart);
  }
  rig.start(DRAM);
  return { rig, probe, labels };
}

/** Runs a program on both tiers and compares them after stretches of many lengths. */
async function requireSame(name: string, text: string, share = 0.2): Promise<void> {
  const benches = await Promise.all([0, 1, 4].map((threshold) => bench(threshold, text)));
  const [{ rig: expected, probe }, ...others] = benches;
  for (let step = 0; step < 40; step++) {
    const cycles = step % 3 === 0 ? 500 : 1 + step * 37 % 130;
    await expected.run(cycles);
    const state = expected.machine.save();
    const memory = expected.machine.memory.view(DRAM, 0x4_0000);
    for (const other of others) {
      await other.rig.run(cycles);
      assertEquals(other.rig.machine.save(), state, `${name}, step ${step}`);
      assertEquals(other.rig.machine.memory.view(DRAM, 0x4_0000), memory, name);
      assertEquals(other.probe.reads, probe.reads, `${name}: cycles that the device saw`);
    }
  }
  requireCompiled(others[0].rig, name, share);
}

function requireCompiled({ machine }: Rig, name = "", share = 0.2): void {
  const compiled = Number(machine.engine.u64[MACHINE.compiledCycles / 8]);
  assert(
    compiled > share * machine.cycle,
    `${name}: ${compiled} of ${machine.cycle} were compiled`,
  );
}

// In a loop, with work before and after in the same block.
const inBlock = (text: string) => `
  li a3, ${0x4000_0000}
  loop: addi a0, a0, 1
        mul a1, a0, a0
        ${text}
        xor a2, a2, a1
        addi a4, a4, 3
        j loop`;

const IN_A_BLOCK: Readonly<Record<string, string>> = {
  "a load that faults": "lw a1, 0(a3)",
  "a store that faults": "sd a1, 0(a3)",
  "a load to x0 that faults": "lw zero, 0(a3)",
  "a load from the device to x0": "lw zero, 0(s1)",
  "loads from the device": "lw a5, 0(s1)\nlwu a6, 0(s1)\nlw a7, 0(s1)",
  "a width that the device has not": "lb a5, 0(s1)",
  "an AMO on the device": "amoadd.w a5, a0, (s1)",
  "a misaligned AMO": "addi a5, s0, 2\namoadd.w a6, a0, (a5)",
  "a misaligned LR": "addi a5, s0, 2\nlr.w a6, (a5)",
  "a store to the device that ends the slice": "sw a0, 0(s1)",
  "a compressed store to the device": "mv a5, s1\nc.sw a0, 0(a5)\nc.addi a0, 1",
  "a compressed load from the device": "c.lw a5, 0(s1)\nc.addi a0, 1",
  "flw that faults leaves FS as it is": "flw f1, 0(a3)",
  "flw from the device": "flw f1, 0(s1)\nfadd.s f2, f1, f1",
  "a CSR that there is not": "csrrs a5, 0x5a8, zero",
  "a write of a CSR that is read-only": "csrrw a5, 0xc00, a1",
  "FS off, and on again": `
    li a5, 0x6000
    fcvt.d.l f1, a0
    csrrc zero, mstatus, a5
    fadd.d f2, f1, f1
    fld f3, 0(s0)
    csrrs zero, mstatus, a5
    fadd.d f3, f1, f1`,
  "a rounding mode that is reserved": `
    csrrwi zero, frm, 5
    fcvt.d.l f1, a0
    fadd.d f2, f1, f1, dyn
    csrrwi zero, frm, 2
    fadd.d f3, f1, f1, dyn`,
  "counters": `
    csrrs a5, mcycle, zero
    csrrs a6, minstret, zero
    csrrs a7, time, zero
    csrrs t0, instret, zero
    csrrs t1, cycle, zero
    csrrw zero, minstret, a0
    csrrs t2, minstret, zero`,
  "LR and SC in two blocks": `
    lr.d a5, (s0)
    addi a5, a5, 1
    beq a5, zero, over
    sc.d a6, a5, (s0)
    over: add a7, a7, a6`,
  "MPRV, with pages that user mode has not": `
    li a5, 0x21800
    csrrc zero, mstatus, a5
    li a6, 0x20000
    csrrs zero, mstatus, a6
    ld a7, 0(s0)
    csrrs zero, mstatus, a5
    ld t0, 0(s0)`,
  "fence.i": "fence.i",
};

/** Code that is rewritten often is not compiled for long. */
const ITSELF: Readonly<Record<string, string>> = {
  "its own block, behind": `
    li a5, ${DRAM + 8}
    li a6, ${assemble("addi a0, a0, 1")}
    li a7, ${1 << 20}
    andi t0, a0, 7
    mul a7, a7, t0
    add a6, a6, a7
    sw a6, 4(a5)`,
  "the next instruction but one": `
    auipc a5, 0
    li a6, ${assemble("addi a0, a0, 1")}
    slli a7, a4, 20
    slli a7, a7, 33
    srli a7, a7, 33
    add a6, a6, a7
    sw a6, 36(a5)
    addi t1, t1, 1
    addi a0, a0, 1`,
};

for (const [name, text] of Object.entries(IN_A_BLOCK)) {
  Deno.test(`in the midst of a block, on both tiers: ${name}`, async () => {
    await requireSame(name, inBlock(text));
  });
}

for (const [name, text] of Object.entries(ITSELF)) {
  Deno.test(`a store in the midst of a block changes ${name}`, async () => {
    await requireSame(name, inBlock(text), 0.02);
  });
}

const KERNEL = `
  loop: addi a0, a0, 1
        ld a1, 0(s0)
        add a1, a1, a0
        sd a1, 0(s0)
        andi a2, a0, 3
        beq a2, zero, four
        xor a3, a3, a1
        j loop
  four: mul a4, a1, a0
        j loop`;

Deno.test("slices of 1 to 200 cycles end exactly, wherever they begin", async () => {
  const [expected, actual] = [await bench(0, KERNEL), await bench(1, KERNEL)];
  await expected.rig.run(1000); // from here on everything is compiled
  await actual.rig.run(1000);
  for (let cycles = 1; cycles <= 200; cycles++) {
    for (let entry = 0; entry < 5; entry++) {
      for (const { rig } of [expected, actual]) {
        rig.start(DRAM + 4 * entry);
        await rig.run(cycles);
      }
      const where = `${cycles} cycles from instruction ${entry}`;
      assertEquals(actual.rig.machine.save(), expected.rig.machine.save(), where);
    }
  }
  requireCompiled(actual.rig);
});

Deno.test("an interrupt is taken at each of 150 cycles of compiled code", async () => {
  const [expected, actual] = [await bench(0, KERNEL), await bench(1, KERNEL)];
  for (let delay = 1; delay <= 150; delay++) {
    for (const { rig, probe } of [expected, actual]) {
      rig.set("mie", MEIE);
      rig.set("mstatus", MIE);
      rig.start(DRAM);
      const { cycle } = rig.machine;
      probe.due = cycle + 100 + delay;
      const retired = rig.get("retired");
      await rig.run(100 + delay + 1);
      assertEquals(rig.get("retired") - retired, BigInt(100 + delay), "one each cycle until then");
      assertEquals(rig.get("pc"), BigInt(HANDLER), `delay ${delay}`);
      await rig.run(300);
    }
    assertEquals(actual.rig.machine.save(), expected.rig.machine.save(), `delay ${delay}`);
  }
  requireCompiled(actual.rig);
});

Deno.test("a breakpoint in a loop that is compiled stops before its instruction; removed, it does not", async () => {
  for (const threshold of [1, 4]) {
    const { rig, labels } = await bench(threshold, KERNEL);
    await rig.run(1000);
    await rig.run(1000);
    requireCompiled(rig);
    const four = BigInt(labels.get("four")!);
    rig.machine.setBreakpoints(new Set([four]));
    for (let i = 0; i < 5; i++) {
      const a0 = rig.x(A0);
      const stop = await rig.machine.run(rig.machine.cycle + 1000);
      assertEquals([stop.reason, rig.get("pc")], ["breakpoint", four]);
      assertEquals(rig.x(A0) % 4n, 0n);
      if (i > 0) assertEquals(rig.x(A0) - a0, 4n, "at each fourth round");
    }
    rig.machine.setBreakpoints(new Set());
    const compiled = rig.machine.engine.u64[MACHINE.compiledCycles / 8];
    for (let i = 0; i < 4; i++) {
      const stop = await rig.machine.run(rig.machine.cycle + 1000);
      assertEquals(stop.reason, "until");
    }
    const since = rig.machine.engine.u64[MACHINE.compiledCycles / 8] - compiled;
    assert(since > 1000n, `${since} cycles were compiled after it was removed`);
  }
});

Deno.test("a watched page stops compiled code at the access", async () => {
  const [expected, actual] = [await bench(0, KERNEL), await bench(1, KERNEL)];
  const hits = [];
  for (const { rig } of [expected, actual]) {
    await rig.run(1003);
    rig.machine.setWatchpoints([{ address: DATA, sizeBytes: 8, kind: "write" }]);
    const stop = await rig.machine.run(rig.machine.cycle + 1000);
    hits.push([stop, rig.machine.cycle, rig.machine.save()]);
  }
  requireCompiled(actual.rig);
  assertEquals(hits[1], hits[0]);
  assertEquals((hits[0][0] as { reason: string }).reason, "watchpoint");
});

Deno.test("code on a page that is watched runs and is seen as it is", async () => {
  const [expected, actual] = [await bench(0, KERNEL), await bench(1, KERNEL)];
  for (const { rig } of [expected, actual]) {
    await rig.run(500);
    rig.machine.setWatchpoints([{ address: DRAM + 0x800, sizeBytes: 8, kind: "access" }]);
    const stop = await rig.machine.run(rig.machine.cycle + 1000);
    assertEquals(stop.reason, "until");
  }
  assertEquals(actual.rig.machine.save(), expected.rig.machine.save());
});

Deno.test("another hart's store to a compiled loop counts from its cycle on", async () => {
  const text = `
    loop: addi a0, a0, 1
          addi a1, a1, 1
          j loop
    other: addi a3, a3, -1
          bne a3, zero, other
          sw a2, 0(s0)
          xor a2, a2, a4
          addi a3, zero, 1500
          j other`;
  const benches = await Promise.all([0, 1, 4].map((threshold) => bench(threshold, text, 2)));
  for (const { rig, labels } of benches) {
    rig.setX(S0, labels.get("loop")!, 1);
    rig.setX(A2, assemble("addi a0, a0, 5"), 1);
    rig.setX(14, assemble("addi a0, a0, 5") ^ assemble("addi a0, a0, 1"), 1);
    rig.setX(A3, 1000, 1);
    rig.start(labels.get("other")!, 3, 1);
  }
  for (let step = 0; step < 12; step++) {
    for (const { rig } of benches) await rig.run(step % 2 === 0 ? 10_000 : 777);
    const [expected, ...others] = benches.map(({ rig }) => rig.machine.save());
    for (const other of others) assertEquals(other, expected, `step ${step}`);
  }
  const { rig } = benches[1];
  assert(rig.x(A0) > rig.x(A1) * 2n, "the change was seen");
  for (const { rig } of benches.slice(1)) requireCompiled(rig);
});

Deno.test("satp written by code whose own page it maps elsewhere: the other page goes on", async () => {
  const [ROOTS, MIDDLES, LEAVES, FRAMES] = [0, 1, 2, 3].map((i) => {
    const first = DRAM + 0x3_0000 + i * 0x2000;
    return [first, first + 0x1000];
  });
  for (const threshold of [0, 1, 4]) {
    const { rig } = await bench(threshold, "nop");
    ROOTS.forEach((root, i) => {
      rig.write64(root + 8, pte(MIDDLES[i], V));
      rig.write64(MIDDLES[i], pte(LEAVES[i], V));
      rig.write64(LEAVES[i], pte(FRAMES[i], V | R | W | X | A | D));
    });
    // Both go round; the one adds 1 and goes to the other by writing satp, the other adds 1,000.
    rig.load("loop: nop\ncsrrw a1, satp, a1\naddi a0, a0, 1\nj loop", FRAMES[0]);
    rig.load("loop: nop\ncsrrw a1, satp, a1\naddi a0, a0, 1000\nj loop", FRAMES[1]);
    rig.set("satp", satp(ROOTS[0]));
    rig.setX(A1, satp(ROOTS[1]));
    rig.setX(A0, 0);
    rig.start(0x4000_0000, 1);
    for (let i = 0; i < 10; i++) await rig.run(400); // 4 instructions a round
    assertEquals(rig.x(A0), 500n * 1001n, `threshold ${threshold}`);
    if (threshold > 0) requireCompiled(rig, "satp", 0.1);
  }
});

Deno.test("table indices are used again when code is rewritten", async () => {
  const { rig } = await bench(1, KERNEL);
  for (let i = 0; i < 20; i++) {
    await rig.run(500);
    rig.write(DRAM, new Uint8Array(Uint32Array.of(assemble(`addi a0, a0, ${i + 1}`)).buffer));
  }
  const { pagesDropped: dropped, regions } = rig.machine.engine.jit.statistics;
  assert(dropped >= 20 && regions <= 2, `${dropped} dropped, ${regions} regions`);
  const { table } = rig.machine.engine.jit;
  let used = 0;
  for (let i = 0; i < table.length; i++) if (table.get(i) !== null) used++;
  assert(used <= 6, `${used} functions are in the table`);
  assertEquals(table.get(12), null, "no index beyond those in use was ever taken");
});
