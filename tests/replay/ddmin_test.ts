/** ddmin() finds a subset that fails, and that does not without any one of its items. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ddmin } from "../../replay/ddmin.ts";

Deno.test("ddmin() is 1-minimal, keeps the order, and asks about no set twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      // Any of these sets makes it fail; the whole does.
      fc.array(fc.uniqueArray(fc.nat(39), { maxLength: 5 }), { minLength: 1, maxLength: 3 }),
      async (count, causes) => {
        const all = Array.from({ length: count }, (_, item) => item);
        const sets = causes.map((cause) => cause.map((item) => item % count));
        const isFailing = (items: readonly number[]) =>
          sets.some((cause) => cause.every((item) => items.includes(item)));
        const asked = new Set<string>();
        const found = await ddmin(all, (items) => {
          assert(!asked.has(items.join()), `asked twice: ${items}`);
          asked.add(items.join());
          return Promise.resolve(isFailing(items));
        });
        assert(isFailing(found));
        for (const item of found) assert(!isFailing(found.filter((it) => it !== item)), `${item}`);
        assertEquals(found, found.toSorted((a, b) => a - b));
      },
    ),
    { seed: 5, numRuns: 500 },
  );
});

Deno.test("ddmin() of what fails by itself is nothing, and of one cause that one", async () => {
  assertEquals(await ddmin(["a", "b"], () => Promise.resolve(true)), []);
  const only = (items: readonly string[]) => Promise.resolve(items.includes("b"));
  assertEquals(await ddmin(["a", "b", "c"], only), ["b"]);
  assertEquals(await ddmin(["b"], only), ["b"]);
});
