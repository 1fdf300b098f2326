/** As in record_test.ts, many times. */
import { assert } from "@std/assert";
import { killRecordings } from "./kill.ts";

Deno.test("100 recording processes that are killed leave files that verify", async () => {
  const cycles = await killRecordings({ seed: 22, count: 100 });
  assert(new Set(cycles).size > 50, `${cycles}`);
});
