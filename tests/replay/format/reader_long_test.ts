/** As reader_test.ts, with many more damaged files. */
import { assert } from "@std/assert";
import { fuzz } from "./fuzz.ts";

Deno.test("50,000 mutations are refused, or are the truth up to the damage", async () => {
  const outcomes = await fuzz(2, 50_000, 1000);
  console.log(JSON.stringify(outcomes));
  for (const [what, count] of Object.entries(outcomes)) assert(count > 20, `${what}: ${count}`);
});
