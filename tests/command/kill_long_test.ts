/** As in record_test.ts, many times. */
import { assert } from "@std/assert";
import { killLabs, killRecordings } from "./kill.ts";

Deno.test("100 recording processes that are killed leave files that verify", async () => {
  const cycles = await killRecordings({ seed: 22, count: 100 });
  assert(new Set(cycles).size > 50, `${cycles}`);
});

Deno.test("30 processes that record a lab and are killed leave files that verify", async () => {
  const cycles = await killLabs({ seed: 23, count: 30, lifeMs: 2500 });
  assert(new Set(cycles).size > 15, `${cycles}`);
});
