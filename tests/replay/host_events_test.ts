/** Inputs that are no device's: what happened on the host's side, and another seed. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { HostEvent } from "../../core/host_event.ts";
import type { Input } from "../../core/host.ts";
import { LiveHost } from "../../devices/deno/live_host.ts";
import { MemoryFile } from "../../replay/format/codec.ts";
import { countHostEvents, hostEventsOf } from "../../replay/host_events.ts";
import type { Log } from "../../replay/log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { Player } from "../../replay/player.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { replay } from "../../replay/replayer.ts";
import { Timeline } from "../../replay/timeline.ts";
import {
  buildOf,
  configOf,
  type Guest,
  memoryHost,
  outputHash,
  POCKET,
  read,
  recordInto,
  SMP,
  writerOf,
} from "./machines.ts";

const EVENT: HostEvent = {
  device: "host",
  kind: "host",
  event: "stall",
  concerns: "machine",
  ns: 2_000_000_000n,
  text: "nothing ran for 2.000 s of wall time",
};

const reseed = (seed: number): Input => ({ device: "machine", kind: "reseed", seed });

/** Records a guest with more inputs than its own. */
async function recordWith(
  guest: Guest,
  inputs: readonly { readonly cycle: number; readonly input: Input }[],
) {
  const host = memoryHost();
  for (const { cycle, input } of inputs) host.send(input, cycle);
  const file = new MemoryFile();
  const config = configOf(guest);
  const { digest } = await recordInto(writerOf(guest, file, config), guest, host, config);
  return { log: read(file.bytes).log, digest, config };
}

const digestsOf = ({ digests }: Log) => digests.map(({ digest }) => digest);
const idsOf = ({ entries }: Log, device: string) =>
  entries.filter(({ id }) => id.startsWith(`m/${device}#`)).map(({ cycle, id }) => [cycle, id]);

Deno.test("a host event stands in the log, and no guest sees it", async () => {
  const bytes = new Uint8Array(5000).fill(3);
  const plain = await recordWith(POCKET, []);
  const { log, digest } = await recordWith(POCKET, [
    { cycle: 4_000_000, input: EVENT },
    { cycle: 9_000_000, input: { ...EVENT, event: "injected", bytes } },
  ]);
  assertEquals(digest, plain.digest);
  assertEquals(digestsOf(log), digestsOf(plain.log));
  assertEquals(idsOf(log, "host").map(([, id]) => id), ["m/host#0", "m/host#1"]);
  await replay(log, buildOf(POCKET), { check: outputHash });
});

Deno.test("a recording of a replay is the recording", async () => {
  const { log, config } = await recordWith(SMP, [
    { cycle: 400_000, input: EVENT },
    { cycle: 500_000, input: reseed(5) },
  ]);
  const again = new MemoryLog();
  const { endCycle } = log;
  await recordInto(again, { ...SMP, cycles: endCycle }, new Player(log), config);
  assertEquals(again.log().entries, log.entries);
  assertEquals(again.log().digests, log.digests);
});

Deno.test("a reseed at cycle 0 chooses as the machine of that seed does", async () => {
  const states = await Promise.all([99, 7].map(async (seed) => {
    const host = memoryHost();
    host.send(reseed(99));
    const machine = await buildOf(SMP, { ...configOf(SMP), seed })(host, () => {});
    assertEquals((await machine.run(5_000_000)).reason, "until");
    return machine.save(); // without RAM: the seed in the device tree is the one at reset
  }));
  assertEquals(states[1], states[0]);
});

Deno.test("a reseed later parts two runs from there on, and each replays", async () => {
  const at = 10_500_000;
  const plain = await recordWith(SMP, []);
  const ends = new Set([plain.digest]);
  for (const seed of [1, 2]) {
    const { log, digest } = await recordWith(SMP, [{ cycle: at, input: reseed(seed) }]);
    const [[cycle, id]] = idsOf(log, "machine");
    assertEquals(id, "m/machine#0");
    assert(typeof cycle === "number" && cycle >= at && cycle < at + 10_000, `${cycle}`);
    assertEquals(log.digests[0], plain.log.digests[0]);
    assertEquals((await replay(log, buildOf(SMP), { check: outputHash })).digest, digest);
    ends.add(digest);
  }
  assertEquals(ends.size, 3);
});

Deno.test("time travel crosses a reseed in both directions", async () => {
  const [at, later] = [500_000, 2_000_000];
  const { log } = await recordWith(SMP, [{ cycle: at, input: reseed(5) }]);
  const straight = await buildOf(SMP)(new Player(log), () => {});
  const digests = new Map<number, string>();
  for (const cycle of [at - 1, at, at + 1, later]) {
    await straight.run(cycle);
    digests.set(cycle, straight.digest());
  }
  const timeline = new Timeline({
    log,
    createMachine: (host) => buildOf(SMP)(host, () => {}),
    harts: SMP.harts,
    budgetBytes: 2 ** 28,
    spacing: 50_000,
  });
  const cursor = await timeline.cursor(later);
  for (const cycle of [later, at, at + 1, at - 1, later, at + 1]) {
    await cursor.seek(cycle);
    assertEquals(cursor.digest(), digests.get(cycle), `cycle ${cycle}`);
  }
  timeline.close();
});

Deno.test("a log without its reseed diverges at the next digest", async () => {
  const { log } = await recordWith(SMP, [{ cycle: 500_000, input: reseed(5) }]);
  const without = { ...log, entries: log.entries.filter(({ id }) => id !== "m/machine#0") };
  assertEquals(without.entries.length, log.entries.length - 1);
  await assertRejects(
    () => replay(without, buildOf(SMP), { check: outputHash }),
    DivergenceError,
    "divergence at cycle ",
  );
});

Deno.test("a request that fails on the host is followed from the event to the answer", async () => {
  const config = configOf(POCKET, "live");
  const file = new MemoryFile();
  const host = new LiveHost({ timing: "live", seed: 1 });
  await recordInto(writerOf(POCKET, file, config), POCKET, host, config);

  const { log } = read(file.bytes);
  const named = hostEventsOf(log.entries);
  const failed = log.entries.filter((it) =>
    it.kind === "input" && it.input.kind === "disk" && it.input.error === "ENXIO"
  );
  assert(failed.length > 0);
  for (const { id, cycle } of failed) {
    const [event] = named.get(id)!.map((id) => log.entries.find((it) => it.id === id)!);
    assert(event.kind === "input" && event.input.kind === "host");
    assertEquals([event.cycle, event.input.event, event.input.error], [cycle, "io-error", "ENXIO"]);
    assertEquals(log.entries.indexOf(event) + 1, log.entries.findIndex((it) => it.id === id));
  }
  assertEquals(named.size, failed.length);
  assertEquals(countHostEvents(log.entries)["io-error"], failed.length);
  await replay(log, buildOf(POCKET, config), { check: outputHash });
});
