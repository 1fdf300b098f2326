import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodeState } from "../../../core/state.ts";
import type { FabricConfig } from "../../../devices/network/config.ts";
import type { FabricEvent } from "../../../devices/network/events.ts";
import { Fabric } from "../../../devices/network/fabric.ts";
import { CERTAIN } from "../../../devices/network/impairment.ts";
import {
  account,
  BROADCAST,
  chance,
  frame,
  HOSTILE,
  LATENCY,
  link,
  mac,
  star,
} from "./networks.ts";

interface Sending {
  readonly cycle: number;
  readonly nic: number;
  readonly bytes: Uint8Array;
}

const END = 100_000_000;

/** Sends all, with time cut at the given cycles; each NIC's arrivals are asked for ahead of time. */
function play(
  config: FabricConfig,
  sendings: readonly Sending[],
  cuts: readonly number[] = [],
  without: readonly string[] = [],
  ending: readonly [cycle: number, nic: number] = [END, 0],
) {
  const events: FabricEvent[] = [];
  const fabric = new Fabric({ ...config, without }, (event) => events.push(event));
  const arrived: string[] = [];
  for (const edge of [...cuts].sort((a, b) => a - b).concat(END)) {
    if (edge <= fabric.cycle) continue;
    for (const { cycle, nic, bytes } of sendings) {
      if (cycle >= fabric.cycle && cycle < edge) fabric.send(cycle, nic, bytes);
    }
    const before = fabric.cycle;
    if (ending[0] < edge) fabric.end(...ending);
    fabric.advance(edge);
    // What is asked for of the future is what happens.
    for (const nic of config.nics.keys()) {
      for (const it of fabric.arriving(nic, edge + fabric.lookahead)) {
        assert(it.cycle >= before);
        if (it.kind === "frame") arrived.push(`${it.cycle} ${it.sent} ${config.nics[nic]}`);
      }
    }
  }
  return { fabric, events, arrived, delivered: events.filter((it) => it.kind === "delivered") };
}

const sending = fc.record({
  // Often the same as another's.
  cycle: fc.integer({ min: 0, max: 100 }).map((it) => it * 50_000),
  nic: fc.integer({ min: 0, max: 3 }),
  bytes: fc.record({
    to: fc.constantFrom(BROADCAST, mac(0), mac(1), mac(2), mac(3)),
    size: fc.integer({ min: -14, max: 1500 }),
  }),
});

function sendingsOf(
  rows: readonly { cycle: number; nic: number; bytes: { to: number[]; size: number } }[],
) {
  return rows.map(({ cycle, nic, bytes: { to, size } }): Sending => {
    const whole = frame(to, mac(nic), Array.from({ length: Math.max(size, 0) }, (_, i) => i & 255));
    return { cycle, nic, bytes: size < 0 ? whole.slice(0, 14 + size) : whole };
  }).sort((a, b) => a.cycle - b.cycle);
}

Deno.test("Fabric loses sight of no copy of any frame", () => {
  const config = star(4, {
    up: HOSTILE,
    down: HOSTILE,
    partitions: [{ from: 1_000_000, to: 1_500_000 }],
    flaps: [{ from: 2_000_000, to: 2_500_000 }],
  });
  fc.assert(
    fc.property(fc.array(sending, { maxLength: 60 }), (rows) => {
      const sendings = sendingsOf(rows);
      const frames = account(play(config, sendings).events);
      assertEquals(frames.size, sendings.length);
      for (const [id, { made, ended }] of frames) assertEquals(ended, made, id);
    }),
    { seed: 5, numRuns: 60 },
  );
});

Deno.test("Fabric does the same however time is cut, and after save() and restore()", () => {
  const flaps = [{ from: 900_000, to: 1_400_000 }];
  const slow = { rate: 5_000_000, queue: 3 };
  fc.assert(
    fc.property(
      fc.constantFrom(
        star(4, { up: HOSTILE, down: HOSTILE, flaps }),
        star(4, { down: slow }),
        star(4, { up: slow }),
      ),
      fc.array(sending, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 6_000_000 }), { maxLength: 30 }),
      (config, rows, cuts) => {
        const sendings = sendingsOf(rows);
        const straight = play(config, sendings, [], [], [2_500_000, 3]);
        // Of the same cycle, what the last NIC sends is told first.
        const backward = sendings.toSorted((a, b) => b.nic - a.nic);
        const cut = play(config, backward, cuts, [], [2_500_000, 3]);
        assertEquals(cut.events, straight.events);
        assertEquals(encodeState(cut.fabric.save()), encodeState(straight.fabric.save()));
        const middle = Math.max(...cuts.filter((it) => it < 3_000_000), 1);
        const early = new Fabric(config);
        for (const it of sendings) if (it.cycle < middle) early.send(it.cycle, it.nic, it.bytes);
        early.end(2_500_000, 3);
        early.advance(middle);
        const later: FabricEvent[] = [];
        const restored = new Fabric(config, (event) => later.push(event));
        restored.restore(early.save());
        assertEquals(encodeState(restored.save()), encodeState(early.save()));
        for (const it of sendings) {
          if (it.cycle >= middle) restored.send(it.cycle, it.nic, it.bytes);
        }
        restored.advance(END);
        assertEquals(later, straight.events.filter(({ cycle }) => cycle >= middle));
      },
    ),
    { seed: 6, numRuns: 100 },
  );
});

Deno.test("Fabric knows what arrives a lookahead before it does", () => {
  const config = star(4, { up: HOSTILE, down: HOSTILE });
  const rows = fc.sample(sending, { seed: 3, numRuns: 200 });
  const cuts = Array.from({ length: 80 }, (_, index) => (index + 1) * LATENCY);
  const { arrived, delivered } = play(config, sendingsOf(rows), cuts);
  const expected = delivered.map(({ cycle, frame, to }) => `${cycle} ${frame} ${to}`);
  assert(expected.length > 100, `${expected.length}`);
  assertEquals([...new Set(arrived)].sort(), [...new Set(expected)].sort());
});

Deno.test("a frame takes the latency of both links, to whom it is for", () => {
  const hello = [0, 1, 2].map((nic) => ({
    cycle: nic * 1000,
    nic,
    bytes: frame(BROADCAST, mac(nic)),
  }));
  const { events } = play(star(3), [
    ...hello,
    { cycle: 500_000, nic: 0, bytes: frame(mac(2), mac(0)) },
    { cycle: 600_000, nic: 1, bytes: frame(mac(3), mac(1)) }, // nobody has said that it is there
    { cycle: 700_000, nic: 2, bytes: frame(mac(2), mac(2)) },
  ]);
  const late = events.filter(({ cycle }) => cycle >= 500_000)
    .filter(({ kind }) => kind !== "forwarded");
  assertEquals(late, [
    { kind: "delivered", cycle: 700_000, frame: "g1/net0>1", to: "g3/net0" },
    { kind: "delivered", cycle: 800_000, frame: "g2/net0>1", to: "g1/net0" },
    { kind: "delivered", cycle: 800_000, frame: "g2/net0>1", to: "g3/net0" },
    {
      kind: "dropped",
      cycle: 800_000,
      frame: "g3/net0>1",
      at: "lan",
      reason: "no-port",
      event: undefined,
    },
  ]);
});

Deno.test("two NICs on one cable, and one on none", () => {
  const config: FabricConfig = {
    seed: 0,
    nics: ["a/net0", "b/net0", "b/net1"],
    switches: [],
    links: [link(0, { name: "cable", to: { nic: 1 } })],
  };
  const { events } = play(
    config,
    [0, 1, 2].map((nic) => ({ cycle: nic, nic, bytes: new Uint8Array(3) })),
  );
  assertEquals(events, [
    {
      kind: "dropped",
      cycle: 2,
      frame: "b/net1>0",
      at: "b/net1",
      reason: "link-down",
      event: undefined,
    },
    { kind: "delivered", cycle: 100_000, frame: "a/net0>0", to: "b/net0" },
    { kind: "delivered", cycle: 100_001, frame: "b/net0>0", to: "a/net0" },
  ]);
});

Deno.test("impairments befall as many frames as their chance says", () => {
  const count = 4000;
  const sendings = Array.from({ length: count }, (_, n) => ({
    cycle: n * 1000,
    nic: 0,
    bytes: frame(mac(1), mac(0), Array.from({ length: 50 }, () => 0)),
  }));
  const up = {
    loss: chance(0.1),
    duplicate: { chance: chance(0.1), delay: 0 },
    reorder: { chance: chance(0.1), delay: 5000 },
    corrupt: chance(0.1),
  };
  const { events } = play(star(2, { up }), sendings);
  for (const what of ["loss", "duplicate", "reorder", "corrupt"]) {
    const seen = events.filter((it) =>
      it.kind === "dropped" && it.reason === what || it.kind === "impaired" && it.what === what
    );
    // What is lost meets nothing else. Three standard deviations are 57.
    const expected = what === "loss" ? 400 : 360;
    assert(Math.abs(seen.length - expected) < 57, `${what}: ${seen.length} of ${count}`);
  }
});

Deno.test("taking one occurrence away changes nothing about the others", () => {
  const sendings = Array.from({ length: 120 }, (_, n) => ({
    cycle: n * 10_000,
    nic: n % 3,
    bytes: frame(mac((n + 1 + Math.floor(n / 3) % 2) % 3), mac(n % 3), [n]),
  }));
  const { rate: _, queue: __, jitter: ___, ...up } = HOSTILE; // what frames do to each other
  const config = star(3, { up, down: up, partitions: [{ from: 300_000, to: 400_000 }] });
  const all = play(config, sendings).events;
  const occurrences = (events: readonly FabricEvent[]) =>
    new Set(
      events.flatMap((it) =>
        "frame" in it && "event" in it && it.event !== undefined ? [`${it.event} ${it.frame}`] : []
      ),
    );
  const before = occurrences(all);
  assert(before.size > 40, `${before.size}`);
  for (const occurrence of before) {
    const [event, id] = occurrence.split(" ");
    const after = occurrences(play(config, sendings, [], [event]).events);
    assert(!after.has(occurrence));
    for (const it of before) {
      // A copy that is not made meets nothing; what is not lost may meet more.
      const isOfCopy = event.includes("/duplicate") && it.endsWith(` ${id}`);
      const isSame = event.includes("/partition") && it.startsWith(`${event} `);
      if (it !== occurrence && !isSame && !isOfCopy) {
        assert(after.has(it), `${it} without ${event}`);
      }
    }
    for (const it of after) assert(before.has(it) || isOf(event, it, before), `${it} from nowhere`);
  }
});

/** Whether a new occurrence befell a frame that the one taken away had kept from going further. */
function isOf(event: string, occurrence: string, before: ReadonlySet<string>): boolean {
  return before.has(`${event} ${occurrence.split(" ")[1]}`);
}

Deno.test("copies meet their own fate, and jitter keeps their order", () => {
  const sendings = Array.from({ length: 300 }, (_, n) => ({
    cycle: n * 1000,
    nic: 0,
    bytes: frame(mac(1), mac(0)),
  }));
  const up = { duplicate: { chance: CERTAIN, delay: 0 }, jitter: 90_000 };
  const { delivered } = play(star(2, { up, down: { loss: chance(0.5) } }), sendings);
  const numbers = delivered.map(({ frame }) => Number(frame.split(">")[1]));
  assertEquals(numbers, numbers.toSorted((a, b) => a - b));
  const both = numbers.filter((n, index) => n === numbers[index + 1]).length;
  // A quarter of 300 come twice, half of them once; three standard deviations are 23.
  assert(Math.abs(both - 75) < 23, `${both}`);
  assert(Math.abs(numbers.length - 2 * both - 150) < 26 + 23, `${numbers.length}`);
});

Deno.test("what a seed decides, another one decides otherwise from its cycle on", () => {
  const sendings = Array.from({ length: 100 }, (_, n) => ({
    cycle: n * 1000,
    nic: 0,
    bytes: frame(mac(1), mac(0)),
  }));
  const lost = (config: FabricConfig) =>
    play(config, sendings).events.flatMap((it) => it.kind === "dropped" ? [it.cycle] : []);
  const config = star(2, { up: { loss: chance(0.5) } });
  const one = lost(config);
  const two = lost({ ...config, seed: 2 });
  assert(one.join() !== two.join());
  const both = lost({ ...config, reseeds: [{ cycle: 50_000, seed: 2 }] });
  assertEquals(both, [...one.filter((it) => it < 50_000), ...two.filter((it) => it >= 50_000)]);
});

Deno.test("a rate spaces frames, and its queue has an end", () => {
  // 100 bytes at 8 Mbit/s take 100 µs.
  const up = { rate: 8_000_000, queue: 2 };
  const sendings = Array.from({ length: 5 }, () => ({
    cycle: 1000,
    nic: 0,
    bytes: frame(mac(1), mac(0), Array.from({ length: 86 }, () => 0)),
  }));
  const { events } = play(star(2, { up }), sendings);
  const at = (kind: string) => events.filter((it) => it.kind === kind).map(({ cycle }) => cycle);
  assertEquals(at("delivered"), [301_000, 401_000, 501_000]);
  assertEquals(
    events.flatMap((it) => it.kind === "dropped" ? [[it.cycle, it.frame, it.at, it.reason]] : []),
    [3, 4].map((n) => [1000, `g1/net0>${n}`, "g1.net0:up", "queue"]),
  );
  const spared = play(star(2, { up }), sendings, [], ["g1.net0:up/queue#3"]);
  assertEquals(spared.delivered.length, 4);
});

Deno.test("of two frames at once the first sender's goes first, whoever was asked first", () => {
  const hello = { cycle: 0, nic: 2, bytes: frame(BROADCAST, mac(2)) };
  const both = [0, 1].map((nic) => ({ cycle: 500_000, nic, bytes: frame(mac(2), mac(nic)) }));
  const config = star(3, { down: { rate: 1_000_000, queue: 1 } });
  const [forward, backward] = [both, both.toReversed()].map((all) => play(config, [hello, ...all]));
  assertEquals(backward.events, forward.events);
  const last = forward.delivered.slice(-2);
  assertEquals(last.map(({ frame }) => frame), ["g1/net0>0", "g2/net0>0"]);
});

Deno.test("a long link holds so much and no more, and all of it again once it is empty", () => {
  const config = star(2, { latency: 1_000_000_000 });
  const reasons: string[] = [];
  const fabric = new Fabric(config, (it) => it.kind === "dropped" && reasons.push(it.reason));
  const bytes = new Uint8Array(65_535);
  const flood = (from: number) => {
    for (let n = 0; n < 2000; n++) fabric.send(from + n, 0, bytes);
    fabric.advance(from + 1_000_000_000);
  };
  flood(0);
  const queued = reasons.filter((reason) => reason === "queue").length;
  assertEquals(queued, 2000 - Math.floor(64 * 2 ** 20 / 65_535) - 1);
  flood(2_000_000_000);
  assertEquals(reasons.filter((reason) => reason === "queue").length, 2 * queued);
});

Deno.test("a restored network knows what queues", () => {
  const config = star(2, { up: { rate: 8_000_000, queue: 2 } });
  const bytes = new Uint8Array(100);
  const first = new Fabric(config);
  for (let n = 0; n < 3; n++) first.send(1000, 0, bytes);
  first.advance(2000);
  const events: FabricEvent[] = [];
  const second = new Fabric(config, (event) => events.push(event));
  second.restore(first.save());
  second.send(3000, 0, bytes);
  second.advance(4000);
  assertEquals(events.map((it) => it.kind === "dropped" && it.event), ["g1.net0:up/queue#3"]);
});

Deno.test("a partition is silent, a flap is seen, and what is under way in one is lost", () => {
  const config = star(2);
  const one = {
    ...config,
    links: [
      link(0, {
        partitions: [{ from: 100_000, to: 200_000 }],
        flaps: [{ from: 450_000, to: 800_000 }],
      }),
      link(1),
    ],
  };
  const sendings = [150_000, 250_000, 300_000, 380_000, 500_000, 800_000].map((cycle) => ({
    cycle,
    nic: 0,
    bytes: frame(mac(1), mac(0)),
  }));
  const { events, delivered } = play(one, sendings);
  assertEquals(delivered.map(({ cycle }) => cycle), [450_000, 500_000, 1_000_000]);
  const dropped = events.flatMap((it) =>
    it.kind === "dropped" ? [[it.cycle, it.reason, it.event]] : []
  );
  assertEquals(dropped, [
    [150_000, "partition", "g1.net0/partition#0"],
    [480_000, "link-down", "g1.net0/flap#0"],
    [500_000, "link-down", "g1.net0/flap#0"],
  ]);
  const fabric = new Fabric(one);
  assertEquals(fabric.arriving(0, 500_000), [{ cycle: 450_000, kind: "link", up: false }]);
  assertEquals(fabric.arriving(1, END), []);
  assertEquals(fabric.next, 100_000);
});

Deno.test("what comes for a guest that has ended is dropped there", () => {
  const events: FabricEvent[] = [];
  const fabric = new Fabric(star(2), (event) => events.push(event));
  fabric.send(0, 0, frame(mac(1), mac(0)));
  fabric.send(10, 0, frame(mac(1), mac(0)));
  fabric.advance(150_000);
  fabric.end(200_001, 1);
  assertEquals(fabric.arriving(1, 250_000).length, 1);
  fabric.advance(300_000);
  assertEquals(events.map(({ kind }) => kind).slice(-2), ["delivered", "dropped"]);
});

Deno.test("Fabric refuses what is too late, and the state of another network", () => {
  const fabric = new Fabric(star(2));
  fabric.advance(10);
  assertThrows(() => fabric.send(9, 0, new Uint8Array(14)), RangeError, "too late");
  assertThrows(() => fabric.restore(new Fabric(star(3)).save()), RangeError, "another shape");
  assertEquals(CERTAIN, 2 ** 32);
});
