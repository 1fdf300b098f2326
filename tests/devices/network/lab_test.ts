import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodeState } from "../../../core/state.ts";
import { Random } from "../../../core/random.ts";
import type { FabricConfig } from "../../../devices/network/config.ts";
import type { FabricEvent } from "../../../devices/network/events.ts";
import { Fabric } from "../../../devices/network/fabric.ts";
import { type Crew, Lab } from "../../../devices/network/lab.ts";
import type { Turn, TurnEnd } from "../../../devices/network/lab_guest.ts";
import type { SentFrame } from "../../../devices/network/lab_host.ts";
import { BROADCAST, frame, HOSTILE, link, mac, star } from "./networks.ts";

const MEET = 1_000_000;
const QUIET = { printed: [], digests: [] };

/**
 * A guest that is a few lines: it sends now and then, answers what it gets after a while, and ends
 * at a cycle. All that it does it notes.
 */
class Chatterer {
  readonly seen: string[] = [];
  #cycle = 0;
  readonly #random: Random;
  /** When it sends something, ascending. */
  #plans: number[];

  constructor(readonly nic: number, readonly endCycle: number, plans: readonly number[]) {
    this.#random = new Random(nic);
    this.#plans = [...plans].sort((a, b) => a - b);
  }

  run(edge: number, { guest, inputs }: Turn): TurnEnd {
    const sent: SentFrame[] = [];
    const arriving = inputs.map(({ cycle, input }) => ({ ...input, cycle }));
    for (;;) {
      const cycle = Math.min(this.#plans[0] ?? Infinity, arriving[0]?.cycle ?? Infinity);
      assert(cycle >= this.#cycle, `${cycle} comes too late: it is ${this.#cycle}`);
      if (cycle >= Math.min(edge, this.endCycle)) break;
      this.#cycle = cycle;
      if (arriving[0]?.cycle === cycle) {
        const it = arriving.shift()!;
        if (it.kind === "frame") this.seen.push(`${cycle} ${it.sent}`);
        if (it.kind === "link") this.seen.push(`${cycle} ${it.up}`);
        if (it.kind === "frame" && this.#random.below(3) > 0) this.#plan(cycle);
      } else {
        this.#plans.shift();
        const to = this.#random.below(5);
        const bytes = frame(to === 4 ? BROADCAST : mac(to), mac(this.nic), [
          this.#random.next() & 255,
        ]);
        sent.push({ cycle, device: "net0", bytes });
      }
    }
    if (this.endCycle <= edge) {
      const stop = {
        reason: "power",
        power: { kind: "power", action: "poweroff", code: 0 },
      } as const;
      return { guest, cycle: this.endCycle, next: Infinity, sent, stop, ...QUIET };
    }
    this.#cycle = edge;
    return {
      guest,
      cycle: edge,
      next: Math.min(this.#plans[0] ?? Infinity, this.endCycle),
      sent,
      ...QUIET,
    };
  }

  #plan(cycle: number): void {
    this.#plans.push(cycle + 1 + this.#random.below(150_000));
    this.#plans.sort((a, b) => a - b);
  }
}

interface Script {
  readonly endCycle: number;
  readonly plans: readonly number[];
}

async function play(
  config: FabricConfig,
  scripts: readonly Script[],
  stops: readonly number[],
  everyRound = false,
) {
  const guests = scripts.map(({ endCycle, plans }, nic) => new Chatterer(nic, endCycle, plans));
  const events: FabricEvent[] = [];
  const meetings: string[] = [];
  const fabric = new Fabric(config, (event) => events.push(event));
  let turns = 0;
  const crew: Crew = {
    run: (edge, all) => {
      turns += all.length;
      // In any order: nobody can tell.
      const ends = all.toReversed().map((turn) => guests[turn.guest].run(edge, turn));
      return Promise.resolve(ends.toReversed());
    },
  };
  const lab = new Lab({
    fabric,
    members: config.nics.map((id, nic) => ({ name: id, nics: [{ device: "net0", nic }] })),
    crew,
    meetEvery: everyRound ? 1000 : MEET,
    onMeet: (cycle) => {
      const state = encodeState(fabric.save());
      if (cycle % MEET === 0) meetings.push(`${cycle} ${state.reduce((a, b) => (a * 31 + b) | 0)}`);
    },
  });
  for (const stop of [...stops].sort((a, b) => a - b)) await lab.run(stop);
  const stop = await lab.run(Infinity);
  return { events, meetings, stop, cycle: lab.cycle, turns, seen: guests.map(({ seen }) => seen) };
}

const script = fc.record({
  endCycle: fc.integer({ min: 1, max: 6_000_000 }),
  plans: fc.array(fc.integer({ min: 0, max: 6_000_000 }), { maxLength: 8 }),
});

Deno.test("Lab does the same however time is cut into rounds", async () => {
  const config = star(4, { up: HOSTILE, flaps: [{ from: 1_000_000, to: 1_200_000 }] });
  let frames = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(script, { minLength: 4, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 6_000_000 }), { maxLength: 20 }),
      async (scripts, stops) => {
        const straight = await play(config, scripts, []);
        const stopped = await play(config, scripts, stops);
        const fine = await play(config, scripts, [], true);
        for (const other of [stopped, fine]) {
          assertEquals(other.seen, straight.seen);
          assertEquals(other.stop, "ended");
          // After the last guest's end a round may still show what was under way.
          const last = Math.max(...scripts.map(({ endCycle }) => endCycle));
          const until = (events: readonly FabricEvent[]) =>
            events.filter(({ cycle }) => cycle < last);
          assertEquals(until(other.events), until(straight.events));
          const before = (meetings: string[]) => meetings.filter((it) => parseInt(it) <= last);
          assertEquals(before(other.meetings), before(straight.meetings));
        }
        frames += straight.seen.flat().length;
      },
    ),
    { seed: 8, numRuns: 15 },
  );
  assert(frames > 200, `${frames} frames seen`);
});

Deno.test("Lab passes over cycles in which all wait, and tells what it is to wait for ever", async () => {
  const far = 10_000_000_000;
  const { turns, seen, cycle } = await play(star(2), [
    { endCycle: far + 1, plans: [far] },
    { endCycle: far + 1, plans: [] },
  ], []);
  assertEquals(seen, [[], []]);
  assert(cycle >= far && cycle <= far + MEET);
  assert(turns < 10, `${turns} turns`);
  const idle = [{ endCycle: Infinity, plans: [] }, { endCycle: Infinity, plans: [5] }];
  assertEquals((await play(star(2), idle, [])).stop, "stuck");
});

Deno.test("Lab brings a link's ups and downs to the guests at both ends", async () => {
  const cable = link(0, {
    name: "cable",
    to: { nic: 1 },
    flaps: [{ from: 7_000_000, to: 7_000_500 }],
  });
  const config: FabricConfig = {
    seed: 1,
    nics: ["a/net0", "b/net0"],
    switches: [],
    links: [cable],
  };
  const { seen } = await play(config, [0, 1].map(() => ({ endCycle: 9_000_000, plans: [] })), []);
  assertEquals(seen, [0, 1].map(() => ["7000000 false", "7000500 true"]));
});
