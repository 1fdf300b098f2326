/**
 * A checkpoint holds everything; and the tests of this folder would notice if it did not: each of
 * four deliberate bugs makes the same comparison fail.
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import type { Device } from "../../core/device.ts";
import type { Input, Output } from "../../core/host.ts";
import { Random } from "../../core/random.ts";
import { CheckpointedMachine } from "../../replay/checkpoint.ts";
import { logBytes } from "../../replay/held_bytes.ts";
import type { LogEntry } from "../../replay/log.ts";
import { PageStore } from "../../replay/pages.ts";
import { Player } from "../../replay/player.ts";
import type { SeekableHost } from "../../replay/seam.ts";
import { record, type Recording, runTo, StraightReplay, timelineOf } from "./recordings.ts";

const POCKET = { image: "pocket", harts: 1, cycles: 60_000_000 } as const;
const SMP = { image: "smp", harts: 4, cycles: 2_000_000 } as const;

Deno.test("restore of a checkpoint gives back the state in the middle of everything", async () => {
  for (const guest of [POCKET, SMP]) {
    const recording = await record(guest);
    const random = new Random(7);
    const store = new PageStore();
    const players = [new Player(recording), new Player(recording)];
    const [from, to] = await Promise.all(players.map(async (player) => {
      const machine = await recording.createMachine(player);
      return new CheckpointedMachine(machine, store, store.zero(machine.engine.layout.memoryBytes));
    }));
    // The cycles of inputs among them: requests are in flight just before.
    const cycles = [
      ...recording.entries.flatMap(({ cycle }) => [cycle - 1, cycle, cycle + 1]),
      ...Array.from({ length: 20 }, () => random.below(recording.endCycle)),
    ].filter((cycle) => cycle < recording.endCycle).sort((a, b) => a - b);
    for (const cycle of cycles) {
      await runTo(from.machine, cycle);
      const checkpoint = from.save(0);
      const digest = from.machine.digest();
      to.restore(checkpoint);
      players[1].rewind(cycle);
      assertEquals(to.machine.digest(), digest, `${guest.image} at ${cycle}, seed 7`);
      const later = Math.min(cycle + 5000, recording.endCycle);
      await runTo(to.machine, later);
      const reached = to.machine.digest();
      to.restore(checkpoint);
      assertEquals(to.machine.digest(), digest, `${guest.image}, back at ${cycle}`);
      players[1].rewind(cycle);
      await runTo(to.machine, later);
      assertEquals(to.machine.digest(), reached, `${guest.image}, from ${cycle} to ${later} again`);
      store.release(checkpoint.content);
    }
  }
});

Deno.test("restore writes only the pages that differ", async () => {
  const recording = await record(POCKET);
  const store = new PageStore();
  const machine = await recording.createMachine(new Player(recording));
  const checkpointed = new CheckpointedMachine(machine, store, store.zero(16 << 20));
  await runTo(machine, 1_000_000);
  const first = checkpointed.save(0);
  assertEquals(checkpointed.restore(first), 0);
  await runTo(machine, 1_000_100);
  const second = checkpointed.save(0);
  const written = checkpointed.restore(first);
  assert(written <= 4, `${written} pages for 100 cycles`);
  assertEquals(checkpointed.restore(second), written);
  assertEquals(checkpointed.restore(second), 0);
});

Deno.test("PageStore counts the bytes of what is held, and drops what is released", () => {
  const store = new PageStore();
  const zero = store.zero(8 << 20);
  const empty = store.sizeBytes;
  const page = (fill: number) => new Uint8Array(4096).fill(fill);
  const one = store.with(zero, [{ page: 3, hash: 1n, bytes: page(1) }]);
  const oneMore = store.sizeBytes;
  // The same page elsewhere, and the same content again: no page more.
  const two = store.with(one, [{ page: 700, hash: 1n, bytes: page(1) }]);
  assert(store.sizeBytes - oneMore < 3 * 4096 + 512, `${store.sizeBytes - oneMore} bytes`);
  const before = store.sizeBytes;
  const same = store.with(two, [{ page: 3, hash: 1n, bytes: page(1) }]);
  assert(store.sizeBytes - before < 256, "a content without a change takes almost nothing");
  // Another content of the same hash is kept apart.
  const other = store.with(two, [{ page: 4, hash: 1n, bytes: page(9) }]);
  assertEquals(other.groups[0].pages[4].bytes[0], 9);
  assertEquals(other.groups[0].pages[3].bytes[0], 1);
  for (const content of [one, two, same, other]) store.release(content);
  assertEquals(store.sizeBytes, empty);
});

/** Steps back and forth near every input, and seeks; returns where the states were not the right ones. */
async function wrongStates(
  recording: Recording,
  options: Parameters<typeof timelineOf>[1] = {},
  atCheckpoint?: (timeline: ReturnType<typeof timelineOf>) => Promise<void>,
): Promise<number[]> {
  const straight = new StraightReplay(recording);
  const timeline = timelineOf(recording, { spacing: 20_000, ...options });
  const visited: [number, string][] = [];
  const cursor = await timeline.cursor();
  await atCheckpoint?.(timeline);
  const cycles = recording.entries.flatMap(({ cycle }) => [cycle + 30_000, cycle, cycle - 1]);
  for (const cycle of cycles.filter((cycle) => cycle <= recording.endCycle)) {
    await cursor.seek(cycle);
    visited.push([cursor.cycle, cursor.digest()]);
    await cursor.reverseStep(0);
    visited.push([cursor.cycle, cursor.digest()]);
  }
  const expected = await straight.at(visited.map(([cycle]) => cycle));
  return visited.filter(([cycle, digest]) => expected.get(cycle) !== digest).map(([cycle]) =>
    cycle
  );
}

Deno.test("states are right with nothing broken", async () => {
  assertEquals(await wrongStates(await record(POCKET)), []);
});

// A device whose own methods are those of another one, but for some.
function changed(device: Device, methods: Partial<Device>): Device {
  return Object.assign(Object.create(device), methods, boundMethods(device), methods);
}

function boundMethods(device: Device): Partial<Device> {
  return {
    id: device.id,
    sizeBytes: device.sizeBytes,
    widths: device.widths,
    read: (offset, width) => device.read(offset, width),
    write: (offset, width, value) => device.write(offset, width, value),
    ...(device.input && { input: (input: Input) => device.input!(input) }),
    ...(device.deadline && { deadline: () => device.deadline!() }),
    ...(device.tick && { tick: () => device.tick!() }),
    save: () => device.save(),
    // The digest sees all of the state, whatever the saved one forgets.
    summary: () => device.summary?.() ?? device.save(),
    restore: (state) => device.restore(state),
  };
}

Deno.test("a device that forgets a field in save is caught", async () => {
  const recording = await record(POCKET, (device) => {
    if (device.id !== "uart0") return device;
    const initial = device.save();
    const [field] = Object.keys(initial).filter((name) => /ier/i.test(name));
    assert(field, `the serial port's state has no IER: ${Object.keys(initial)}`);
    return changed(device, { save: () => ({ ...device.save(), [field]: initial[field] }) });
  });
  assertNotEquals(await wrongStates(recording), []);
});

Deno.test("a timer that is not restored is caught", async () => {
  const recording = await record(
    { image: "timer", harts: 1, cycles: 3_000_000 },
    (device) =>
      device.id === "clint"
        ? changed(device, { restore: () => {}, summary: () => device.save() })
        : device,
  );
  assertNotEquals(await wrongStates(recording), []);
});

/** Gives the inputs of a cycle to the machine twice, or not at all, when it goes back. */
class BadPlayer implements SeekableHost {
  readonly #player: Player;

  constructor(recording: Recording, readonly rewindTo: (cycle: number) => number | undefined) {
    this.#player = new Player(recording);
  }

  rewind(cycle: number): void {
    const to = this.rewindTo(cycle);
    if (to !== undefined) this.#player.rewind(to);
  }

  output(cycle: number, device: string, output: Output): void {
    this.#player.output(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    return this.#player.take(cycle);
  }

  horizon(cycle: number): number {
    return this.#player.horizon(cycle);
  }

  settle(): undefined {}

  idle(cycle: number, deadline: number): number {
    return this.#player.idle(cycle, deadline);
  }

  wallTimeNs(cycle: number): bigint {
    return this.#player.wallTimeNs(cycle);
  }
}

Deno.test("a player that is not rewound is caught", async () => {
  const recording = await record(POCKET);
  const createHost = () => new BadPlayer(recording, () => undefined);
  await assertCaught(wrongStates(recording, { createHost }));
});

Deno.test("a checkpoint that is taken after the input of its cycle is caught", async () => {
  const recording = await record(POCKET);
  const entry = recording.entries[2];
  assert(entry.kind === "input");
  const wrong = wrongStates(recording, {}, async (timeline) => {
    const machine = await recording.createMachine(new Player(recording));
    await runTo(machine, entry.cycle);
    machine.devices.get(entry.input.device)!.input!(entry.input);
    const { store } = timeline.checkpoints;
    const zero = store.zero(machine.engine.layout.memoryBytes);
    // No hart has waited yet, so there was as much work as there were cycles.
    const late = new CheckpointedMachine(machine, store, zero).save(entry.cycle);
    timeline.checkpoints.add(late);
  });
  await assertCaught(wrong);
});

// Wrong states, or a device or player to which an input makes no sense.
async function assertCaught(wrong: Promise<number[]>): Promise<void> {
  const outcome = await wrong.catch((error) => error);
  if (!Array.isArray(outcome)) return assertMatch(String(outcome), /Divergence|in flight/);
  assertNotEquals(outcome, []);
}

Deno.test("checkpoints keep their budget, and grow sparse with the distance", async () => {
  const recording = await record(POCKET);
  // One machine is more than this: a quarter is left for checkpoints.
  const budgetBytes = 8 << 20;
  const timeline = timelineOf(recording, { spacing: 2_000, budgetBytes });
  const cursor = await timeline.cursor(recording.endCycle);
  await cursor.reverseStep(0);
  const { checkpoints } = timeline;
  assert(checkpoints.size > 20, `${checkpoints.size} checkpoints`);
  assert(checkpoints.sizeBytes <= budgetBytes / 4, `${checkpoints.sizeBytes} bytes`);
  await assertRejects(() => timeline.cursor(), RangeError, "No room");
  const gaps = checkpoints.all.slice(1).map(({ work }, i) => work - checkpoints.all[i].work);
  const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const third = Math.floor(gaps.length / 3);
  const [far, near] = [average(gaps.slice(0, third)), average(gaps.slice(-third))];
  assert(far > 2 * near, `gaps of ${far} far away, of ${near} near`);
  assertEquals(checkpoints.all[0].cycle, 0);
  timeline.close();
});

Deno.test("what the recording takes in memory is part of the budget", async () => {
  const recording = await record(POCKET);
  const budgetBytes = 400 << 20;
  for (const recordingBytes of [0, 200 << 20]) {
    const timeline = timelineOf(recording, { budgetBytes, recordingBytes });
    await timeline.cursor(0);
    const { checkpoints } = timeline;
    const machineBytes = timeline.sizeBytes - checkpoints.sizeBytes - recordingBytes;
    assert(machineBytes > 16 << 20 && machineBytes < 150 << 20, `${machineBytes} bytes`);
    assertEquals(checkpoints.budgetBytes(), budgetBytes - machineBytes - recordingBytes);
    if (recordingBytes === 0) await timeline.cursor(0);
    else await assertRejects(() => timeline.cursor(), RangeError, `beside ${recordingBytes} of`);
    timeline.close();
  }
});

Deno.test("logBytes() counts the bytes of inputs, and something for each row", () => {
  const at = { cycle: 1, id: "m/disk0#0", version: 1 } as const;
  const read = { device: "disk0", kind: "disk", request: 1, error: undefined } as const;
  const entriesOf = (...sizes: number[]) =>
    sizes.map((size): LogEntry => ({
      ...at,
      kind: "input",
      input: { ...read, bytes: new Uint8Array(size) },
    }));
  const bytesOf = (entries: LogEntry[]) => logBytes({ entries, outputs: [], digests: [] });
  assertEquals(bytesOf([]), 0);
  const row = bytesOf([{ ...at, kind: "wall-clock", ns: 1n }]);
  assert(row > 0);
  assertEquals(bytesOf(entriesOf(4096, 0, 1 << 20)), 4096 + (1 << 20) + 3 * row);
});
