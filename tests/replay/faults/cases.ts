/** What breaks which trust of `fragile`, and that the failure needs it. */
import { assert, assertEquals } from "@std/assert";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import { codeOf, eventIds, recorded, symbol, TRUST, without } from "./fragile.ts";

const disk = "disk0";
const canary = symbol("canary");

/** With the code in which each ends. */
export const CASES: readonly (readonly [name: string, code: number, plan: FaultPlan])[] = [
  ["a read error", TRUST.read, { disk: [{ disk, fault: "read-error", sectors: [16, 16] }] }],
  ["a write error", TRUST.write, { disk: [{ disk, fault: "write-error", nth: 3 }] }],
  ["a torn write", TRUST.content, { disk: [{ disk, fault: "torn-write", sectors: [144, 144] }] }],
  ["bit rot", TRUST.content, { disk: [{ disk, fault: "bit-rot", sectors: [24, 24], bit: 77 }] }],
  ["latency", TRUST.interrupt, { disk: [{ disk, fault: "latency", nth: 5, delay: 3_000_000 }] }],
  ["a flipped bit", TRUST.canary, { memory: [{ at: 900_000, address: canary + 72, bit: 6 }] }],
  ["a clock that jumps back", TRUST.clock, { clock: [{ at: 300_000, jump: -50_000 }] }],
  ["a withheld hart", TRUST.pause, { hart: [{ at: 300_000, hart: 0, for: 3_000_000 }] }],
  ...([["spurious", TRUST.spurious], ["lost", TRUST.interrupt], ["late", TRUST.interrupt]] as const)
    .map(([fault, code]): readonly [string, number, FaultPlan] => {
      const late = fault === "late" ? { for: 3_000_000 } : {};
      return [`an interrupt that is ${fault}`, code, {
        interrupt: [{ at: 300_000, device: disk, source: 1, fault, ...late }],
      }];
    }),
];

export async function breaks(code: number, plan: FaultPlan): Promise<void> {
  const log = await recorded(plan);
  assertEquals(codeOf(log), code);
  const [id, ...others] = eventIds(log);
  assertEquals([id, others], ["m/host#0", []]);
  const { outcome, reason, control, without: course } = await without(log, [id]);
  assertEquals(outcome, "necessary", reason);
  assertEquals(course?.end, "the guest powered off");
  assert(control!.digestCount >= 1);
  assertEquals([control!.from, control!.course.cycle], [0, log.endCycle]);
}
