/** Stores to code count from the next instruction on, whoever makes them and without `fence.i`. */
import { assertEquals } from "@std/assert";
import type { BoardPorts, Device, Width } from "../../../core/device.ts";
import { DECODED_PAGES } from "../../../core/hart/layout.ts";
import { assemble } from "../../../core/isa/assemble.ts";
import { Random } from "../../../core/random.ts";
import { DRAM, Rig } from "./rig.ts";

const A0 = 10;
const A1 = 11;
const A2 = 12;
const PATCHER = 0x1000_0000;

/** A store to it makes it write the value to a fixed address of RAM, as DMA does. */
class Patcher implements Device {
  readonly id = "patcher";
  readonly sizeBytes = 0x1000;
  readonly widths: readonly Width[] = [4];
  target = 0;

  constructor(readonly ports: BoardPorts) {}

  read(): number {
    return 0;
  }

  write(_offset: number, _width: Width, value: number): void {
    this.ports.memory.write(this.target, word(value));
  }

  save() {
    return { version: 1, target: this.target };
  }

  restore(): void {}
}

async function rigWithPatcher(): Promise<{ rig: Rig; patcher: Patcher }> {
  let patcher!: Patcher;
  const board = (ports: BoardPorts) => {
    patcher = new Patcher(ports);
    return [{ base: PATCHER, device: patcher }];
  };
  const rig = await Rig.create({ board });
  return { rig, patcher };
}

const word = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);

Deno.test("a store to the very next instruction changes what it does", async () => {
  const rig = await Rig.create();
  const { labels } = rig.load(`
          la a2, next
          sw a1, 0(a2)
    next: addi a0, zero, 1
    end:  j end`);
  rig.setX(A1, assemble("addi a0, zero, 2"));
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  assertEquals(rig.x(A0), 2n);
});

Deno.test("stores of any size and place are seen by the instructions that they touch", async () => {
  const seed = 0x5e1f;
  const random = new Random(seed);
  const rig = await Rig.create();
  // Eight additions of constants to a0, 4 or 2 bytes long, run over and over while bytes of their
  // immediates change. The model is the sum that the bytes in memory say.
  const code = DRAM + 0x1000 - 12; // across a page boundary
  for (let round = 0; round < 300; round++) {
    const base = code + random.below(2) * 2;
    const text = Array.from({ length: 8 }, () => `addi a0, a0, ${random.below(2000)}`);
    const { labels } = rig.load(`${text.join("\n")}\nend: j end`, base);
    for (let pass = 0; pass < 3; pass++) {
      rig.setX(A0, 0);
      rig.start(base);
      await rig.runTo(labels.get("end")!);
      const bytes = rig.machine.memory.view(base, 36)!;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      let sum = 0;
      for (let i = 0; i < 8; i++) sum += view.getInt32(i * 4, true) >> 20;
      assertEquals(BigInt.asIntN(64, rig.x(A0)), BigInt(sum), `seed ${seed}, round ${round}`);
      // The last byte holds immediate bits alone: it changes, alone or along with the byte after it.
      const target = base + 4 * random.below(8) + 3;
      const size = random.below(2);
      const program = DRAM + 0x8000;
      const store = rig.load(`${size ? "sh" : "sb"} a1, 0(a2)\nout: j out`, program);
      const beyond = view.getUint8(target + 1 - base);
      rig.setX(A1, random.below(128) | beyond << 8);
      rig.setX(A2, target);
      rig.start(program);
      await rig.runTo(store.labels.get("out")!);
    }
  }
});

Deno.test("an instruction across two pages changes with either half", async () => {
  const { rig, patcher } = await rigWithPatcher();
  const at = DRAM + 0x1000 - 2;
  const low = (text: string) => assemble(text) & 0xffff;
  rig.load("addi a0, a0, 1\nend: j end", at);
  const run = async () => {
    rig.setX(A0, 0);
    rig.start(at);
    await rig.run(1);
    assertEquals(rig.get("pc"), BigInt(at + 4));
    return rig.x(A0);
  };
  assertEquals(await run(), 1n);
  const store = rig.load("sh a1, 0(a2)", DRAM + 0x8000);
  const storeHalf = async (address: number, value: number) => {
    rig.setX(A1, value);
    rig.setX(A2, address);
    rig.start(DRAM + 0x8000);
    await rig.run(store.bytes.length / 4);
  };
  await storeHalf(at + 2, assemble("addi a0, a0, 77") >>> 16);
  assertEquals(await run(), 77n, "high half, by a store");
  await storeHalf(at, low("xori a0, a0, 77"));
  await storeHalf(at + 2, assemble("xori a0, a0, 5") >>> 16);
  assertEquals(await run(), 5n, "low half, by a store");
  rig.write(at, word(assemble("addi a0, a0, -3")));
  assertEquals(BigInt.asIntN(64, await run()), -3n, "both, from outside");
  // The store to the patcher stands right before the instruction that it changes.
  rig.load("sw a1, 0(a2)\naddi a0, a0, 1", at - 4);
  patcher.target = at;
  rig.setX(A0, 0);
  rig.setX(A1, assemble("addi a0, a0, 9"));
  rig.setX(A2, PATCHER);
  rig.start(at - 4);
  await rig.run(2);
  assertEquals(rig.x(A0), 9n, "by a device, in the middle of a slice");
});

Deno.test("a device's write to the instruction after the store that caused it is seen", async () => {
  const { rig, patcher } = await rigWithPatcher();
  const { labels } = rig.load(`
    loop: sw a1, 0(a2)
    next: addi a0, a0, 0
          add a1, a1, a3
          addi a4, a4, -1
          bne a4, zero, loop
    end:  j end`);
  patcher.target = labels.get("next")!;
  rig.setX(A1, assemble("addi a0, a0, 1"));
  rig.setX(A2, PATCHER);
  rig.setX(13, 1 << 20); // one more each time
  rig.setX(14, 100);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  assertEquals(rig.x(A0), 5050n);
});

Deno.test("a page of code that is written many times stays right as code and as data", async () => {
  const rig = await Rig.create();
  // 300 stores to its own page, in the midst of it; every tenth changes the instruction after it.
  const { labels } = rig.load(`
          la a2, data
          la a3, next
    loop: addi a1, a1, 1
          sd a1, 0(a2)
          addi a5, a5, -1
          bne a5, zero, next
          addi a5, zero, 10
          sw a6, 0(a3)
          add a6, a6, a7
    next: addi a0, a0, 0
          addi a4, a4, -1
          bne a4, zero, loop
    end:  j end
          .align 8
    data: .zero 8`);
  rig.setX(14, 300);
  rig.setX(15, 10);
  rig.setX(16, assemble("addi a0, a0, 1"));
  rig.setX(17, 1 << 20);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  let sum = 0n;
  for (let i = 1; i <= 300; i++) sum += BigInt(Math.floor(i / 10));
  assertEquals(rig.x(A0), sum);
  assertEquals(rig.read64(labels.get("data")!), 300n);
});

Deno.test("more pages of code than can be kept decoded run right, over and again", async () => {
  const rig = await Rig.create({ memoryBytes: 16 << 20 });
  const first = DRAM + 0x10_0000;
  const pages = DECODED_PAGES + 60;
  const constant = (page: number) => page % 2000;
  for (let page = 0; page < pages; page++) {
    rig.load(`addi a0, a0, ${constant(page)}\nret`, first + page * 4096 + 8 * (page % 500));
  }
  const { labels } = rig.load(`
    again: li a1, ${first}
           li a2, ${pages}
           li a4, 0
           li a5, 500
    loop:  slli a6, a4, 3
           add a6, a6, a1
           jalr ra, 0(a6)
           li a6, 4096
           add a1, a1, a6
           addi a4, a4, 1
           bne a4, a5, same
           li a4, 0
    same:  addi a2, a2, -1
           bne a2, zero, loop
           addi a7, a7, -1
           bne a7, zero, again
    end:   j end`);
  let sum = 0;
  for (let page = 0; page < pages; page++) sum += constant(page);
  rig.setX(17, 3);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  assertEquals(rig.x(A0), BigInt(3 * sum));
  // A page that was dropped and one that was not are changed: both changes count.
  for (const page of [0, pages - 1]) {
    rig.load("addi a0, a0, 2000", first + page * 4096 + 8 * (page % 500));
    sum += 2000 - constant(page);
  }
  rig.setX(A0, 0);
  rig.setX(17, 1);
  rig.start(DRAM);
  await rig.runTo(labels.get("end")!);
  assertEquals(rig.x(A0), BigInt(sum));
});
