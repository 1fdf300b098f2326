/**
 * PMP regions smaller than a page, against a model of the specification's text.
 * Source: RISC-V privileged specification, 3.7.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { DRAM, Rig } from "./rig.ts";

const [R, W, X, LOCK] = [1, 2, 4, 0x80];
const [TOR, NA4, NAPOT] = [1 << 3, 2 << 3, 3 << 3];
const [A0, A1, A2, A3] = [10, 11, 12, 13];
const CODE = DRAM + 0x1000;
const DATA = DRAM + 0x8000;

interface Entry {
  readonly config: number;
  /** As pmpaddr holds it: in units of 4 bytes. */
  readonly address: number;
}

/** Whether all bytes of an access may be made. Source: 3.7.1, "Priority and Matching Logic". */
function allowed(
  entries: readonly Entry[],
  from: number,
  size: number,
  right: number,
  privilege: number,
): boolean {
  for (const [i, { config, address }] of entries.entries()) {
    let low = 0;
    let high = 0;
    if ((config & 0x18) === TOR) [low, high] = [i === 0 ? 0 : entries[i - 1].address, address];
    else if ((config & 0x18) === NA4) [low, high] = [address, address + 1];
    else if ((config & 0x18) === NAPOT) {
      let ones = 0;
      while (address >> ones & 1) ones++;
      const words = 2 ** (ones + 1);
      low = Math.floor(address / words) * words;
      high = low + words;
    } else continue;
    const matching = Array.from({ length: size }, (_, byte) => {
      const word = Math.floor((from + byte) / 4);
      return word >= low && word < high;
    });
    if (!matching.includes(true)) continue;
    if (matching.includes(false)) return false; // it must match all bytes
    return (privilege === 3 && !(config & LOCK)) || (config & right) === right;
  }
  return privilege === 3;
}

/** Entries 0 to 5 random and small, around an address; entry 6 opens the rest or does not. */
function randomEntries(random: Random, around: number): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < 6; i++) {
    const mode = [0, TOR, NA4, NAPOT][random.below(4)];
    let rights = random.below(8);
    if ((rights & (R | W)) === W) rights |= R; // W without R is reserved
    const lock = random.below(4) === 0 ? LOCK : 0;
    let address = Math.floor((around - 16 + random.below(64)) / 4);
    if (mode === NAPOT) {
      const ones = random.below(5);
      address = (Math.floor(address / 2 ** (ones + 1)) * 2 + 1) * 2 ** ones - 1;
      if (address % 2 ** (ones + 1) !== 2 ** ones - 1) throw new Error("not a NAPOT address");
    }
    // A top at or below the entry before it matches nothing (3.7.1, TOR).
    if (mode === TOR && i > 0 && random.below(3) === 0) {
      address = entries[i - 1].address - random.below(2);
    }
    entries.push({ config: lock | rights | mode, address });
  }
  const everything = random.below(2) === 0 ? R | W | X : random.below(2) * X;
  entries.push({ config: NAPOT | everything, address: 2 ** 30 - 1 });
  return entries;
}

function setEntries(rig: Rig, entries: readonly Entry[]): void {
  for (let i = 0; i < 16; i++) {
    const { config, address } = entries[i] ?? { config: 0, address: 0 };
    rig.setPmp(i, config, BigInt(address));
  }
}

const describe = (entries: readonly Entry[]) =>
  entries.map(({ config, address }) => `${config.toString(16)}:${(address * 4).toString(16)}`)
    .join(" ");

for (const tlbEntries of [256, 1]) {
  Deno.test(`loads and stores obey PMP byte for byte, ${tlbEntries} TLB entries`, async () => {
    const seed = 0x9390;
    const random = new Random(seed);
    const rig = await Rig.create({ engine: { tlbEntries } });
    for (let round = 0; round < 400; round++) {
      // Around the middle of a page or around its end.
      const around = random.below(2) === 0 ? DATA + 0x800 : DATA + 0x1000;
      // Fetches are free of it: one entry in front covers the code.
      const entries = [
        { config: LOCK | NAPOT | X, address: CODE / 4 + 511 },
        ...randomEntries(random, around),
      ];
      for (let n = 0; n < 12; n++) {
        const size = [1, 2, 4, 8][random.below(4)];
        const address = around - 8 + random.below(40);
        const store = random.below(2) === 1;
        const privilege = [0, 1, 3, 3][random.below(4)];
        const right = store ? W : R;
        // Where some byte of the page may be accessed, it is first: TLBs must not take it for all.
        const near = Array.from({ length: 64 }, (_, i) => around - 24 + i);
        const warm = near.find((byte) => allowed(entries, byte, 1, right, privilege));
        const [op, letter] = [store ? "s" : "l", { 1: "b", 2: "h", 4: "w", 8: "d" }[size]];
        const register = store ? "a1" : "a0";
        setEntries(rig, []);
        rig.load(`${op}b zero, 0(a3)\n${op}${letter} ${register}, 0(a2)`, CODE);
        setEntries(rig, entries);
        rig.write64(around - 16, random.next());
        rig.setX(A1, BigInt(random.next()) << 32n | BigInt(random.next()));
        rig.setX(A2, address);
        rig.setX(A3, warm ?? 0);
        rig.set("mtvec", CODE + 0x100);
        rig.set("mcause", 0);
        rig.start(warm === undefined ? CODE + 4 : CODE, privilege);
        if (warm !== undefined) await rig.run(1);
        assertEquals(rig.get("pc"), BigInt(CODE + 4));
        const before = rig.machine.memory.view(address, size)!.slice();
        await rig.run(1);
        const where = `seed ${seed}, round ${round}.${n}: ${store ? "store" : "load"} of ${size} ` +
          `at 0x${address.toString(16)} in mode ${privilege}, entries ${describe(entries)}`;
        // An access across two pages is made byte by byte, so each may match another entry.
        const crosses = address % 4096 + size > 4096;
        const bytes = Array.from({ length: size }, (_, i) => address + i);
        const expected = crosses
          ? bytes.every((byte) => allowed(entries, byte, 1, right, privilege))
          : allowed(entries, address, size, right, privilege);
        const trapped = rig.get("pc") === BigInt(CODE + 0x100);
        assertEquals(trapped, !expected, where);
        if (trapped) {
          assertEquals(rig.get("mcause"), store ? 7n : 5n, where);
          const first = bytes.find((byte) => !allowed(entries, byte, 1, right, privilege));
          assertEquals(rig.get("mtval"), BigInt(crosses ? first! : address), where);
          assertEquals(rig.machine.memory.view(address, size)!.slice(), before, where);
        }
      }
    }
  });

  Deno.test(`fetches obey PMP half by half, ${tlbEntries} TLB entries`, async () => {
    const seed = 0xfe7c;
    const random = new Random(seed);
    const rig = await Rig.create({ engine: { tlbEntries } });
    rig.set("mtvec", CODE);
    for (let round = 0; round < 400; round++) {
      const around = random.below(2) === 0 ? DATA + 0x800 : DATA + 0x1000;
      const entries = randomEntries(random, around);
      for (let n = 0; n < 8; n++) {
        const pc = around - 8 + 2 * random.below(20);
        const long = random.below(2) === 1;
        const privilege = [0, 1, 3][random.below(3)];
        setEntries(rig, []);
        rig.load(long ? "addi a0, a0, 7" : "c.addi a0, 7", pc);
        setEntries(rig, entries);
        rig.setX(A0, 0);
        rig.start(pc, privilege);
        await rig.run(1);
        const where = `seed ${seed}, round ${round}.${n}: fetch at 0x${pc.toString(16)} in mode ` +
          `${privilege}, entries ${describe(entries)}`;
        const halves = long ? [pc, pc + 2] : [pc];
        const refused = halves.find((half) => !allowed(entries, half, 2, X, privilege));
        if (refused === undefined) {
          assertEquals([rig.get("pc"), rig.x(A0)], [BigInt(pc + (long ? 4 : 2)), 7n], where);
        } else {
          assertEquals([rig.get("mepc"), rig.get("mtval")], [BigInt(pc), BigInt(refused)], where);
          assertEquals([rig.get("mcause"), rig.x(A0)], [1n, 0n], where);
        }
      }
    }
  });
}

Deno.test("an illegal word of zeros, fetched alone from a page of two regions, traps", async () => {
  const rig = await Rig.create();
  // Only 64 bytes of the page may be executed, so nothing of it is decoded ahead.
  setEntries(rig, [{ config: NAPOT | X, address: DATA / 4 + 7 }]);
  rig.write(DRAM, new Uint8Array(0x4000).fill(0x05)); // c.addi a0, 1 all over: nothing to run into
  rig.write(DATA, new Uint8Array(64));
  rig.set("mtvec", CODE);
  rig.start(DATA, 1);
  await rig.run(1);
  assertEquals([rig.get("mcause"), rig.get("mepc"), rig.get("mtval")], [2n, BigInt(DATA), 0n]);
});

Deno.test("a PMP change in the middle of straight code counts from the next instruction", async () => {
  const rig = await Rig.create();
  // Entry 0 is locked over the first 32 bytes of code without X, once the guest writes it.
  rig.load("csrw pmpaddr0, a1\ncsrw pmpcfg0, a2\naddi a0, a0, 1\naddi a0, a0, 1");
  rig.setPmp(0, 0, 0n);
  rig.setX(A1, DRAM / 4 + 3);
  rig.setX(A2, LOCK | NAPOT | R | W);
  rig.set("mtvec", CODE);
  rig.start(DRAM);
  await rig.run(3);
  assertEquals([rig.get("mcause"), rig.get("mepc")], [1n, BigInt(DRAM + 8)]);
  assertEquals(rig.x(A0), 0n);
});
