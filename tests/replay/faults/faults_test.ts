/** Each class of faults, on a guest that trusts its host: what it breaks, and that nothing else does. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Counterfactual } from "../../../replay/counterfactual.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import type { Log } from "../../../replay/log.ts";
import { MemoryLog } from "../../../replay/memory_log.ts";
import { replay } from "../../../replay/replayer.ts";
import { buildOf, memoryHost, outputHash, POCKET, recordInto } from "../machines.ts";
import { codeOf, eventIds, recorded, symbol, type Timing, TRUST, without } from "./fragile.ts";

const disk = "disk0";
const canary = symbol("canary");

/** With the code in which each ends. */
const CASES: readonly (readonly [name: string, code: number, plan: FaultPlan])[] = [
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

for (const [name, code, plan] of CASES) {
  Deno.test(`${name} breaks the guest's trust, and the failure needs it`, async () => {
    const log = await recorded(plan);
    assertEquals(codeOf(log), code);
    const [id, ...others] = eventIds(log);
    assertEquals([id, others], ["m/host#0", []]);
    const { outcome, reason, control, without: course } = await without(log, [id]);
    assertEquals(outcome, "necessary", reason);
    assertEquals(course?.end, "the guest powered off");
    assert(control!.digestCount >= 1);
    assertEquals([control!.from, control!.course.cycle], [0, log.endCycle]);
  });
}

for (const timing of ["model", "live"] as const satisfies Timing[]) {
  Deno.test(`faults that a guest tolerates leave events and no failure: ${timing} timing`, async () => {
    const log = await recorded({
      disk: [
        { disk, fault: "read-error", sectors: [8, 8], error: "ENXIO" },
        { disk, fault: "lost-flush", times: 2 },
        { disk, fault: "latency", nth: 9, delay: 300_000 },
        { disk, fault: "reorder", nth: 11, delay: 400_000 },
      ],
      hart: [{ at: 300_000, hart: 0, for: 10_000 }],
      clock: [{ at: 310_000, jump: 50_000 }],
    }, timing);
    assertEquals([codeOf(log), eventIds(log).length], [0, 7]);
  });

  Deno.test(`a bystander is acquitted, and who did it is not: ${timing} timing`, async () => {
    const log = await recorded({
      disk: [
        { disk, fault: "read-error", sectors: [8, 8] },
        { disk, fault: "latency", nth: 9, delay: 300_000 },
      ],
      memory: [{ at: timing === "live" ? 450_000 : 900_000, address: canary, bit: 0 }],
    }, timing);
    assertEquals([codeOf(log), eventIds(log)], [TRUST.canary, [
      "m/host#0",
      "m/host#1",
      "m/host#2",
    ]]);
    for (const ids of [["m/host#0"], ["m/host#1"]]) {
      const { outcome, reason } = await without(log, ids, { timing });
      assertEquals(outcome, "not necessary", `${ids}: ${reason}`);
    }
    assertEquals((await without(log, ["m/host#2"], { timing })).outcome, "necessary");
  });
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

Deno.test("a block that nobody knows leaves it undetermined", async () => {
  const log = await recorded({ disk: [{ disk, fault: "read-error", sectors: [16, 16] }] });
  const { outcome, reason, control } = await without(log, ["m/host#0"], { hasImage: false });
  assertEquals([outcome, control!.course.cycle], ["undetermined", log.endCycle]);
  assert(reason.startsWith("block 3 of disk0 is not recorded"), reason);
});

Deno.test("without all of its faults a run is the one that had none", async () => {
  const plain = await recorded({});
  const log = await recorded({
    disk: [
      { disk, fault: "read-error", sectors: [8, 8] },
      { disk, fault: "latency", nth: 9, delay: 300_000 },
      { disk, fault: "reorder", nth: 11, delay: 400_000 },
      { disk, fault: "bit-rot", sectors: [56, 56] },
    ],
    hart: [{ at: 300_000, hart: 0, for: 10_000 }],
    clock: [{ at: 310_000, jump: 50_000 }],
  });
  assertEquals([codeOf(plain), codeOf(log)], [0, TRUST.content]);
  const { without: course } = await without(log, eventIds(log));
  assertEquals(course!.digest, plain.digests.at(-1)!.digest);
});

Deno.test("what is typed while the console stalls comes later, and without the stall when it was typed", async () => {
  const guest = { ...POCKET, cycles: 12_000_000 };
  const record = async (plan: FaultPlan) => {
    const sink = new MemoryLog();
    await recordInto(sink, guest, new FaultyHost(memoryHost(), plan));
    return sink.log();
  };
  const typed = ({ entries }: Log) =>
    entries.filter(({ id }) => id.startsWith("m/uart0#")).map(({ cycle }) => cycle);
  const plain = await record({});
  const log = await record({ console: [{ device: "uart0", from: 2_000_000, for: 8_000_000 }] });
  assertEquals([typed(plain).length, typed(log)], [2, [10_000_000, 10_000_000]]);
  await replay(log, buildOf(POCKET), { check: outputHash });
  const counterfactual = await Counterfactual.create({
    log,
    build: buildOf(POCKET),
    limitCycles: 0,
  });
  const { events } = counterfactual;
  await counterfactual.begin(events);
  const plainDigest = plain.digests.at(-1)!.digest;
  assertEquals((await counterfactual.without(events)).digest, plainDigest);
  assertNotEquals((await counterfactual.without(events.slice(1))).digest, plainDigest);
});
