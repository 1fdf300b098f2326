/** The PLIC, played by two harts and a few devices. Source: RISC-V PLIC specification 1.0.0. */
import { assertEquals, assertThrows } from "@std/assert";
import type { Random } from "../../core/random.ts";
import { Plic, PLIC_SOURCES } from "../../devices/plic.ts";
import { abuse, moved, TestClock, TestLine } from "./driver.ts";

const [M0, S0, , S1] = [0, 1, 2, 3]; // contexts

class Bench {
  readonly clock = new TestClock();
  readonly lines: TestLine[] = [];
  readonly plic: Plic;

  constructor(readonly harts = 2) {
    for (let i = 0; i < 2 * harts; i++) this.lines.push(new TestLine());
    this.plic = this.build();
  }

  build(): Plic {
    return new Plic({ id: "plic", harts: this.harts }, {
      clock: this.clock,
      lines: (hart, line) => this.lines[2 * hart + (line === "MEIP" ? 0 : 1)],
    });
  }

  priority(source: number, value: number): void {
    this.plic.write(4 * source, 4, value);
  }

  enable(context: number, ...sources: number[]): void {
    for (let word = 0; word < 3; word++) {
      const bits = sources.filter((source) => source >> 5 === word)
        .reduce((all, source) => all | 1 << (source & 31), 0);
      this.plic.write(0x2000 + 0x80 * context + 4 * word, 4, bits >>> 0);
    }
  }

  threshold(context: number, value: number): void {
    this.plic.write(0x20_0000 + 0x1000 * context, 4, value);
  }

  claim(context: number): number {
    return this.plic.read(0x20_0004 + 0x1000 * context, 4);
  }

  complete(context: number, source: number): void {
    this.plic.write(0x20_0004 + 0x1000 * context, 4, source);
  }

  pending(source: number): boolean {
    return (this.plic.read(0x1000 + 4 * (source >> 5), 4) >>> (source & 31) & 1) === 1;
  }

  levels(): boolean[] {
    return this.lines.map(({ level }) => level);
  }
}

Deno.test("Plic delivers, claims and completes a level-triggered source", () => {
  const bench = new Bench();
  bench.priority(10, 1);
  bench.enable(S1, 10);
  const uart = bench.plic.source(10);
  uart.set(true);
  assertEquals(bench.levels(), [false, false, false, true]);
  assertEquals(bench.pending(10), true);
  assertEquals(bench.claim(S1), 10);
  assertEquals(bench.pending(10), false);
  assertEquals(bench.levels()[S1], false);
  uart.set(false);
  uart.set(true); // the gateway waits for the completion
  assertEquals(bench.claim(S1), 0);
  bench.complete(S1, 10);
  assertEquals(bench.levels()[S1], true, "the line is still high: a new request");
  assertEquals(bench.claim(S1), 10);
  uart.set(false);
  bench.complete(S1, 10);
  assertEquals(bench.levels()[S1], false);
});

Deno.test("Plic keeps a forwarded request when the line falls (Interrupt Gateways)", () => {
  const bench = new Bench();
  bench.priority(3, 2);
  bench.enable(M0, 3);
  bench.plic.source(3).set(true);
  bench.plic.source(3).set(false);
  assertEquals(bench.pending(3), true);
  assertEquals(bench.claim(M0), 3);
});

Deno.test("Plic claims the highest priority, and the lowest number among equals", () => {
  const bench = new Bench();
  for (const [source, priority] of [[7, 3], [95, 5], [40, 5], [2, 1]]) {
    bench.priority(source, priority);
    bench.plic.source(source).set(true);
  }
  bench.enable(S0, 2, 7, 40, 95);
  assertEquals([0, 0, 0, 0, 0].map(() => bench.claim(S0)), [40, 95, 7, 2, 0]);
});

Deno.test("Plic interrupts only above the threshold, and claims regardless of it", () => {
  const bench = new Bench();
  bench.priority(5, 4);
  bench.enable(S0, 5);
  bench.threshold(S0, 4);
  bench.plic.source(5).set(true);
  assertEquals(bench.levels()[S0], false);
  bench.threshold(S0, 3);
  assertEquals(bench.levels()[S0], true);
  bench.threshold(S0, 7);
  assertEquals(bench.claim(S0), 5); // Interrupt Claim Process, last paragraph
});

Deno.test("Plic takes priority 0 as never, and has WARL priorities of 3 bits", () => {
  const bench = new Bench();
  bench.enable(S0, 5);
  bench.plic.source(5).set(true);
  assertEquals(bench.levels()[S0], false);
  assertEquals(bench.claim(S0), 0);
  bench.priority(5, 0xff);
  assertEquals(bench.plic.read(20, 4), 7);
  bench.threshold(S0, 0xf8);
  assertEquals(bench.plic.read(0x20_1000, 4), 0);
  assertEquals(bench.levels()[S0], true);
});

Deno.test("Plic ignores a completion by a context for which the source is not enabled", () => {
  const bench = new Bench();
  bench.priority(5, 1);
  bench.enable(S0, 5);
  bench.plic.source(5).set(true);
  assertEquals(bench.claim(S0), 5);
  bench.complete(S1, 5);
  assertEquals(bench.pending(5), false);
  bench.complete(S0, 5);
  assertEquals(bench.pending(5), true);
});

Deno.test("Plic has no source 0, no source 96, and read-only pending bits", () => {
  const bench = new Bench();
  bench.plic.write(0x2000, 4, 0xffff_ffff);
  assertEquals(bench.plic.read(0x2000, 4), 0xffff_fffe);
  bench.priority(0, 7);
  bench.priority(96, 7);
  assertEquals([bench.plic.read(0, 4), bench.plic.read(4 * 96, 4)], [0, 0]);
  bench.plic.write(0x1000, 4, 0xffff_ffff);
  assertEquals(bench.plic.read(0x1000, 4), 0);
  assertThrows(() => bench.plic.source(PLIC_SOURCES + 1), RangeError, "1 to 95");
});

Deno.test("Plic state round-trips between claim and completion", () => {
  const bench = new Bench();
  bench.priority(8, 1);
  bench.enable(M0, 8);
  bench.plic.source(8).set(true);
  bench.claim(M0);
  const before = bench.levels();
  const other = moved(bench.plic, bench.build());
  assertEquals(bench.levels(), before, "restoring moves no line");
  other.write(0x20_0004, 4, 8);
  assertEquals(bench.levels()[M0], true);
});

Deno.test("Plic survives 100,000 random accesses", () => {
  const offsets = [0, 4, 0x17c, 0x180, 0x1000, 0x1008, 0x100c, 0x2000, 0x2008, 0x200c];
  for (let context = 0; context <= 16; context++) {
    offsets.push(0x20_0000 + 0x1000 * context, 0x20_0004 + 0x1000 * context);
    offsets.push(0x2000 + 0x80 * context);
  }
  abuse(0x91, 100_000, () => {
    const bench = new Bench(8);
    return {
      device: bench.plic,
      fresh: () => bench.build(),
      offsets,
      other: (plic: Plic, random: Random) =>
        plic.source(1 + random.below(PLIC_SOURCES)).set(random.below(2) === 1),
      clock: new TestClock(),
      trace: () => bench.levels(),
    };
  });
});
