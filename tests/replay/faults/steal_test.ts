/** Time that harts lose by a seed: how much, that only those that act lose it, and that a log is enough to lose it again. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import { Steal } from "../../../replay/faults/steal.ts";
import type { Log } from "../../../replay/log.ts";
import { MemoryLog } from "../../../replay/memory_log.ts";
import { replay } from "../../../replay/replayer.ts";
import { Counterfactual } from "../../../replay/counterfactual.ts";
import { buildOf, type Guest, outputHash, recordInto } from "../machines.ts";

const TALLY: Guest = { image: "tally", harts: 1, cycles: 12_000_000 };
const FROM = 2_000_000;

async function recorded(seed?: number): Promise<Log> {
  const sink = new MemoryLog();
  const steal = seed === undefined ? undefined : { seed, from: FROM, harts: 1 };
  await recordInto(sink, TALLY, new FaultyHost(new MemoryHost(), { steal }));
  return sink.log();
}

const lastDigest = ({ digests }: Log) => digests.at(-1)!.digest;

Deno.test("a seed decides when a hart loses time, and the log says it", async () => {
  const [plain, one, again, two] = [
    await recorded(),
    await recorded(1),
    await recorded(1),
    await recorded(2),
  ];
  assertEquals(one, again);
  assertEquals(new Set([plain, one, two].map(lastDigest)).size, 3);
  const faults = one.entries.flatMap((entry) =>
    entry.kind === "input" && entry.input.kind === "fault" ? [entry.input.fault] : []
  );
  assert(faults.length > 0 && faults.every((fault) => fault === "withhold"), faults.join());
  assert(one.entries[0].cycle >= FROM);
  await replay(one, buildOf(TALLY), { check: outputHash });
});

Deno.test("without all of them the run is the one in which no time was lost, and without one it is not", async () => {
  const [plain, log] = [await recorded(), await recorded(1)];
  const options = { log, build: buildOf(TALLY), limitCycles: 0 };
  const counterfactual = await Counterfactual.create(options);
  const { events } = counterfactual;
  await counterfactual.begin(events);
  assertEquals((await counterfactual.without(events)).digest, lastDigest(plain));
  const { digest } = await counterfactual.without(events.slice(1));
  assertNotEquals(digest, lastDigest(plain));
  assertNotEquals(digest, lastDigest(log));
});

Deno.test("harts that all wait lose no time, whoever asks meanwhile", () => {
  const steal = { seed: 1, from: 0, harts: 1 };
  const { at } = new Steal(steal);
  const host = new FaultyHost(new MemoryHost(), { steal });
  assertEquals(host.horizon(at - 10), at);
  assertEquals(host.idle(at - 5, Infinity), Infinity);
  const late = at + 1000;
  for (const cycle of [late, late + 1]) {
    assertEquals(host.take(cycle), undefined);
    assertEquals(host.idle(cycle, cycle + 1), cycle + 1);
  }
  // Somebody wakes, and acts in one cycle before he loses any.
  assertEquals(host.take(late + 2), undefined);
  assertEquals(host.horizon(late + 2), late + 3);
  assertEquals(host.take(late + 3)?.kind, "host");
  const lost = host.take(late + 3);
  assert(lost?.kind === "fault" && lost.fault === "withhold" && lost.until > late + 3);
});

Deno.test("about one part in fifty is lost, never more than a tick at once, by all harts", () => {
  const steal = new Steal({ seed: 5, from: 0, harts: 4 });
  const harts = new Set<number>();
  let [count, lost, most, end] = [0, 0, 0, 0];
  while (steal.at < 100_000_000_000) {
    const { at } = steal;
    assert(at > end);
    const { fault } = steal.take(at);
    assert(fault.fault === "withhold" && fault.until > at);
    end = fault.until;
    harts.add(fault.hart);
    count++;
    lost += end - at;
    most = Math.max(most, end - at);
  }
  assertEquals([...harts].sort(), [0, 1, 2, 3]);
  assert(count > 7_000 && count < 9_000, `${count}`);
  assert(lost > 1.5e9 && lost < 3e9, `${lost}`);
  assert(most > 4_000_000 && most < 4_200_000, `${most}`);
});
