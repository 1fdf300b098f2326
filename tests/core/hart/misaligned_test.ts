/** Accesses that are not aligned, where memory ends. Source: privileged specification, 3.6 (PMAs). */
import { assertEquals } from "@std/assert";
import type { Device } from "../../../core/device.ts";
import { DRAM, Rig } from "./rig.ts";

const BASE = 0x1000_0000;
const HANDLER = DRAM + 0x100;

Deno.test("a device sees nothing of an access that crosses a page: it is an access fault", async () => {
  let accesses = 0;
  const device: Device = {
    id: "two-pages",
    sizeBytes: 0x2000,
    widths: [1, 2, 4, 8],
    read: () => accesses++,
    write: () => accesses++,
    save: () => ({ version: 1 }),
    restore: () => {},
  };
  for (const [access, cause] of [["ld a1, 0(a0)", 5n], ["sd a1, 0(a0)", 7n]] as const) {
    for (const address of [BASE + 0xffc, BASE + 0xfff]) {
      const rig = await Rig.create({ board: () => [{ base: BASE, device }] });
      rig.load("loop: j loop", HANDLER);
      rig.load(access);
      rig.set("mtvec", HANDLER);
      rig.setX(10, address);
      rig.setX(11, 77);
      rig.start(DRAM);
      await rig.run(1);
      assertEquals([rig.get("mcause"), rig.get("mtval")], [cause, BigInt(address)], access);
      assertEquals([rig.x(11), accesses], [77n, 0], access);
    }
  }
});
