/** The generator behind everything that a machine chooses. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Random, seedFor } from "../../core/random.ts";

Deno.test("Random goes on from its state with the same sequence", () => {
  for (const seed of [0, 1, -1, 0x7fff_ffff, 0xdead_beef | 0]) {
    const first = new Random(seed);
    for (let i = 0; i < 100; i++) first.next();
    const second = new Random(first.state);
    for (let i = 0; i < 100; i++) assertEquals(second.next(), first.next(), `seed ${seed}`);
  }
});

Deno.test("Random gives what it always gave: recordings depend on it", () => {
  // Computed apart from it: SplitMix32 with exact integers.
  const reference = (state: bigint) => {
    const mask = 0xffff_ffffn;
    let z = state = state + 0x9e3779b9n & mask;
    z = (z ^ z >> 16n) * 0x21f0aaadn & mask;
    z = (z ^ z >> 15n) * 0x735a2d97n & mask;
    return { state, value: Number(z ^ z >> 15n) };
  };
  const random = new Random(12345);
  let state = 12345n;
  for (let i = 0; i < 1000; i++) {
    const step = reference(state);
    state = step.state;
    assertEquals(random.next(), step.value, `step ${i}`);
  }
});

Deno.test("below() stays below its bound and reaches all of a small one", () => {
  const random = new Random(7);
  for (const bound of [1, 2, 3, 10, 1000, 2 ** 31, 2 ** 32]) {
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const value = random.below(bound);
      assert(Number.isInteger(value) && value >= 0 && value < bound, `${value} below ${bound}`);
      seen.add(value);
    }
    if (bound <= 10) assertEquals(seen.size, bound);
  }
});

Deno.test("bytes() has the length asked for and all values", () => {
  assertEquals(new Random(1).bytes(0).length, 0);
  assertEquals(new Set(new Random(1).bytes(10_000)).size, 256);
});

Deno.test("seedFor() tells names and seeds apart", () => {
  const seeds = new Set<number>();
  for (const name of ["scheduler", "disk0", "disk1", "rng0", ""]) {
    for (const seed of [0, 1, 2, -1]) {
      assertEquals(seedFor(seed, name), seedFor(seed, name) | 0, "32 bits, signed");
      seeds.add(seedFor(seed, name));
    }
  }
  assertEquals(seeds.size, 20);
  assertNotEquals(seedFor(1, "ab"), seedFor(1, "ba"));
});
