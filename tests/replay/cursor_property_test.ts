/** However one gets to a cycle, its state is that of a straight replay; and nothing between is missed. */
import { assert, assertEquals } from "@std/assert";
import { DRAM } from "../../core/hart/layout.ts";
import { Random } from "../../core/random.ts";
import type { Cursor, StopConditions } from "../../replay/cursor.ts";
import { Player } from "../../replay/player.ts";
import { record, type Recording, runTo, StraightReplay, timelineOf } from "./recordings.ts";

const SEEDS = 40;
const ACTIONS = 12;

const GUESTS = [
  { image: "pocket", harts: 1, cycles: 2_500_000 },
  { image: "smp", harts: 4, cycles: 1_500_000 },
  { image: "timer", harts: 1, cycles: 2_500_000 },
] as const;

/** All stops of a replay that only goes forward: the cycle of each, and whether it is an access. */
async function bruteForce(recording: Recording, conditions: StopConditions) {
  const machine = await recording.createMachine(new Player(recording));
  machine.setBreakpoints(conditions.breakpoints);
  machine.setWatchpoints(conditions.watchpoints);
  const stops: { cycle: number; reason: "breakpoint" | "watchpoint" }[] = [];
  for (let atOnce = true;; atOnce = false) {
    const stop = await machine.run(recording.endCycle, { stopAtOnce: atOnce });
    if (stop.reason === "until") return stops;
    if (stop.reason === "breakpoint") stops.push({ cycle: machine.cycle, reason: stop.reason });
    if (stop.reason === "watchpoint") stops.push({ cycle: machine.cycle - 1, reason: stop.reason });
  }
}

/** Some addresses that the guest comes to, and some words that it touches. */
async function randomConditions(
  recording: Recording,
  random: Random,
): Promise<StopConditions> {
  const machine = await recording.createMachine(new Player(recording));
  const cycles = Array.from({ length: 3 }, () => random.below(recording.endCycle)).sort((a, b) =>
    a - b
  );
  const breakpoints = new Set<bigint>();
  const watchpoints: StopConditions["watchpoints"][number][] = [];
  for (const cycle of cycles) {
    await runTo(machine, cycle);
    const hart = random.below(recording.guest.harts);
    if (random.below(2) === 0) breakpoints.add(machine.engine.field(hart, "pc"));
    else {
      const [page] = machine.takeWrittenPages();
      const kind = (["read", "write", "access"] as const)[random.below(3)];
      const address = DRAM + (page ?? 0) * 4096 + random.below(512) * 8;
      watchpoints.push({ address, sizeBytes: 8, kind });
    }
  }
  return { breakpoints, watchpoints };
}

async function act(cursor: Cursor, random: Random, conditions: StopConditions): Promise<string> {
  const hart = random.below(cursor.harts);
  switch (random.below(6)) {
    case 0:
    case 1: {
      const cycle = random.below(cursor.end + 1);
      await cursor.seek(cycle);
      return `seek ${cycle}`;
    }
    case 2:
      return `step ${hart}: ${(await cursor.step(hart)).reason}`;
    case 3:
      return `reverseStep ${hart}: ${(await cursor.reverseStep(hart)).reason}`;
    case 4:
      return `continue: ${(await cursor.continue(conditions)).reason}`;
    default:
      return `reverseContinue: ${(await cursor.reverseContinue(conditions)).reason}`;
  }
}

for (const guest of GUESTS) {
  Deno.test(`cursor on ${guest.image} comes to the states of a straight replay, ${SEEDS} seeds`, async () => {
    const recording = await record(guest);
    assert(recording.entries.length > 0, "the recording has no inputs");
    const straight = new StraightReplay(recording);
    const timeline = timelineOf(recording, { spacing: 100_000 });
    const visited: { at: string; cycle: number; digest: string }[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed);
      const conditions = await randomConditions(recording, random);
      const cursor = await timeline.cursor(random.below(recording.endCycle));
      const done: string[] = [];
      for (let i = 0; i < ACTIONS; i++) {
        done.push(await act(cursor, random, conditions));
        const at = `${guest.image}, seed ${seed}: ${done.join(", ")}`;
        visited.push({ at, cycle: cursor.cycle, digest: cursor.digest() });
      }
      cursor.close();
    }
    const expected = await straight.at(visited.map(({ cycle }) => cycle));
    for (const { at, cycle, digest } of visited) {
      assertEquals(digest, expected.get(cycle), `${at}, now at ${cycle}`);
    }
    timeline.close();
  });

  Deno.test(`cursor on ${guest.image} continues to what a brute-force scan finds`, async () => {
    const recording = await record(guest);
    const timeline = timelineOf(recording, { spacing: 100_000 });
    for (let seed = 1; seed <= 10; seed++) {
      const random = new Random(seed);
      const conditions = await randomConditions(recording, random);
      const stops = await bruteForce(recording, conditions);
      const cursor = await timeline.cursor();
      for (let i = 0; i < 4; i++) {
        const from = random.below(recording.endCycle + 1);
        const at = `${guest.image}, seed ${seed}, from ${from}, ${stops.length} stops`;
        await cursor.seek(from);
        const back = await cursor.reverseContinue(conditions);
        const before = stops.findLast(({ cycle }) => cycle < from);
        assertEquals(
          [back.reason, cursor.cycle],
          [before?.reason ?? "start", before?.cycle ?? 0],
          at,
        );
        await cursor.seek(from);
        const forth = await cursor.continue(conditions);
        // A breakpoint right here is not met again; an access in this cycle is still to come.
        const after = stops.find(({ cycle, reason }) =>
          reason === "breakpoint" ? cycle > from : cycle >= from
        );
        const lands = after && after.cycle + (after.reason === "watchpoint" ? 1 : 0);
        assertEquals(
          [forth.reason, cursor.cycle],
          [after?.reason ?? "end", lands ?? recording.endCycle],
          at,
        );
      }
      cursor.close();
    }
    timeline.close();
  });
}

Deno.test("cursor steps back across checkpoints and over the sleep of a hart", async () => {
  const recording = await record({ image: "pocket", harts: 1, cycles: 2_500_000 });
  const timeline = timelineOf(recording, { spacing: 10_000 });
  const cursor = await timeline.cursor(recording.endCycle);
  const straight = new StraightReplay(recording);
  const arrivals: number[] = [];
  for (const { cycle } of timeline.checkpoints.all.toReversed()) {
    await cursor.seek(cycle);
    const { reason } = await cursor.reverseStep(0);
    assertEquals(reason, cycle === 0 ? "start" : "step", `from ${cycle}`);
    arrivals.push(cursor.cycle);
    const expected = await straight.at([cursor.cycle]);
    assertEquals(cursor.digest(), expected.get(cursor.cycle), `from ${cycle}`);
  }
  assert(arrivals.length > 5);
  timeline.close();
});

Deno.test("cursor steps back through exactly the cycles in which the hart acted", async () => {
  for (const guest of GUESTS) {
    const recording = await record(guest);
    const machine = await recording.createMachine(new Player(recording));
    const acted: number[][] = Array.from({ length: guest.harts }, () => []);
    const [from, to] = [
      Math.floor(recording.endCycle / 2),
      Math.floor(recording.endCycle / 2) + 40_000,
    ];
    machine.onActed = (hart, first, end) => {
      for (let cycle = Math.max(first, from); cycle < end; cycle++) acted[hart].push(cycle);
    };
    await runTo(machine, to);
    const timeline = timelineOf(recording, { spacing: 200_000 });
    const cursor = await timeline.cursor(to);
    for (let hart = 0; hart < guest.harts; hart++) {
      const at = `${guest.image}, hart ${hart}`;
      await cursor.seek(to);
      const cycles = acted[hart].slice(-40);
      for (const cycle of cycles.toReversed()) {
        assertEquals(await cursor.reverseStep(hart), { reason: "step", hart }, at);
        assertEquals(cursor.cycle, cycle, at);
      }
      for (const cycle of cycles) {
        assertEquals(await cursor.step(hart), { reason: "step", hart }, at);
        assertEquals(cursor.cycle, cycle + 1, at);
      }
    }
    timeline.close();
  }
});
