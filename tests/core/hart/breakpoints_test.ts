/** Breakpoints where no instruction can be fetched. */
import { assertEquals } from "@std/assert";
import { DRAM, Rig } from "./rig.ts";

const NOWHERE = 0x4000_0000n;
const HANDLER = DRAM + 0x1000;

Deno.test("a breakpoint where nothing can be fetched stops before the trap, once", async () => {
  const rig = await Rig.create();
  rig.load("addi a0, a0, 1\njalr x0, 0(a1)");
  rig.load("wfi", HANDLER);
  rig.setX(11, NOWHERE);
  rig.set("mtvec", HANDLER);
  rig.start(DRAM);
  rig.machine.setBreakpoints(new Set([NOWHERE]));
  const stop = await rig.machine.run(1000);
  assertEquals([stop.reason, rig.get("pc"), rig.machine.cycle], ["breakpoint", NOWHERE, 2]);
  assertEquals([rig.get("mcause"), rig.get("retired")], [0n, 2n]);
  const on = await rig.machine.run(4);
  assertEquals([on.reason, rig.get("pc")], ["until", BigInt(HANDLER) + 4n]);
  assertEquals([rig.get("mcause"), rig.get("mepc"), rig.get("mtval")], [1n, NOWHERE, NOWHERE]);
});
