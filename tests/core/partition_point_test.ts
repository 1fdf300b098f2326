import { assertEquals } from "@std/assert";
import { partitionPoint } from "../../core/partition_point.ts";

Deno.test("partitionPoint() counts those before the others, and asks few", () => {
  for (const count of [0, 1, 2, 3, 7, 8, 1000]) {
    for (let before = 0; before <= count; before++) {
      let asked = 0;
      const isBefore = (index: number) => {
        asked++;
        return index < before;
      };
      assertEquals(partitionPoint(count, isBefore), before);
      assertEquals(asked <= Math.ceil(Math.log2(count + 1)), true, `${asked} of ${count}`);
    }
  }
  assertEquals(partitionPoint(2 ** 40, (index) => index < 2 ** 39 + 3), 2 ** 39 + 3);
});
