/** What a replay tells of a guest that breaks devices' rules: each kind once, with cycle, hart and count. */
import { assertEquals } from "@std/assert";
import type { Breach } from "../../../core/machine.ts";
import { Linter } from "../../../replay/linter/linter.ts";
import { replay } from "../../../replay/replayer.ts";
import { observe } from "../failures/tiny.ts";
import { buildOf, outputHash, POCKET, recordLog, SMP } from "../machines.ts";

const NOTIFY = "sw zero,80(t0)"; // QueueNotify of the first virtio slot

Deno.test("a notification of a queue that is not ready is found by replay, and counted", async () => {
  const { breaches } = await observe(
    ["lui t0,0x10001", NOTIFY, NOTIFY, "jal zero,0x8000000c"],
    10_000,
  );
  assertEquals(breaches.map(({ text: _, ...rest }) => rest), [
    { cycle: 7, device: "rng0", hart: 0, rule: "VIRTIO 1.2, 4.2.2.2", count: 2 },
  ]);
});

Deno.test("completing an interrupt that nobody claimed, and a word that the finisher does not know", async () => {
  // Source 1 is enabled for the first context, and completed there.
  const { breaches } = await observe([
    "lui t0,0xc002",
    "addi t1,zero,2",
    "sw t1,0(t0)",
    "lui t0,0xc200",
    "addi t1,zero,1",
    "sw t1,4(t0)",
    "lui t0,0x100",
    "sw t1,0(t0)",
    "jal zero,0x80000020",
  ], 10_000);
  assertEquals(breaches.map(({ device, rule }) => [device, rule]), [
    ["plic", "PLIC 1.0.0, Interrupt Completion"],
    ["finisher", "test finisher, status"],
  ]);
});

Deno.test("an instruction that is changed and executed without fence.i", async () => {
  const { breaches } = await observe([
    "auipc t0,0",
    "lui t1,0x200",
    "lw t2,20(t0)",
    "add t2,t2,t1",
    "sw t2,20(t0)",
    "addi a0,zero,1",
    "jal zero,0x80000018",
  ], 10_000);
  assertEquals(breaches.map(({ device, rule, count }) => [device, rule, count]), [
    ["hart0", "RISC-V unprivileged, Zifencei", 1],
  ]);
});

Deno.test("Linter tells the first of each kind, whatever numbers it comes with", () => {
  const linter = new Linter();
  const breach = { device: "disk0", hart: 0, rule: "VIRTIO 1.2, 5.2.6.1" };
  for (const cycle of [5, 7, 9]) {
    linter.see({ ...breach, cycle, text: `a read of 512 bytes at ${cycle * 0x1000}` });
  }
  linter.see({ ...breach, cycle: 8, text: "a write to a disk that is read-only" });
  assertEquals(linter.breaches.map(({ cycle, count }) => [cycle, count]), [[5, 3], [8, 1]]);
});

Deno.test("a replay that lints is the recording's, and our guests keep the rules of the ISA", async () => {
  for (const guest of [POCKET, { ...SMP, cycles: 30_000_000 }]) {
    const log = await recordLog(guest);
    const breaches: Breach[] = [];
    const { digestCount } = await replay(log, buildOf(guest), {
      check: outputHash,
      linting: true,
      onStart: (machine) => machine.onBreach = (breach) => breaches.push(breach),
    });
    assertEquals([breaches, digestCount > 1], [[], true]);
  }
});
