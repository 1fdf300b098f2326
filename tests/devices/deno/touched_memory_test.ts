import { assert, assertEquals } from "@std/assert";
import { TouchedMemory, touchPages } from "../../../devices/deno/touched_memory.ts";

Deno.test("TouchedMemory gives out each byte once, and has memory touched before it is given out", () => {
  const touched = new Set<ArrayBufferLike>();
  const buffers = new TouchedMemory((memory) => touched.add(memory));
  const taken: Uint8Array[] = [];
  const sizes = [512, 4096, 2 ** 20, 2 ** 19, 5 * 2 ** 20, 512, 2 ** 22, 4096];
  sizes.forEach((sizeBytes, index) => {
    const bytes = buffers.take(sizeBytes);
    assertEquals(bytes.length, sizeBytes);
    assert(bytes.every((byte) => byte === 0));
    taken.push(bytes.fill(index + 1));
  });
  taken.forEach((bytes, index) => assert(bytes.every((byte) => byte === index + 1)));
  const beforehand = taken.filter(({ buffer }) => touched.has(buffer));
  // All but those of the first slab, and the one that no slab could hold.
  assertEquals(
    beforehand.map(({ length }) => length),
    sizes.filter((_, i) => ![0, 1, 4].includes(i)),
  );
});

Deno.test("touchPages() leaves what is there", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(3 * 4096));
  bytes.forEach((_, at) => bytes[at] = at);
  const before = bytes.slice();
  touchPages(bytes.buffer);
  assertEquals([...bytes], [...before]);
});
