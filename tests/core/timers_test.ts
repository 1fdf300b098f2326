/** The timebase: cycles to ticks and back, and the guest's changes to it. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../core/random.ts";
import { CYCLES_PER_TICK, type MachineClock } from "../../core/timers.ts";
import { Rig } from "./hart/rig.ts";

const NEVER = (1n << 64n) - 1n;

/** A clock whose machine has got to a cycle. */
async function clockAt(cycle: number): Promise<MachineClock> {
  const { machine } = await Rig.create();
  await machine.run(cycle);
  assertEquals(machine.clock.cycle(), cycle);
  return machine.clock;
}

Deno.test("mtime() is a tick for every 100 cycles", async () => {
  for (const [cycle, ticks] of [[0, 0n], [99, 0n], [100, 1n], [12_345, 123n]] as const) {
    assertEquals((await clockAt(cycle)).mtime(), ticks);
  }
});

Deno.test("cycleOfMtime() is the first cycle with that time", async () => {
  const seed = 0x71e3;
  const random = new Random(seed);
  for (let n = 0; n < 40; n++) {
    const now = random.below(10_000);
    const clock = await clockAt(now);
    if (n % 2 === 1) clock.setMtime(BigInt(random.next()) << 20n);
    const where = `seed ${seed}, trial ${n}, cycle ${now}`;
    const time = clock.mtime();
    assertEquals(clock.cycleOfMtime(time), now, where);
    assertEquals(clock.cycleOfMtime(0n), now, where);
    const ahead = 1 + random.below(1000);
    const cycle = clock.cycleOfMtime(time + BigInt(ahead));
    assertEquals(cycle % CYCLES_PER_TICK, 0, where);
    assertEquals(cycle, (Math.floor(now / CYCLES_PER_TICK) + ahead) * CYCLES_PER_TICK, where);
    assertEquals(clock.cycleOfMtime(NEVER), Infinity, where);
  }
});

Deno.test("setMtime() moves the time from now on, and later time goes on from there", async () => {
  const { machine } = await Rig.create();
  await machine.run(12_345);
  for (const value of [0n, 5n, 1n << 40n, NEVER]) {
    machine.clock.setMtime(value);
    assertEquals(machine.clock.mtime(), value);
    assertEquals(machine.clock.offset, BigInt.asUintN(64, value - 123n));
  }
  machine.clock.setMtime(1000n);
  await machine.run(12_345 + 1000);
  assertEquals(machine.clock.mtime(), 1010n);
  machine.clock.setMtime(NEVER);
  await machine.run(12_345 + 1100);
  assertEquals(machine.clock.mtime(), 0n, "it wraps");
});

Deno.test("STIP follows stimecmp, mtime and STCE from one cycle to the next", async () => {
  const rig = await Rig.create();
  const stip = async () => {
    await rig.run(1);
    return (rig.get("mipLines") & 32n) !== 0n;
  };
  rig.load("loop: j loop");
  rig.start(0x8000_0000);
  rig.set("stimecmp", 3);
  assertEquals(await stip(), false, "STCE is off");
  rig.set("menvcfg", 1n << 63n);
  await rig.machine.run(299);
  assertEquals(await stip(), false);
  assertEquals(rig.machine.cycle, 300);
  assertEquals(await stip(), true, "cycle 300 is tick 3");
  rig.set("stimecmp", 1000);
  assertEquals(await stip(), false);
  rig.machine.clock.setMtime(5000n);
  assertEquals(await stip(), true);
  rig.machine.clock.setMtime(0n);
  assertEquals(await stip(), false);
  rig.set("stimecmp", 0);
  assertEquals(await stip(), true);
  rig.set("menvcfg", 0);
  assertEquals(await stip(), false);
});

Deno.test("a guest reads the same time from the CSR as the clock has", async () => {
  const rig = await Rig.create();
  rig.load("loop: csrr a0, time\nj loop");
  rig.start(0x8000_0000);
  rig.machine.clock.setMtime(0xffff_ffff_ffff_fff0n);
  const seen = new Set<bigint>();
  for (let n = 0; n < 30; n++) {
    await rig.run(101);
    // The CSR was read one or two cycles ago.
    const behind = rig.machine.clock.mtime() - rig.x(10);
    assert(behind === 0n || behind === 1n || rig.machine.clock.mtime() === 0n, `${behind}`);
    seen.add(rig.x(10));
  }
  assert(seen.has(0xffff_ffff_ffff_fffan) && seen.has(3n), "it wraps as the clock does");
});
