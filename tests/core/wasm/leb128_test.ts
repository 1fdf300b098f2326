import { assertEquals } from "@std/assert";
import { signed, signed32, unsigned } from "../../../core/wasm/leb128.ts";

Deno.test("unsigned(), signed() and signed32() are LEB128 of the shortest length", () => {
  const cases: readonly [number, string][] = [
    [0, "00"],
    [127, "7f"],
    [128, "80 01"],
    [16383, "ff 7f"],
    [16384, "80 80 01"],
    [2 ** 32 - 1, "ff ff ff ff 0f"],
    [2 ** 32, "80 80 80 80 10"],
    [2 ** 53 - 1, "ff ff ff ff ff ff ff 0f"],
  ];
  const hex = (bytes: readonly number[]) =>
    bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  for (const [value, text] of cases) assertEquals(hex(unsigned(value)), text);
  const bigs: readonly [bigint, string][] = [
    [0n, "00"],
    [63n, "3f"],
    [64n, "c0 00"],
    [-1n, "7f"],
    [-64n, "40"],
    [-65n, "bf 7f"],
    [-128n, "80 7f"],
    [(1n << 63n) - 1n, "ff ff ff ff ff ff ff ff ff 00"],
    [-(1n << 63n), "80 80 80 80 80 80 80 80 80 7f"],
  ];
  for (const [value, text] of bigs) {
    assertEquals(hex(signed(value)), text);
    if (BigInt.asIntN(32, value) === value) assertEquals(hex(signed32(Number(value))), text);
  }
  assertEquals(hex(signed32(-(2 ** 31))), hex(signed(-(2n ** 31n))));
});
