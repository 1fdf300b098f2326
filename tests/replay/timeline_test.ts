/** Cursors of one timeline: apart from each other, on branches, at events, and interrupted. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DRAM } from "../../core/hart/layout.ts";
import { record, StraightReplay, timelineOf } from "./recordings.ts";

const POCKET = { image: "pocket", harts: 1, cycles: 60_000_000 } as const;
const SMP = { image: "smp", harts: 4, cycles: 2_000_000 } as const;

Deno.test("cursors of one timeline do not move each other", async () => {
  const recording = await record(SMP);
  const straight = new StraightReplay(recording);
  const timeline = timelineOf(recording, { spacing: 50_000 });
  const [a, b] = [await timeline.cursor(1_500_000), await timeline.cursor(400_000)];
  const [digestA, digestB] = [a.digest(), b.digest()];
  await Promise.all([a.reverseStep(2), b.step(3)]);
  await Promise.all([a.seek(1_500_000), b.seek(400_000)]);
  assertEquals([a.digest(), b.digest()], [digestA, digestB]);
  const expected = await straight.at([1_500_000, 400_000]);
  assertEquals([digestA, digestB], [expected.get(1_500_000), expected.get(400_000)]);
  b.close();
  await assertRejects(() => b.seek(1), TypeError, "closed");
  // Its machine serves the next one.
  const c = await timeline.cursor(400_000);
  assertEquals(c.digest(), digestB);
  timeline.close();
});

Deno.test("a cursor's engine counts all cycles that its machine ran, on replays too", async () => {
  const timeline = timelineOf(await record(POCKET), { spacing: Infinity });
  const cursor = await timeline.cursor(POCKET.cycles);
  const { work } = cursor;
  assert(work > 0 && work < POCKET.cycles, "it idles now and then");
  assertEquals(cursor.engine.actedCycles, work);
  assert(cursor.engine.jit.cycles > 0 && cursor.engine.jit.cycles < work);
  const digest = cursor.digest();
  await cursor.seek(0);
  assertEquals(cursor.engine.actedCycles, work, "a restore runs nothing");
  await cursor.seek(POCKET.cycles);
  assertEquals([cursor.engine.actedCycles, cursor.work], [2 * work, work]);
  assertEquals(cursor.digest(), digest);
  timeline.close();
});

Deno.test("a write starts a branch, and the recording stays as it was", async () => {
  const recording = await record(POCKET);
  const timeline = timelineOf(recording, { spacing: 50_000 });
  const cursor = await timeline.cursor(650_000);
  const before = cursor.digest();
  assertEquals(cursor.branch, undefined);
  cursor.writeRegister(0, "x31", 0x1234n);
  cursor.writeRegister(0, "mscratch", 5n);
  assert(cursor.writeMemory(DRAM + 0x20_0000, Uint8Array.of(1, 2, 3)));
  assertEquals(cursor.branch, { from: 650_000 });
  assertEquals(cursor.end, Infinity);
  assertEquals(cursor.readRegister(0, "mscratch"), 5n);
  // The first input of the recording after it is at 700,000: a branch does not get it.
  await cursor.seek(900_000);
  const there = cursor.digest();
  await cursor.reverseStep(0);
  await cursor.seek(650_000);
  assertEquals(cursor.readRegister(0, "x31"), 0x1234n);
  assertEquals(cursor.readMemory(DRAM + 0x20_0000, 3), Uint8Array.of(1, 2, 3));
  await assertRejects(() => cursor.seek(649_999), RangeError);
  await cursor.seek(900_000);
  assertEquals(cursor.digest(), there, "a branch comes to the same state again");
  await cursor.returnFromBranch();
  assertEquals([cursor.cycle, cursor.branch, cursor.digest()], [650_000, undefined, before]);
  const expected = await new StraightReplay(recording).at([900_000]);
  await cursor.seek(900_000);
  assertEquals(cursor.digest(), expected.get(900_000));
  timeline.close();
});

Deno.test("a branch holds every change at its cycle, and goes back before each", async () => {
  const timeline = timelineOf(await record(POCKET), { spacing: 20_000 });
  const cursor = await timeline.cursor(60_000);
  const MARK = DRAM + 0x20_0000;
  const mark = () => cursor.readMemory(MARK, 1)![0];
  for (const [cycle, value] of [[60_000, 1], [90_000, 2], [120_000, 3]]) {
    await cursor.seek(cycle);
    assert(cursor.writeMemory(MARK, Uint8Array.of(value)));
  }
  assertEquals([cursor.start, cursor.branch], [60_000, { from: 60_000 }]);
  await cursor.seek(160_000);
  const digest = cursor.digest();
  const seen: number[][] = [];
  for (const cycle of [60_000, 89_999, 90_000, 119_999, 120_000, 160_000]) {
    await cursor.seek(cycle);
    seen.push([cycle, mark()]);
  }
  assertEquals(seen.map(([, value]) => value), [1, 1, 2, 2, 3, 3]);
  assertEquals(cursor.digest(), digest);
  // Forward through a change, by steps, by a run to a breakpoint, and by a run to a watched access.
  await cursor.seek(89_998);
  for (const expected of [1, 2, 2]) {
    await cursor.step(0);
    assertEquals(mark(), expected, `${cursor.cycle}`);
  }
  await cursor.seek(150_000);
  const breakpoints = new Set([cursor.readRegister(0, "pc")]);
  await cursor.seek(80_000);
  while (mark() < 3) {
    const { reason } = await cursor.continue({ breakpoints, watchpoints: [] });
    assertEquals(reason, "breakpoint");
  }
  await cursor.seek(160_000);
  assertEquals(cursor.digest(), digest);
  // Backward across one, by a step and by a scan.
  await cursor.seek(90_000);
  assertEquals(await cursor.reverseStep(0), { reason: "step", hart: 0 });
  assertEquals(mark(), 1);
  await cursor.seek(160_000);
  const none = { breakpoints: new Set([1n]), watchpoints: [] };
  assertEquals(await cursor.reverseContinue(none), { reason: "start" });
  assertEquals([cursor.cycle, mark()], [60_000, 1]);
  // A change in the past gives up what lay after it.
  await cursor.seek(100_000);
  cursor.writeMemory(MARK, Uint8Array.of(9));
  await cursor.seek(160_000);
  assertEquals(mark(), 9);
  await cursor.seek(95_000);
  assertEquals(mark(), 2);
  timeline.close();
});

Deno.test("no budget drops a change made by hand", async () => {
  const timeline = timelineOf(await record(POCKET), { spacing: 20_000, budgetBytes: 1 });
  const cursor = await timeline.cursor(650_000);
  cursor.writeRegister(0, "x31", 1n);
  await cursor.seek(750_000);
  cursor.writeRegister(0, "mscratch", 0x55n);
  await cursor.seek(900_000);
  const digest = cursor.digest();
  await cursor.seek(700_000);
  assert(cursor.readRegister(0, "mscratch") !== 0x55n);
  await cursor.seek(900_000);
  assertEquals([cursor.readRegister(0, "mscratch"), cursor.digest()], [0x55n, digest]);
  timeline.close();
});

Deno.test("a breakpoint counts where a checkpoint falls due, and right after a watched access", async () => {
  const recording = await record(POCKET);
  const spacing = 5_000;
  let compared = 0;
  for (let due = 1; compared < 5; due++) {
    const at = due * spacing;
    const timeline = timelineOf(recording, { spacing });
    const cursor = await timeline.cursor(at);
    const pc = cursor.readRegister(0, "pc");
    const before: bigint[] = [];
    for (let i = 0; i < 4; i++) {
      await cursor.reverseStep(0);
      before.push(cursor.readRegister(0, "pc"));
    }
    const from = cursor.cycle;
    timeline.close();
    if (before.includes(pc) || from !== at - 4) continue;
    compared++;
    const fresh = timelineOf(recording, { spacing });
    const other = await fresh.cursor(from);
    const arrival = await other.continue({ breakpoints: new Set([pc]), watchpoints: [] });
    assertEquals([arrival, other.cycle], [{ reason: "breakpoint", hart: 0 }, at]);
    fresh.close();
  }
  const timeline = timelineOf(recording);
  const cursor = await timeline.cursor(650_000);
  const stack = Number(cursor.readRegister(0, "x2") & ~4095n);
  const watchpoints = [{ address: stack, sizeBytes: 4096, kind: "write" as const }];
  assertEquals(
    (await cursor.reverseContinue({ breakpoints: new Set(), watchpoints })).reason,
    "watchpoint",
  );
  await cursor.step(0);
  const after = cursor.cycle;
  const breakpoints = new Set([cursor.readRegister(0, "pc")]);
  await cursor.step(0);
  const arrival = await cursor.reverseContinue({ breakpoints, watchpoints });
  assertEquals([arrival, cursor.cycle], [{ reason: "breakpoint", hart: 0 }, after]);
  timeline.close();
});

Deno.test("a branch answers what was in flight, and runs on to the guest's end", async () => {
  const recording = await record(POCKET);
  const disk = recording.entries.find((entry) =>
    entry.kind === "input" && entry.input.kind === "disk"
  );
  assert(disk, "the recording has no disk input");
  const timeline = timelineOf(recording);
  const cursor = await timeline.cursor(disk.cycle - 10);
  cursor.startBranch();
  await cursor.seek(disk.cycle + 100_000);
  const branch = cursor.digest();
  await cursor.returnFromBranch();
  await cursor.seek(disk.cycle + 100_000);
  assertEquals(cursor.digest(), branch, "nothing was changed, and the answer came");
  timeline.close();
});

Deno.test("nextEvent finds inputs, traps, interrupts and lines, forward as backward", async () => {
  const guests = {
    input: POCKET,
    interrupt: POCKET,
    console: POCKET,
    trap: { image: "trap", harts: 1, cycles: 5_000_000 },
  } as const;
  for (const kind of ["input", "interrupt", "console", "trap"] as const) {
    const timeline = timelineOf(await record(guests[kind]), { spacing: 100_000 });
    const cursor = await timeline.cursor();
    const forth: number[] = [];
    while (forth.length < 6) {
      if ((await cursor.nextEvent(kind, "next")).reason !== "event") break;
      forth.push(cursor.cycle);
    }
    assert(forth.length > 1, `${kind}: ${forth}`);
    const back: number[] = [];
    await cursor.seek(forth.at(-1)! + 1);
    while (back.length < forth.length) {
      assertEquals((await cursor.nextEvent(kind, "previous")).reason, "event", kind);
      back.push(cursor.cycle);
    }
    assertEquals(back.reverse(), forth, kind);
    const retired = cursor.readRegister(0, "minstret");
    await cursor.step(0);
    const isTrap = kind === "interrupt" || kind === "trap";
    if (isTrap) assertEquals(cursor.readRegister(0, "minstret"), retired, "traps retire nothing");
    timeline.close();
  }
});

Deno.test("registers read as machine mode reads them, and nothing changes", async () => {
  const recording = await record(POCKET);
  const timeline = timelineOf(recording);
  const cursor = await timeline.cursor(640_000);
  const digest = cursor.digest();
  assertEquals(cursor.readRegister(0, "x0"), 0n);
  assertEquals(cursor.readRegister(0, "cycle"), 640_000n);
  assertEquals(cursor.readRegister(0, "mcycle"), 640_000n);
  assertEquals(cursor.readRegister(0, "time"), 6_400n);
  assertEquals(cursor.readRegister(0, "misa") >> 62n, 2n);
  cursor.readRegister(0, "fcsr");
  for (const name of ["sstatus", "satp", "pmpaddr3", "mip", "f12", "priv"]) {
    cursor.readRegister(0, name);
  }
  assertThrows(() => cursor.readRegister(0, "x32"), RangeError);
  assertThrows(() => cursor.readRegister(1, "x1"), RangeError);
  const pc = cursor.translate(0, cursor.readRegister(0, "pc"));
  assert(pc !== undefined && cursor.readMemory(pc, 4));
  assertEquals(cursor.readMemory(0, 1), undefined);
  assert(cursor.readMemory(0x1000, 16)?.some((byte) => byte !== 0), "the reset ROM");
  for (const name of ["cycle", "mhartid", "time", "nothing"]) {
    assertThrows(() => cursor.writeRegister(0, name, 1n), RangeError);
  }
  assertEquals(cursor.branch, undefined, "what cannot be written starts no branch");
  assertEquals(cursor.digest(), digest);
  timeline.close();
});

Deno.test("a signal interrupts what takes long", async () => {
  const recording = await record(POCKET);
  const timeline = timelineOf(recording, {
    spacing: 20_000,
    turn: () => new Promise((done) => setTimeout(done)),
  });
  const cursor = await timeline.cursor();
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 5);
  const none = { breakpoints: new Set([1n]), watchpoints: [] };
  assertEquals(await cursor.continue(none, controller.signal), { reason: "interrupted" });
  assert(cursor.cycle < recording.endCycle);
  await cursor.seek(recording.endCycle);
  assertEquals(await cursor.reverseContinue(none, AbortSignal.abort()), { reason: "interrupted" });
  assertEquals(cursor.cycle, recording.endCycle);
  timeline.close();
});
