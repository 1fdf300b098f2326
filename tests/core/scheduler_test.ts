/** Whose turn it is. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Scheduler } from "../../core/scheduler.ts";

const all = () => true;

/** The turns that a scheduler gives: hart and length. */
function turns(scheduler: Scheduler, count: number, runnable: (hart: number) => boolean = all) {
  const out: [number, number][] = [];
  for (let i = 0; i < count; i++) {
    const from = scheduler.quantumEnd;
    assert(scheduler.rotate(from, runnable));
    out.push([scheduler.hart, scheduler.quantumEnd - from]);
  }
  return out;
}

Deno.test("Scheduler takes harts in turn, for 2,000 to 10,000 cycles each", () => {
  const scheduler = new Scheduler(4, 99);
  const given = turns(scheduler, 4000);
  given.forEach(([hart], i) => assertEquals(hart, (i + 1) % 4));
  const lengths = given.map(([, length]) => length);
  assert(Math.min(...lengths) >= 2000 && Math.max(...lengths) < 10_000);
  assert(new Set(lengths).size > 2000, "quanta are of many lengths");
});

Deno.test("Scheduler passes over harts that wait, and says when all do", () => {
  const scheduler = new Scheduler(4, 5);
  assertEquals(turns(scheduler, 4, (hart) => hart % 2 === 1).map(([hart]) => hart), [1, 3, 1, 3]);
  assertEquals(turns(scheduler, 2, (hart) => hart === 2).map(([hart]) => hart), [2, 2]);
  const before = scheduler.save();
  assertEquals(scheduler.rotate(1_000_000, () => false), false);
  // Nobody ran, so nothing was drawn: how often one asks cannot be seen.
  assertEquals(scheduler.save(), before);
});

Deno.test("Scheduler of one hart never ends its turn", () => {
  const scheduler = new Scheduler(1, 5);
  assertEquals(scheduler.quantumEnd, Infinity);
  assert(scheduler.rotate(1000, all));
  assertEquals([scheduler.hart, scheduler.quantumEnd], [0, Infinity]);
});

Deno.test("Scheduler goes on from what it saved; the seed decides", () => {
  const first = new Scheduler(3, 1);
  turns(first, 10);
  const second = new Scheduler(3, 2);
  second.restore(first.save());
  assertEquals(second.save(), first.save());
  assertEquals(turns(second, 50), turns(first, 50));
  assertNotEquals(turns(new Scheduler(3, 1), 5), turns(new Scheduler(3, 2), 5));
  assertThrows(() => second.restore({ version: 99 }), RangeError, "scheduler");
});
