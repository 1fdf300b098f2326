/** What a device does by itself comes at its own cycle, wherever slices end. Source: DESIGN, "The Cycle". */
import { assertEquals } from "@std/assert";
import type { BoardPorts, Device, IrqLine } from "../../core/device.ts";
import { DRAM, Rig } from "./hart/rig.ts";

const BASE = 0x1000_0000;
const DELAY_CYCLES = 1000;

/** Arms a timer when its register is read, as a UART restarts its character timeout. */
function alarm({ clock, hartIrq }: BoardPorts, rung: number[]): Device {
  const line: IrqLine = hartIrq(0, "MEIP");
  let due = Infinity;
  return {
    id: "alarm0",
    sizeBytes: 0x1000,
    widths: [4],
    read: () => {
      due = clock.cycle() + DELAY_CYCLES;
      return 0;
    },
    write: () => {},
    deadline: () => due,
    tick: () => {
      rung.push(clock.cycle());
      due = Infinity;
      line.set(true);
    },
    save: () => ({ version: 1, due }),
    restore: () => {},
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
