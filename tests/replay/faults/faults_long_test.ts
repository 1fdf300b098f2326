/** The faults that `faults_test.ts` leaves out. */
import { assertEquals } from "@std/assert";
import { breaks, CASES } from "./cases.ts";
import { codeOf, recorded, symbol, TRUST, without } from "./fragile.ts";

const disk = "disk0";
const canary = symbol("canary");

for (const [name, code, plan] of CASES.filter((_, i) => i % 4 !== 0)) {
  Deno.test(`${name} breaks the guest's trust, and the failure needs it`, () => breaks(code, plan));
}

Deno.test("of two faults that each suffice, each is masked by the other", async () => {
  const log = await recorded({
    memory: [0, 8].map((at) => ({ at: 900_000, address: canary + at, bit: 1 })),
    disk: [{ disk, fault: "read-error", sectors: [8, 8] }],
  });
  assertEquals(codeOf(log), TRUST.canary);
  for (const [id, other] of [["m/host#1", "m/host#2"], ["m/host#2", "m/host#1"]]) {
    const { outcome, maskedBy } = await without(log, [id]);
    assertEquals([outcome, maskedBy], ["masked by another", [other]]);
  }
  assertEquals((await without(log, ["m/host#1", "m/host#2"])).outcome, "necessary");
});
