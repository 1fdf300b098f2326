import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { Disk } from "../../../devices/virtio/disk.ts";

const SIZE_BYTES = 40 * 4096 + 1536; // ends within a block

Deno.test("Disk summary() is what it has always been: recordings hold it in their digests", () => {
  const disk = new Disk(SIZE_BYTES);
  assertEquals(disk.summary(), { version: 1, base: 0, overlay: 0, low: 0, high: 0 });
  const random = new Random(7);
  disk.learn(3 * 4096, random.bytes(5 * 4096));
  disk.learn(39 * 4096, random.bytes(4096 + 1536));
  disk.write(4 * 4096 + 512, random.bytes(2 * 4096));
  disk.write(4 * 4096, random.bytes(1024));
  disk.write(20 * 4096, random.bytes(4096));
  // As computed by version 1 of the state, block by block as they came.
  const [low, high] = [1272801379, 3977341481];
  assertEquals(disk.summary(), { version: 1, base: 7, overlay: 4, low, high });
});

Deno.test("Disk is the same whenever it is saved, restored and asked for its summary()", () => {
  for (let seed = 0; seed < 10; seed++) {
    const [often, once] = [new Disk(SIZE_BYTES), new Disk(SIZE_BYTES)];
    const random = new Random(seed);
    const saved = [once.save()];
    for (let n = 0; n < 60; n++) {
      const block = random.below(40);
      const bytes = random.bytes(4096 * (1 + random.below(Math.min(6, 40 - block))));
      const act = random.below(3);
      for (const disk of [often, once]) {
        if (act === 0) disk.learn(block * 4096, bytes);
        else disk.write(block * 4096 + 512 * (act - 1), bytes.subarray(0, bytes.length - 512));
      }
      if (random.below(3) === 0) often.summary();
      if (random.below(3) === 0) saved.push(often.save());
      if (random.below(8) > 0) continue;
      const state = saved[random.below(saved.length)];
      for (const disk of [often, once]) disk.restore(state);
    }
    assertEquals(often.summary(), once.summary(), `seed ${seed}`);
    const restored = new Disk(SIZE_BYTES);
    restored.restore(once.save());
    assertEquals(restored.summary(), once.summary(), `seed ${seed}`);
    assertEquals(often.save(), restored.save(), `seed ${seed}`);
    assert(often.save().base === often.save().base, "shared while nothing changes");
  }
});

Deno.test("Disk.restore refuses a block that no disk has", () => {
  const bytes = new Uint8Array(4096);
  const none = { version: 1, base: [], overlay: [] } as const;
  const wrong = [
    ...[-1, 0.5, NaN, 41].map((number) => ({ ...none, base: [number, bytes] })),
    ...[-1, 1.5, 256, NaN].map((sectors) => ({ ...none, overlay: [0, sectors, bytes] })),
    { ...none, base: [0, bytes.subarray(1)] },
  ];
  for (const state of wrong) {
    assertThrows(() => new Disk(SIZE_BYTES).restore(state), RangeError, "none of a disk");
  }
});
