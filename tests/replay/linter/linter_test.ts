/** What a replay tells of a guest that breaks devices' rules: each kind once, with cycle, hart and count. */
import { assertEquals } from "@std/assert";
import { Linter } from "../../../replay/linter/linter.ts";
import { observe } from "../failures/tiny.ts";

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

Deno.test("Linter tells the first of each kind, whatever numbers it comes with", () => {
  const linter = new Linter();
  const breach = { device: "disk0", hart: 0, rule: "VIRTIO 1.2, 5.2.6.1" };
  for (const cycle of [5, 7, 9]) {
    linter.see({ ...breach, cycle, text: `a read of 512 bytes at ${cycle * 0x1000}` });
  }
  linter.see({ ...breach, cycle: 8, text: "a write to a disk that is read-only" });
  assertEquals(linter.breaches.map(({ cycle, count }) => [cycle, count]), [[5, 3], [8, 1]]);
});
