/** As reader_test.ts, with many more damaged files. */
import { assert } from "@std/assert";
import { fuzz } from "./fuzz.ts";
import { shortLab, shortRecording } from "./mutations.ts";

for (const [what, sample] of [["a recording", shortRecording], ["a lab", shortLab]] as const) {
  Deno.test(`50,000 mutations of ${what} are refused, or are the truth up to the damage`, async () => {
    const outcomes = await fuzz(await sample(), { seed: 2, count: 50_000, replays: 1500 });
    console.log(JSON.stringify(outcomes));
    for (const [what, count] of Object.entries(outcomes)) assert(count > 20, `${what}: ${count}`);
  });
}
