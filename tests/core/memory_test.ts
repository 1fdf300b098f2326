/** RAM as devices see it, and its digest. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import xxhash from "xxhash-wasm";
import { Random } from "../../core/random.ts";
import { DRAM, MEMORY_BYTES, Rig } from "./hart/rig.ts";

const END = DRAM + MEMORY_BYTES;

Deno.test("Ram takes nothing that does not lie in it whole, and changes nothing then", async () => {
  const { machine: { memory } } = await Rig.create();
  for (
    const [address, sizeBytes] of [
      [DRAM - 1, 1],
      [DRAM - 1, 2],
      [END - 1, 2],
      [END, 1],
      [0, 16],
      [0x1000, 16],
      [-1, 1],
      [DRAM, MEMORY_BYTES + 1],
      [2 ** 64, 1],
      [Number.MAX_SAFE_INTEGER, 8],
    ]
  ) {
    assertEquals(memory.view(address, sizeBytes), undefined, `${address}, ${sizeBytes} bytes`);
    if (sizeBytes > 16) continue;
    assertEquals(memory.write(address, new Uint8Array(sizeBytes).fill(0xff)), false);
  }
  assertEquals(memory.view(NaN, 1), undefined);
  assertEquals(memory.view(DRAM, -1), undefined);
  assert(memory.view(DRAM, MEMORY_BYTES)!.every((byte) => byte === 0));
});

Deno.test("Ram holds what is written, across pages and up to its last byte", async () => {
  const seed = 0x4a11;
  const random = new Random(seed);
  const { machine: { memory } } = await Rig.create();
  const model = new Uint8Array(MEMORY_BYTES);
  for (let n = 0; n < 300; n++) {
    const sizeBytes = random.below(n % 10 === 0 ? 20_000 : 200);
    const offset = n % 7 === 0
      ? MEMORY_BYTES - sizeBytes
      : random.below(MEMORY_BYTES - sizeBytes + 1);
    const bytes = random.bytes(sizeBytes);
    assert(memory.write(DRAM + offset, bytes));
    model.set(bytes, offset);
  }
  assertEquals(memory.view(DRAM, MEMORY_BYTES), model, `seed ${seed}`);
  assertEquals(memory.view(END, 0)?.length, 0);
});

Deno.test("a page's hash is the library's XXH64 of it", async () => {
  const { h64Raw } = await xxhash();
  const seed = 0x6a5;
  const random = new Random(seed);
  const { machine } = await Rig.create();
  const hashes = new Set<bigint>();
  for (let n = 0; n < 200; n++) {
    const page = random.below(MEMORY_BYTES / 4096);
    const bytes = random.bytes(4096);
    // Words of ones and of zeros too, where sums wrap or vanish.
    bytes.fill(n % 2 === 0 ? 0xff : 0, 0, random.below(3) * 2048);
    machine.memory.write(DRAM + page * 4096, bytes);
    assertEquals(machine.engine.pageHash(page), h64Raw(bytes), `round ${n}, seed ${seed}`);
    assert(machine.takeWrittenPages().includes(page));
    assertEquals(machine.pageHash(page), h64Raw(bytes), `round ${n}, seed ${seed}`);
    hashes.add(h64Raw(bytes));
  }
  assert(hashes.size > 100);
});

Deno.test("a page is named once, and again once it is written again", async () => {
  const { machine } = await Rig.create();
  const write = (page: number) => machine.memory.write(DRAM + page * 4096, Uint8Array.of(1 + page));
  machine.takeWrittenPages();
  for (const page of [3, 5, 3]) write(page);
  const before = machine.digest();
  write(5);
  assertEquals([...machine.takeWrittenPages()].sort(), [3, 5]);
  assertEquals(machine.takeWrittenPages(), []);
  machine.pageHash(5);
  write(5);
  assertEquals(machine.takeWrittenPages(), [5]);
  assertEquals(machine.digest(), before);
  machine.memory.write(DRAM + 5 * 4096, Uint8Array.of(7));
  machine.pageHash(3);
  assertNotEquals(machine.digest(), before);
});

Deno.test("the digest follows guest stores, in fast and slow paths, across digests", async () => {
  const rig = await Rig.create();
  // It stores to the same address again and again: by then without leaving the interpreter.
  rig.load("loop: addi a1, a1, 1\nsd a1, 0(a2)\nsb a1, 2047(a3)\nj loop");
  rig.setX(12, DRAM + 0x8000);
  rig.setX(13, DRAM + 0x20_0000);
  rig.start(DRAM);
  const seen = new Set<string>();
  for (let n = 0; n < 50; n++) {
    await rig.run(4 * 25);
    // The registers are the same as before but for a1: put it back, so that only RAM differs.
    const a1 = rig.x(11);
    const { cycle } = rig.machine;
    rig.machine.restore({ ...rig.machine.save(), cycle: 400 });
    rig.setX(11, 0);
    rig.set("retired", 0);
    seen.add(rig.machine.digest());
    rig.machine.restore({ ...rig.machine.save(), cycle });
    rig.setX(11, a1);
  }
  assertEquals(seen.size, 50);
});

Deno.test("the digest is of what memory holds, not of how it came to", async () => {
  const [a, b] = [await Rig.create(), await Rig.create()];
  const random = new Random(3);
  const [x, y] = [random.bytes(5000), random.bytes(5000)];
  a.write(DRAM + 100, x);
  a.machine.digest();
  a.write(DRAM + 0x10_0000, y);
  b.write(DRAM + 0x10_0000, y.map((byte) => byte ^ 1));
  assertNotEquals(a.machine.digest(), b.machine.digest());
  b.write(DRAM + 0x10_0000, y);
  b.machine.digest();
  b.write(DRAM + 100, x);
  assertEquals(a.machine.digest(), b.machine.digest());
  // Pages swapped are not the same memory.
  const view = b.machine.memory.view(DRAM, 4096)!.slice();
  b.write(DRAM, new Uint8Array(4096));
  b.write(DRAM + 0x30_0000, view);
  assertNotEquals(a.machine.digest(), b.machine.digest());
});
