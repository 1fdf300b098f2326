/** Labels and cases belong together; a few cases are judged, and judged the same when there is nothing to read. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { CORPUS } from "./corpus.ts";
import { withoutNames, withoutPlan } from "./disguise.ts";
import { judge } from "./judge.ts";
import { DEBIAN } from "./rows/debian.ts";
import { LABELLED, labelOf, score } from "./score.ts";
import { record, type Specimen } from "./specimen.ts";

const SEED = 5;
const SAMPLE = 4;
/** Without `pocket`, which takes longest. */
function sample(): Specimen[] {
  const random = new Random(SEED);
  const cases = CORPUS.filter(({ job }) => job !== undefined);
  return Array.from({ length: SAMPLE }, () => {
    const [low, high] = random.bytes(2);
    return cases[(low | high << 8) % cases.length];
  });
}

Deno.test("every case has a label, and every label a case", () => {
  const names = [...CORPUS, ...DEBIAN].map(({ name }) => name);
  assertEquals(names.toSorted(), [...LABELLED].sort());
  assert(names.filter((name) => labelOf(name).bystander).length >= 8);
});

for (const specimen of sample()) {
  Deno.test(`seed ${SEED}: ${specimen.name} is on the side that its label names`, async () => {
    const seen = score(specimen.name, await judge(await record(specimen)));
    assertEquals([seen.side, seen.isInnocentConvicted], [seen.label.side, false], seen.text);
  });

  Deno.test(`seed ${SEED}: ${specimen.name} is on no other side with nothing to read`, async () => {
    const dressed = await record(specimen, (elf) => withoutNames(elf, SEED));
    const seen = score(specimen.name, await judge(withoutPlan(dressed)));
    assertEquals([seen.side, seen.isInnocentConvicted], [seen.label.side, false], seen.text);
  });
}
