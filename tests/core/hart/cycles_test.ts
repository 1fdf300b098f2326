/**
 * Which cycle is whose: instructions, traps, interrupts, waiting; and the counters that show it.
 * Source: DESIGN, "The Cycle"; privileged specification, 3.1.10 to 3.1.12, 3.3.3 and Sstc.
 */
import { assert, assertEquals } from "@std/assert";
import type { BoardPorts } from "../../../core/device.ts";
import { Random } from "../../../core/random.ts";
import { CYCLES_PER_TICK } from "../../../core/timers.ts";
import { Clint } from "../../../devices/clint.ts";
import { DRAM, Rig, type RigOptions } from "./rig.ts";

const CLINT = 0x200_0000;
const MTIMECMP = 0x4000;
const A0 = 10;
const HANDLER = DRAM + 0x1_0000;
const MIE = 1n << 3n;
const STIP = 5;
const MTIP = 7;
const STCE = 1n << 63n;
const INTERRUPT = 1n << 63n;

async function rigWithClint(options: RigOptions = {}): Promise<{ rig: Rig; clint: Clint }> {
  let clint!: Clint;
  const harts = options.harts ?? 1;
  const board = ({ clock, hartIrq }: BoardPorts) => {
    clint = new Clint({ id: "clint", harts }, { clock, lines: hartIrq });
    return [{ base: CLINT, device: clint }];
  };
  const rig = await Rig.create({ ...options, board });
  for (let hart = 0; hart < harts; hart++) {
    clint.write(MTIMECMP + 8 * hart, 4, 0xffff_ffff);
    clint.write(MTIMECMP + 8 * hart + 4, 4, 0xffff_ffff);
  }
  rig.load("nop\nloop: j loop", HANDLER);
  for (let hart = 0; hart < harts; hart++) rig.set("mtvec", HANDLER, hart);
  return { rig, clint };
}

/** Arms one of the two timers from outside, for a tick of mtime. */
function arm(rig: Rig, clint: Clint, timer: "stimecmp" | "mtimecmp", tick: number): number {
  if (timer === "stimecmp") {
    rig.set("menvcfg", rig.get("menvcfg") | STCE);
    rig.set("stimecmp", tick);
    return STIP;
  }
  clint.write(MTIMECMP, 4, tick);
  clint.write(MTIMECMP + 4, 4, 0);
  return MTIP;
}

for (const timer of ["stimecmp", "mtimecmp"] as const) {
  Deno.test(`an interrupt by ${timer} is taken at its cycle, and takes one`, async () => {
    const random = new Random(0x717e);
    for (const text of ["addi a0, a0, 1\n".repeat(4000), "loop: addi a0, a0, 1\nj loop"]) {
      for (let round = 0; round < 20; round++) {
        const { rig, clint } = await rigWithClint();
        rig.load(text);
        await rig.machine.run(random.below(300)); // begin anywhere within a tick: nothing acts yet
        const from = rig.machine.cycle;
        const due = (Math.floor(from / CYCLES_PER_TICK) + 1 + random.below(20)) * CYCLES_PER_TICK;
        const code = arm(rig, clint, timer, due / CYCLES_PER_TICK);
        rig.set("mie", 1n << BigInt(code));
        rig.set("mstatus", MIE);
        const retired = rig.get("retired");
        rig.start(DRAM);
        await rig.machine.run(due);
        assertEquals(rig.get("retired") - retired, BigInt(due - from), "all cycles until then");
        const pc = rig.get("pc");
        assert(pc < BigInt(HANDLER), "it must not have been taken before its cycle");
        const a0 = rig.x(A0);
        await rig.run(1);
        assertEquals(rig.get("pc"), BigInt(HANDLER), "in its cycle the trap is all that happens");
        assertEquals([rig.get("mepc"), rig.x(A0)], [pc, a0]);
        assertEquals(rig.get("mcause"), INTERRUPT | BigInt(code));
        assertEquals(rig.get("retired") - retired, BigInt(due - from), "a trap retires nothing");
      }
    }
  });

  Deno.test(`wfi ends at the cycle of ${timer}, whatever the global enable says`, async () => {
    for (const enabled of [true, false]) {
      const { rig, clint } = await rigWithClint();
      rig.load("wfi\naddi a0, a0, 1\nloop: j loop");
      const code = arm(rig, clint, timer, 77);
      rig.set("mie", 1n << BigInt(code));
      if (enabled) rig.set("mstatus", MIE);
      rig.start(DRAM);
      await rig.run(7699);
      assertEquals([rig.get("waiting"), rig.get("pc")], [1n, BigInt(DRAM + 4)]);
      assertEquals(rig.get("retired"), 1n, "wfi itself");
      await rig.run(1);
      assertEquals([rig.machine.cycle, rig.get("pc")], [7700, BigInt(DRAM + 4)]);
      await rig.run(1);
      assertEquals(rig.get("pc"), BigInt(enabled ? HANDLER : DRAM + 8));
      assertEquals(rig.x(A0), enabled ? 0n : 1n);
      if (enabled) assertEquals(rig.get("mepc"), BigInt(DRAM + 4));
    }
    // And in one go: nothing stops at the cycle but the machine itself.
    const { rig, clint } = await rigWithClint();
    rig.load("wfi\ncsrr a0, mcycle\nloop: j loop");
    rig.set("mie", 1n << BigInt(arm(rig, clint, timer, 77)));
    rig.start(DRAM);
    await rig.run(9000);
    assertEquals(rig.x(A0), 7700n);
  });

  Deno.test(`a guest that arms ${timer} itself is interrupted at the cycle of that tick`, async () => {
    for (let delay = 0; delay < 130; delay += 7) {
      const { rig } = await rigWithClint();
      const write = timer === "stimecmp"
        ? "csrw stimecmp, a2"
        : `li a4, ${CLINT + MTIMECMP}\nsd a2, 0(a4)`;
      rig.load(`
        ${"nop\n".repeat(delay)}
        csrr a2, time
        addi a2, a2, 3
        ${write}
        ${"addi a0, a0, 1\n".repeat(600)}`);
      rig.set("menvcfg", timer === "stimecmp" ? STCE : 0);
      rig.set("mie", 1n << BigInt(timer === "stimecmp" ? STIP : MTIP));
      rig.set("mstatus", MIE);
      rig.start(DRAM);
      await rig.run(2000);
      const due = (Math.floor(delay / CYCLES_PER_TICK) + 3) * CYCLES_PER_TICK;
      // One instruction a cycle from cycle 0: the pc is the cycle.
      assertEquals(rig.get("mepc"), BigInt(DRAM + 4 * due), `delay ${delay}`);
    }
  });
}

Deno.test("a trap takes the cycle of its instruction and retires nothing", async () => {
  const cases: readonly [string, bigint, number][] = [
    ["ecall", 11n, 0],
    ["ebreak", 3n, 0],
    [".word 0xffffffff", 2n, 0],
    ["lw a1, 0(zero)", 5n, 0],
    ["sw a1, 0(zero)", 7n, 0],
    ["lr.w a1, (a3)", 4n, 0],
    ["amoadd.w a1, a1, (a3)", 6n, 0],
    ["jalr zero, 0(zero)", 1n, 1], // it retires itself; the fetch at its target traps
  ];
  for (const [text, cause, retires] of cases) {
    const { rig } = await rigWithClint();
    rig.setX(13, DRAM + 0x2_0001);
    rig.load(`nop\nnop\n${text}`);
    rig.start(DRAM);
    await rig.run(2 + retires);
    const before = rig.get("pc");
    await rig.run(1);
    assertEquals([rig.get("pc"), rig.get("mepc")], [BigInt(HANDLER), before], text);
    assertEquals(rig.get("mcause"), cause, text);
    assertEquals(rig.get("retired"), BigInt(2 + retires), text);
    await rig.run(10);
    assertEquals(rig.get("retired"), BigInt(12 + retires), text);
  }
});

Deno.test("minstret counts what its hart retires, mcycle every cycle, and both stop when told", async () => {
  const { rig } = await rigWithClint();
  const { labels } = rig.load(`
        csrr a0, minstret
        csrr a1, minstret
        csrr a2, mcycle
        csrr a3, mcycle
        li t0, 1000
        csrw minstret, t0
        csrr a4, minstret
        li t0, 5000
        csrw mcycle, t0
        nop
        csrr a5, mcycle
        csrrwi zero, mcountinhibit, 5 # from here on nothing counts
  end:  j end`);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  const a = (index: number) => rig.x(10 + index);
  assertEquals(a(1) - a(0), 1n);
  assertEquals(a(3) - a(2), 1n);
  assertEquals(a(4), 1000n, "it counts from the instruction after the write on");
  assertEquals(a(5), 5001n);
  const more = rig.load(
    `
        csrr a0, mcycle
        csrr a1, minstret
        nop
        csrr a2, mcycle
        csrr a3, minstret
        li t0, 70
        csrw minstret, t0
        csrr a4, minstret
        csrrwi zero, mcountinhibit, 5 # once more changes nothing
        csrrwi zero, mcountinhibit, 0
        csrr a5, minstret
        csrr a6, mcycle
        ecall`,
    DRAM + 0x2000,
  );
  rig.start(DRAM + 0x2000);
  await rig.run(more.bytes.length / 4);
  assertEquals([a(2), a(3)], [a(0), a(1)], "frozen");
  assertEquals(a(4), 70n, "a frozen counter keeps what is written");
  assertEquals(a(5), 70n, "it goes on from where it stood");
  assertEquals(a(6), a(0) + 1n);
  assertEquals(rig.get("mcause"), 11n);
});

Deno.test("cycles are the instructions, traps and interrupts of all harts, and idle time", async () => {
  const harts = 4;
  const { rig, clint } = await rigWithClint({ harts });
  // Each hart counts, traps every few instructions and takes a timer interrupt every 50 ticks.
  rig.load(`
    loop: addi a0, a0, 1
          addi a1, a1, -1
          bne a1, zero, loop
          addi a1, zero, 10
          ecall
          j loop`);
  rig.load(
    `
          csrr t0, mcause
          blt t0, zero, timer
          addi s0, s0, 1          # traps
          csrr t0, mepc
          addi t0, t0, 4
          csrw mepc, t0
          mret
    timer: addi s1, s1, 1         # interrupts
          csrr t0, mhartid
          slli t0, t0, 3
          li t1, ${CLINT + MTIMECMP}
          add t0, t0, t1
          csrr t1, time
          addi t1, t1, 50
          sd t1, 0(t0)
          mret`,
    HANDLER,
  );
  for (let hart = 0; hart < harts; hart++) {
    clint.write(MTIMECMP + 8 * hart, 4, 10);
    clint.write(MTIMECMP + 8 * hart + 4, 4, 0);
    rig.set("mie", 1 << MTIP, hart);
    rig.set("mstatus", MIE, hart);
    rig.setX(11, 10, hart);
    rig.start(DRAM, 3, hart);
  }
  const cycles = 300_000;
  await rig.machine.run(cycles);
  let sum = 0n;
  for (let hart = 0; hart < harts; hart++) {
    const [traps, interrupts] = [rig.x(8, hart), rig.x(9, hart)];
    assert(traps > 1000n && interrupts > 1n, `hart ${hart}: ${traps} traps, ${interrupts}`);
    sum += rig.get("retired", hart) + traps + interrupts;
    // A handler under way has not counted its trap yet.
    const pc = rig.get("pc", hart) - BigInt(HANDLER);
    const uncounted = pc >= 0n && (pc <= 8n || pc === 28n);
    if (uncounted) sum += 1n;
  }
  assertEquals(sum, BigInt(cycles));
});

Deno.test("wfi goes on at once if an enabled interrupt is pending, and not for others", async () => {
  const { rig } = await rigWithClint();
  rig.load("wfi\naddi a0, a0, 1\nloop: j loop");
  const wakes = async (
    fields: Partial<Record<"mie" | "mipLines" | "mipSoftware" | "menvcfg", bigint>>,
  ) => {
    for (const name of ["mie", "mipLines", "mipSoftware", "menvcfg"] as const) {
      rig.set(name, fields[name] ?? 0n);
    }
    rig.setX(A0, 0);
    rig.start(DRAM);
    await rig.run(10);
    return rig.x(A0) === 1n;
  };
  assertEquals(await wakes({ mie: 1n << 3n, mipLines: 1n << 3n }), true);
  assertEquals(await wakes({ mie: 1n << 3n, mipLines: 1n << 11n }), false);
  assertEquals(await wakes({ mie: 1n << 1n, mipSoftware: 1n << 1n }), true);
  assertEquals(await wakes({ mie: 0xaaan, mipSoftware: 0n }), false);
  assertEquals(await wakes({ mie: 1n << 5n, mipSoftware: 1n << 5n }), true);
  // With STCE the bit of mip that software wrote counts no longer: mip is 0.
  assertEquals(await wakes({ mie: 1n << 5n, mipSoftware: 1n << 5n, menvcfg: STCE }), false);
});
