/** Each class of faults, on a guest that trusts its host: what it breaks, and that nothing else does. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Counterfactual } from "../../../replay/counterfactual.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import type { Log } from "../../../replay/log.ts";
import { MemoryLog } from "../../../replay/memory_log.ts";
import { replay } from "../../../replay/replayer.ts";
import { buildOf, configOf, memoryHost, outputHash, POCKET, recordInto } from "../machines.ts";
import { breaks, CASES } from "./cases.ts";
import {
  codeOf,
  eventIds,
  FRAGILE,
  recorded,
  symbol,
  type Timing,
  TRUST,
  without,
} from "./fragile.ts";

const disk = "disk0";
const canary = symbol("canary");

for (const [name, code, plan] of CASES.filter((_, i) => i % 4 === 0)) {
  Deno.test(`${name} breaks the guest's trust, and the failure needs it`, () => breaks(code, plan));
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

Deno.test("with its delays cut short a run is the one that had short delays", async () => {
  const delayed = (latency: number, withheld: number, jump: number, late: number): FaultPlan => ({
    disk: [{ disk, fault: "latency", nth: 9, delay: latency }],
    hart: [{ at: 300_000, hart: 0, for: withheld }],
    clock: [{ at: 310_000, jump }],
    interrupt: [{ at: 320_000, device: disk, source: 1, fault: "late", for: late }],
  });
  const short = await recorded(delayed(100_000, 4_000, 20_000, 7_000));
  const log = await recorded(delayed(300_000, 10_000, 50_000, 20_000));
  const counterfactual = await Counterfactual.create({
    log,
    build: buildOf(FRAGILE, configOf(FRAGILE, "model")),
    limitCycles: 1_000_000_000,
  });
  const { events } = counterfactual;
  assertEquals(events.map(({ delayCycles }) => delayCycles), [10_000, 50_000, 20_000, 300_000]);
  await counterfactual.begin(events);
  const kept = new Map([4_000, 20_000, 7_000, 100_000].map((cycles, i) => [events[i].id, cycles]));
  const { digest } = await counterfactual.without(events, kept);
  assertEquals(digest, short.digests.at(-1)!.digest);
  assertNotEquals(digest, (await counterfactual.without(events)).digest);
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
