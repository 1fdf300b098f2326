/** A table of blocks is a Map of them. */
import { assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { BlockTable } from "../../../devices/virtio/block_table.ts";

Deno.test("a table answers as a Map does, for blocks near each other and far apart", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const table = new BlockTable<{ readonly n: number }>();
    const map = new Map<number, { readonly n: number }>();
    let block = 0;
    for (let n = 0; n < 3000; n++) {
      const far = [0, 31, 32, 2 ** 31 - 1, 2 ** 31, 2 ** 40][random.below(6)];
      block = random.below(4) > 0 ? block + 1 : far + random.below(200);
      const value = { n };
      if (random.below(5) > 0) {
        table.set(block, value);
        map.set(block, value);
      } else {
        table.delete(block - 1);
        map.delete(block - 1);
      }
      for (const asked of [block, block - 1, block + 32, far]) {
        if (asked < 0) continue;
        assertEquals(table.get(asked), map.get(asked), `seed ${seed}, block ${asked}`);
        assertEquals(table.has(asked), map.has(asked));
      }
      assertEquals(table.size, map.size, `seed ${seed}`);
    }
    assertEquals([...table.numbers()], [...map.keys()].sort((a, b) => a - b), `seed ${seed}`);
  }
});
