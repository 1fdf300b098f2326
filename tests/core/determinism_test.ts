/**
 * The same guest gives the same digests, whatever no guest may see: how large the TLBs are, when
 * they are flushed, where a run is stopped and gone on with.
 */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { Machine, type MachineOptions } from "../../core/machine.ts";
import type { Host } from "../../core/host.ts";
import { Random } from "../../core/random.ts";
import { UART_ID } from "../../devices/board.ts";
import { MemoryHost, type MemoryHostOptions } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { type ImageName, imageUrl } from "../../guests/images.ts";

const SEED = 20;
const MEMORY_BYTES = 32 << 20;
const DISK_BYTES = 1 << 20;

interface Guest {
  readonly image: ImageName;
  readonly harts: number;
  /** Where the run ends at the latest. */
  readonly cycles: number;
  /** What it prints, so that two runs do not agree on nothing. */
  readonly prints: string;
}

const GUESTS: readonly Guest[] = [
  { image: "pocket", harts: 1, cycles: 500_000_000, prints: "pocket: panic" },
  { image: "fences", harts: 1, cycles: 100_000_000, prints: "mismatches=0" },
  { image: "trap", harts: 1, cycles: 100_000_000, prints: "trap: checksum=" },
  { image: "timer", harts: 1, cycles: 100_000_000, prints: "errors=0" },
  { image: "race", harts: 1, cycles: 100_000_000, prints: "race: lost 8400 of 250201" },
  { image: "smp", harts: 4, cycles: 100_000_000, prints: "amo=40000, lrsc=40000, lock=40000" },
  { image: "smp", harts: 8, cycles: 100_000_000, prints: "amo=80000, lrsc=80000, lock=80000" },
];

interface Run {
  readonly digests: readonly string[];
  /** After the last cycle. */
  readonly end: { readonly cycle: number; readonly digest: string; readonly reason: string };
  readonly console: string;
}

interface Variant {
  readonly seed?: number;
  readonly engine?: MachineOptions["engine"];
  /** The cycle at which to stop next. Absent: run in one go. */
  readonly nextStop?: (cycle: number) => number;
  /** Seed of a host that wants to be asked at random cycles, and wakes an idle machine early. */
  readonly restlessHost?: number;
  /** At each stop the machine is restored from what it saves there. */
  readonly restores?: boolean;
}

/** What a host may do at any time without the guest's noticing: look in sooner than it must. */
function restless(host: MemoryHost, seed: number): Host {
  const random = new Random(seed);
  const sooner = (cycle: number, until: number) => {
    const spans = [1, 300, 40_000, 3_000_000];
    return Math.min(until, cycle + 1 + random.below(spans[random.below(spans.length)]));
  };
  return {
    output: (cycle, device, output) => host.output(cycle, device, output),
    take: (cycle) => host.take(cycle),
    settle: (cycle) => host.settle(cycle),
    wallTimeNs: (cycle) => host.wallTimeNs(cycle),
    horizon: (cycle) => sooner(cycle, host.horizon(cycle)),
    idle: (cycle, deadline) => {
      const until = host.idle(cycle, deadline) as number;
      return until > cycle && until < Infinity ? sooner(cycle, until) : until;
    },
  };
}

async function boot(guest: Guest, { seed = SEED, engine, restlessHost }: Variant = {}) {
  const hostOptions: MemoryHostOptions = {
    disks: { disk0: new Random(SEED).bytes(DISK_BYTES) },
    script: [{ cycle: 3_000_000, device: UART_ID, bytes: new TextEncoder().encode("help\n") }],
    seed,
  };
  const host = new MemoryHost(hostOptions);
  const digests: string[] = [];
  const options = machineOptions(
    {
      memoryBytes: MEMORY_BYTES,
      harts: guest.harts,
      seed,
      diskTiming: "model",
      disks: [{ sizeBytes: DISK_BYTES }],
    },
    { bios: { name: guest.image, bytes: await Deno.readFile(imageUrl(guest.image)) } },
    restlessHost === undefined ? host : restless(host, restlessHost),
  );
  const onDigest = (cycle: number, digest: string) => digests.push(`${cycle} ${digest}`);
  return { machine: await Machine.create({ ...options, engine, onDigest }), host, digests };
}

async function run(guest: Guest, variant: Variant = {}): Promise<Run> {
  const { machine, host, digests } = await boot(guest, variant);
  let reason = "until";
  while (reason === "until" && machine.cycle < guest.cycles) {
    const stop = Math.min(guest.cycles, variant.nextStop?.(machine.cycle) ?? guest.cycles);
    ({ reason } = await machine.run(stop));
    if (variant.restores && reason === "until") machine.restore(machine.save());
  }
  return {
    digests,
    end: { cycle: machine.cycle, digest: machine.digest(), reason },
    console: new TextDecoder().decode(host.consoleOutput(UART_ID)),
  };
}

/** Stops at random cycles, near and far, and often one after the other. */
function randomStops(seed: number): (cycle: number) => number {
  const random = new Random(seed);
  return (cycle) => {
    const kind = random.below(4);
    if (kind === 0) return cycle + 1;
    return cycle + 1 + random.below(kind === 1 ? 200 : kind === 2 ? 50_000 : 4_000_000);
  };
}

for (const guest of GUESTS) {
  const name = `${guest.image} on ${guest.harts} harts`;
  Deno.test(`digests of ${name} depend on the machine's options alone`, async (t) => {
    const expected = await run(guest);
    assertStringIncludes(expected.console, guest.prints);
    assert(expected.digests.length > 0, "it is too short to have digests");
    const variants: readonly [string, Variant][] = [
      ["again", {}],
      ["TLBs of 1 entry", { engine: { tlbEntries: 1 } }],
      ["tier 0 alone", { engine: { jitThreshold: 0 } }],
      ["all in tier 1", { engine: { jitThreshold: 1 } }],
      ["both tiers", { engine: { jitThreshold: 64 }, nextStop: randomStops(SEED) }],
      ["TLBs of 4 entries", { engine: { tlbEntries: 4 } }],
      ["TLBs of 256 entries", { engine: { tlbEntries: 256 } }],
      ["a flush every 1,000 cycles", { engine: { flushEveryCycles: 1000 } }],
      ["a flush every 777 cycles", { engine: { flushEveryCycles: 777 } }],
      ["stops at random cycles, seed 1", { nextStop: randomStops(1) }],
      ["a restless host, seed 1", { restlessHost: 1 }],
      ["a restless host, and restores", {
        restlessHost: 2,
        restores: true,
        nextStop: randomStops(3),
      }],
      ["stops at random cycles, seed 2", { nextStop: randomStops(2), engine: { tlbEntries: 2 } }],
    ];
    for (const [what, variant] of variants) {
      await t.step(what, async () => assertEquals(await run(guest, variant), expected));
    }
  });
}

Deno.test("digests of a run stepped cycle by cycle are those of a run in one go", async () => {
  for (const guest of GUESTS) {
    // Around the first cycles of the guest, a timer's, and a switch of harts.
    for (const from of [0, 45_000, 600_000]) {
      const to = from + 15_000;
      const whole = await boot(guest);
      const pieces = await boot(guest);
      await whole.machine.run(to);
      await pieces.machine.run(from);
      for (let cycle = from + 1; cycle <= to; cycle++) await pieces.machine.run(cycle);
      const where = `${guest.image} on ${guest.harts} harts, cycles ${from} to ${to}`;
      assertEquals(pieces.machine.cycle, to, where);
      assertEquals(pieces.machine.digest(), whole.machine.digest(), where);
    }
  }
});

Deno.test("digests differ from seed to seed with several harts, and the guest's sums do not", async () => {
  const guest = GUESTS.find(({ image, harts }) => image === "smp" && harts === 4)!;
  const runs = await Promise.all([1, 2, 3].map((seed) => run(guest, { seed })));
  for (const [i, { digests, end, console }] of runs.entries()) {
    assertStringIncludes(console, guest.prints);
    assertEquals(end.reason, "power");
    for (const other of runs.slice(0, i)) {
      assertNotEquals(digests, other.digests);
      assertNotEquals(end.cycle, other.end.cycle);
    }
  }
});
