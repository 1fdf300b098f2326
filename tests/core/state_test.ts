/** Canonical bytes of states. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { encodeState, requireVersion } from "../../core/state.ts";

Deno.test("encodeState does not depend on the order of fields", () => {
  assertEquals(encodeState({ a: 1, b: [true, 2n] }), encodeState({ b: [true, 2n], a: 1 }));
});

Deno.test("encodeState has every field of names that begin or end alike, in any turn", () => {
  const values = [{ a: 1, c: 3 }, { b: 2, c: 3 }, { b: 2, a: 1, c: 3 }, { a: 1, b: 2, c: 3 }];
  const encoded = [...values, ...values].map((value) => encodeState(value).join());
  assertEquals(encoded.slice(4), encoded.slice(0, 4));
  assertEquals(encoded[2], encoded[3]);
  assertEquals(new Set(encoded).size, 3);
  assertEquals(encoded[3], encodeState({ c: 3, b: 2, a: 1 }).join());
});

Deno.test("encodeState tells values apart that look alike", () => {
  const values = [undefined, false, 0, 0n, "", "0", new Uint8Array(0), [], {}, [0], { a: 0 }, -0];
  for (let i = 0; i < values.length; i++) {
    for (let j = 0; j < i; j++) {
      assertNotEquals(encodeState(values[i]).join(), encodeState(values[j]).join());
    }
  }
});

Deno.test("encodeState holds values of any size, wherever its buffer has to grow", () => {
  for (let padding = 8160; padding < 8200; padding++) {
    const value = [new Uint8Array(padding), 0x1234_5678, true, "text", 5n];
    const bytes = encodeState(value);
    const short = encodeState(value.slice(1));
    // tag and count of the array, tag and count and bytes of the padding, then all the rest alike
    assertEquals(bytes.subarray(10 + padding), short.subarray(5), `padding ${padding}`);
  }
});

Deno.test("requireVersion names the component and both versions", () => {
  assertThrows(() => requireVersion({ version: 3 }, 1, "uart0"), RangeError, `"uart0"`);
});
