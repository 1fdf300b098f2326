/** As reader_test.ts, with many more damaged files. */
import { assert } from "@std/assert";
import { fuzz } from "./mutations.ts";

Deno.test("50,000 mutations are refused, or are the truth up to the damage", async () => {
  const outcomes = await fuzz(2, 50_000, 1000);
  assert(outcomes.refused > 1000 && outcomes.read > 1000, JSON.stringify(outcomes));
  console.log(JSON.stringify(outcomes));
});
