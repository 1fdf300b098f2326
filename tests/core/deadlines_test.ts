/** What a device does by itself comes at its own cycle, wherever slices end. Source: DESIGN, "The Cycle". */
import { assertEquals } from "@std/assert";
import type { BoardPorts, Device, IrqLine } from "../../core/device.ts";
import { CYCLES_PER_TICK, STIP } from "../../core/timers.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { DRAM, Rig } from "./hart/rig.ts";

const BASE = 0x1000_0000;
const DELAY_CYCLES = 1000;
const STCE = 1n << 63n;

/** Arms a timer when its register is read, as a UART restarts its character timeout, and by an input. */
function alarm({ clock, hartIrq }: BoardPorts, rung: number[]): Device {
  const line: IrqLine = hartIrq(0, "MEIP");
  let due = Infinity;
  const arm = () => {
    due = clock.cycle() + DELAY_CYCLES;
  };
  return {
    id: "alarm0",
    sizeBytes: 0x1000,
    widths: [4],
    read: () => {
      arm();
      return 0;
    },
    write: () => {},
    input: arm,
    deadline: () => due,
    tick: () => {
      rung.push(clock.cycle());
      due = Infinity;
      line.set(true);
    },
    save: () => ({ version: 1, due }),
    restore: (state) => {
      due = state.due as number;
    },
  };
}

Deno.test("a timer that a device arms while it is read comes at its cycle", async () => {
  const rung: number[] = [];
  const rig = await Rig.create({
    board: (ports) => [{ base: BASE, device: alarm(ports, rung) }],
  });
  rig.load("lui a0, 0x10000\nnop\nlw a1, 0(a0)\nloop: j loop");
  rig.start(DRAM);
  const from = rig.machine.cycle;
  await rig.run(50_000);
  assertEquals(rung, [from + 2 + DELAY_CYCLES]);
});

Deno.test("a timer that an input arms comes at its cycle, in a machine that was restored too", async () => {
  const at = 500;
  for (const restoredAt of [undefined, at + 1]) {
    const rung: number[] = [];
    const host = new MemoryHost();
    host.send({ device: "alarm0", kind: "console", bytes: new Uint8Array(0) }, at);
    const rig = await Rig.create({
      host,
      board: (ports) => [{ base: BASE, device: alarm(ports, rung) }],
    });
    rig.load("loop: j loop");
    rig.start(DRAM);
    if (restoredAt !== undefined) {
      await rig.machine.run(restoredAt);
      const state = rig.machine.save();
      await rig.machine.run(3 * DELAY_CYCLES);
      rig.machine.restore(state);
    }
    await rig.machine.run(5 * DELAY_CYCLES);
    const once = at + DELAY_CYCLES;
    assertEquals(rung, restoredAt === undefined ? [once] : [once, once]);
  }
});

/** A machine of one hart in an endless loop, whose `mtime` wraps at cycle 1,000. */
async function wrapping(): Promise<Rig> {
  const rig = await Rig.create();
  rig.load("loop: j loop");
  rig.machine.clock.setMtime((1n << 64n) - 10n);
  rig.set("menvcfg", STCE);
  rig.set("stimecmp", 5);
  rig.start(DRAM);
  return rig;
}

Deno.test("STIP follows mtime when it wraps, in a machine that was restored too", async () => {
  const rig = await wrapping();
  const restored = await wrapping();
  const levels = [];
  for (const cycle of [999, 1001, 1499, 1501]) {
    await rig.machine.run(cycle);
    await restored.machine.run(cycle - 1);
    restored.machine.restore(restored.machine.save());
    await restored.machine.run(cycle);
    assertEquals(restored.machine.digest(), rig.machine.digest(), `at cycle ${cycle}`);
    levels.push(rig.get("mipLines") >> 5n & 1n);
  }
  // Unsigned: 2^64 - 10 is past 5, 0 is not (privileged specification, Sstc).
  assertEquals(levels, [1n, 0n, 0n, 1n]);
});

Deno.test("a timer beyond the last cycle is none: the machine is stuck, and says so", async () => {
  const rig = await Rig.create();
  rig.load("wfi\nloop: j loop");
  rig.set("menvcfg", STCE);
  rig.set("mie", STIP);
  rig.set("stimecmp", Math.ceil(Number.MAX_SAFE_INTEGER / CYCLES_PER_TICK));
  rig.start(DRAM);
  assertEquals((await rig.machine.run(Infinity)).reason, "stuck");
});
