/** Bytes that wait for a serial device. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../core/random.ts";
import { BACKLOG_BYTES_MAX, ByteBacklog } from "../../devices/byte_backlog.ts";

Deno.test("ByteBacklog gives back what it was given, whatever the pieces", () => {
  const random = new Random(11);
  const text = random.bytes(5000);
  let backlog = new ByteBacklog();
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
      const other = new ByteBacklog();
      other.restore(backlog.save());
      backlog = other;
    }
  }
});

Deno.test("ByteBacklog takes what it has room for, and says when that was not all", () => {
  const backlog = new ByteBacklog();
  assert(backlog.push(new Uint8Array(BACKLOG_BYTES_MAX - 2)));
  assert(!backlog.push(Uint8Array.of(1, 2, 3)));
  assert(!backlog.push(Uint8Array.of(4)));
  assert(backlog.push(new Uint8Array(0)));
  assertEquals(backlog.sizeBytes, BACKLOG_BYTES_MAX);
  backlog.take(BACKLOG_BYTES_MAX - 2);
  assertEquals(backlog.take(10), Uint8Array.of(1, 2));
});
