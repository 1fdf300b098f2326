/** The CLINT, played by M-mode firmware. */
import { assertEquals } from "@std/assert";
import { Clint } from "../../devices/clint.ts";
import { abuse, moved, runTo, TestClock, TestLine } from "./driver.ts";

class Bench {
  readonly clock = new TestClock();
  readonly lines = new Map<string, TestLine>();
  readonly clint: Clint;

  constructor(readonly harts: number) {
    this.clint = this.build();
  }

  build(): Clint {
    return new Clint({ id: "clint", harts: this.harts }, {
      clock: this.clock,
      lines: (hart, line) => this.line(hart, line),
    });
  }

  line(hart: number, line: string): TestLine {
    const name = `${hart} ${line}`;
    if (!this.lines.has(name)) this.lines.set(name, new TestLine());
    return this.lines.get(name)!;
  }

  compare(hart: number, value: bigint, clint = this.clint): void {
    clint.write(0x4000 + 8 * hart, 4, Number(value & 0xffff_ffffn));
    clint.write(0x4004 + 8 * hart, 4, Number(value >> 32n & 0xffff_ffffn));
  }
}

Deno.test("Clint raises MSIP of one hart by bit 0 alone", () => {
  const bench = new Bench(3);
  bench.clint.write(4, 4, 0xffff_ffff);
  assertEquals(bench.clint.read(4, 4), 1); // the other 31 bits are wired to zero
  assertEquals([0, 1, 2].map((hart) => bench.line(hart, "MSIP").level), [false, true, false]);
  bench.clint.write(4, 4, 0xffff_fffe);
  assertEquals(bench.line(1, "MSIP").level, false);
  bench.clint.write(12, 4, 1);
  assertEquals(bench.clint.read(12, 4), 0, "there is no fourth hart");
});

Deno.test("Clint has MTIP pending from the first cycle, as QEMU 7.2 has (mip 0x80)", () => {
  const bench = new Bench(2);
  runTo(bench.clint, bench.clock, 0);
  assertEquals(bench.line(0, "MTIP").level, true);
  assertEquals(bench.line(1, "MTIP").level, true);
});

Deno.test("Clint raises MTIP in the cycle in which mtime reaches mtimecmp", () => {
  const bench = new Bench(2);
  bench.compare(0, 50n);
  bench.compare(1, 0xffff_ffff_ffff_ffffn);
  assertEquals(bench.clint.deadline(), 5000);
  runTo(bench.clint, bench.clock, 4999);
  assertEquals(bench.line(0, "MTIP").level, false);
  runTo(bench.clint, bench.clock, 5000);
  assertEquals(bench.line(0, "MTIP").level, true);
  assertEquals(bench.line(1, "MTIP").level, false);
  assertEquals(bench.clint.deadline(), Infinity);
  bench.compare(0, 51n); // privileged spec: it stays posted until mtimecmp is written
  assertEquals(bench.line(0, "MTIP").level, false);
  assertEquals(bench.clint.deadline(), 5100);
});

Deno.test("Clint compares 64 bits unsigned and reads mtime in halves", () => {
  const bench = new Bench(1);
  bench.clint.write(0xbff8, 4, 0xffff_ffff);
  bench.clint.write(0xbffc, 4, 0x7);
  assertEquals(bench.clock.mtime(), 0x7_ffff_ffffn);
  assertEquals([bench.clint.read(0xbff8, 4), bench.clint.read(0xbffc, 4)], [0xffff_ffff, 7]);
  bench.compare(0, 0x8_0000_0000n);
  assertEquals(bench.line(0, "MTIP").level, false);
  assertEquals(bench.clint.read(0x4004, 4), 8);
  runTo(bench.clint, bench.clock, 100);
  assertEquals(bench.line(0, "MTIP").level, true);
  bench.clint.write(0xbffc, 4, 0); // time goes back: the line follows the comparison
  assertEquals(bench.line(0, "MTIP").level, false);
});

Deno.test("Clint state round-trips with a timer armed", () => {
  const bench = new Bench(2);
  bench.compare(0, 70n);
  bench.compare(1, 1n);
  runTo(bench.clint, bench.clock, 300);
  bench.clint.write(4, 4, 1);
  const other = moved(bench.clint, bench.build());
  assertEquals(other.deadline(), 7000);
  runTo(other, bench.clock, 7000);
  assertEquals(bench.line(0, "MTIP").level, true);
});

Deno.test("Clint survives 100,000 random accesses", () => {
  abuse(0xc1, 100_000, () => {
    const bench = new Bench(8);
    return {
      device: bench.clint,
      fresh: () => bench.build(),
      offsets: [
        0,
        4,
        28,
        32,
        0x3ffc,
        0x4000,
        0x4004,
        0x403c,
        0x4040,
        0xbff0,
        0xbff8,
        0xbffc,
        0xc000,
      ],
      other: (clint, random) => {
        if (random.below(10) > 0) return;
        bench.compare(random.below(8), bench.clock.mtime() + BigInt(random.below(2000)), clint);
      },
      clock: bench.clock,
      trace: () => [...bench.lines.values()].map(({ level }) => level),
    };
  });
});
