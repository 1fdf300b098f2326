/** Bytes that wait for a serial device. */
import { assertEquals } from "@std/assert";
import { Random } from "../../core/random.ts";
import { ByteBacklog } from "../../devices/byte_backlog.ts";

Deno.test("ByteBacklog gives back what it was given, whatever the pieces", () => {
  const random = new Random(11);
  const text = random.bytes(5000);
  let backlog = new ByteBacklog("uart0");
  let [given, taken] = [0, 0];
  while (taken < text.length) {
    const piece = text.slice(given, given + random.below(200));
    backlog.push(piece);
    given += piece.length;
    const bytes = backlog.take(random.below(180));
    assertEquals(bytes, text.slice(taken, taken + bytes.length));
    taken += bytes.length;
    assertEquals(backlog.sizeBytes, given - taken);
    assertEquals(backlog.save(), text.slice(taken, given));
    if (random.below(4) === 0) {
      const other = new ByteBacklog("uart0");
      other.restore(backlog.save());
      backlog = other;
    }
  }
});
