import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { findKallsyms } from "../../../debugger/symbols/kallsyms.ts";
import { readModules } from "../../../debugger/symbols/kernel_modules.ts";

const SEED = 51;
const MEMORY_BYTES = 3 << 20;

/** Tables as scripts/kallsyms.c writes them: 700 names, so that there are three markers. */
function kernel() {
  const random = new Random(SEED);
  const names = Array.from(
    { length: 700 },
    (_, i) => `t${i === 5 ? "long_".repeat(40) : "name"}_${i}_${"x".repeat(random.below(9))}`,
  );
  // Token 1 stands for "name_"; the others, as far as they are characters, for themselves.
  const tokens = Array.from(
    { length: 256 },
    (_, i) => i === 1 ? "name_" : i >= 33 && i < 127 ? String.fromCharCode(i) : `?${i}`,
  );
  const bytes: number[] = [];
  const align = () => {
    while (bytes.length % 8 !== 0) bytes.push(0);
  };
  const u32 = (value: number) => {
    for (let i = 0; i < 32; i += 8) bytes.push(value >>> i & 255);
  };
  u32(names.length);
  align();
  const first = bytes.length;
  const markers: number[] = [];
  names.forEach((name, i) => {
    if (i % 256 === 0) markers.push(bytes.length - first);
    const coded = [...name.replace("name_", "\x01")].map((character) => character.charCodeAt(0));
    if (coded.length < 128) bytes.push(coded.length);
    else bytes.push(coded.length & 127 | 128, coded.length >> 7);
    bytes.push(...coded);
  });
  align();
  markers.forEach(u32);
  align();
  const starts: number[] = [];
  const tokensAt = bytes.length;
  for (const token of tokens) {
    starts.push(bytes.length - tokensAt);
    bytes.push(...[...token].map((character) => character.charCodeAt(0)), 0);
  }
  align();
  for (const start of starts) bytes.push(start & 255, start >> 8);
  align();
  names.forEach((_, i) => u32(0x1000 + 16 * i));
  align();
  const baseAt = bytes.length;
  bytes.push(0, 0, 0, 0x80, 255, 255, 255, 255);
  return { names, bytes: Uint8Array.from(bytes), baseAt };
}

const reader = (memory: Uint8Array) => (address: number, sizeBytes: number) =>
  address >= 0 && address + sizeBytes <= memory.length
    ? memory.subarray(address, address + sizeBytes)
    : undefined;

Deno.test("findKallsyms reads the tables wherever they are", () => {
  const { names, bytes, baseAt } = kernel();
  // Across the border of two chunks too.
  for (const at of [0x80000, (1 << 20) - 0x2000, 0x123458]) {
    const memory = new Random(SEED).bytes(MEMORY_BYTES);
    memory.set(bytes, at);
    const found = findKallsyms(reader(memory), 0, memory.length);
    assert(found !== undefined, `at ${at}`);
    assertEquals(found.baseAddress, at + baseAt);
    assertEquals(found.table.count, names.length);
    names.forEach((name, i) =>
      assertEquals(found.table.address(name.slice(1)), BigInt(0x1000 + 16 * i))
    );
  }
});

Deno.test(`findKallsyms finds nothing wrong in damaged tables (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const { names, bytes } = kernel();
  for (let i = 0; i < 200; i++) {
    const memory = new Uint8Array(200_000);
    memory.set(bytes, 80_000);
    for (let flips = 1 + random.below(4); flips > 0; flips--) {
      memory[80_000 + random.below(bytes.length)] = random.below(256);
    }
    const found = findKallsyms(reader(memory), 0, memory.length);
    assert(found === undefined || found.table.count <= names.length);
  }
  assertEquals(findKallsyms(reader(new Uint8Array(MEMORY_BYTES)), 0, MEMORY_BYTES), undefined);
});

Deno.test("readModules walks the list and reads each module's symbols", () => {
  const base = 0xffffffff01000000n;
  const memory = new Uint8Array(0x10000);
  const view = new DataView(memory.buffer);
  const read = (address: bigint, sizeBytes: number) =>
    reader(memory)(Number(address - base), sizeBytes);
  const put = (at: number, value: bigint) => view.setBigUint64(at, value, true);
  const text = (at: number, value: string) => memory.set(new TextEncoder().encode(value), at);
  put(0, base + 0x1008n); // modules.next: the list of the first module
  put(0x1008, base + 0x3008n);
  text(0x1018, "virtio_blk");
  put(0x3008, base); // the last one: back to the head
  text(0x3018, "stripped");
  put(0x1200, base + 0x5000n); // symtab, num_symtab, strtab, typetab
  put(0x1208, 2n);
  put(0x1210, base + 0x5030n);
  put(0x1218, base + 0x5050n);
  view.setUint32(0x5018, 1, true); // st_name
  memory[0x501c] = 2; // a local function
  view.setUint16(0x501e, 7, true); // st_shndx
  put(0x5020, base + 0x8000n);
  put(0x5028, 0x40n);
  text(0x5031, "virtblk_done");
  const modules = readModules(read, base);
  assertEquals(modules.map(({ name }) => name), ["virtio_blk", "stripped"]);
  assertEquals(modules[0].table.nearest(base + 0x8010n), { name: "virtblk_done", offset: 16n });
  // A list that is damaged, or goes in circles, ends.
  put(0x3008, base + 0x1008n);
  assert(readModules(read, base).length <= 512);
  put(0x3008, 5n);
  assertEquals(readModules(read, base).length, 2);
});
