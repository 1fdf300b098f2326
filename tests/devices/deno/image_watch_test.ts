/** What is told of an image that changes, piece by piece. */
import { assertEquals } from "@std/assert";
import { ImageWatch } from "../../../devices/deno/image_watch.ts";

Deno.test("ImageWatch tells of a whole new image in several looks", () => {
  const sizeBytes = 1100 * 4096 - 512;
  const watch = new ImageWatch(sizeBytes);
  assertEquals(watch.read(0, new Uint8Array(sizeBytes)), []);
  const looks = [0, 1, 2].map(() =>
    watch.readAgain((_, bytes) => {
      bytes.fill(1);
      return true;
    })
  );
  const told = looks.map(({ changed, isAll }) => [
    changed.length,
    changed[0]?.offset,
    changed.reduce((sum, { bytes }) => sum + bytes.length, 0),
    isAll,
  ]);
  assertEquals(told, [
    [16, 0, 1024 * 4096, false],
    [2, 1024 * 4096, 76 * 4096 - 512, true],
    [0, undefined, 0, true],
  ]);
});
