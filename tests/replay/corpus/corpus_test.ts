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
/** Where verdict and label differ: see `deno task triage:matrix`. */
const OPEN = [
  "disk/answer-comes-too-late",
  "nic/late-interrupt",
  "nic/link-down",
  "timer/hart-withheld",
  "timer/tick-count-flips",
  "timer/disarmed",
  "cpu/withheld-past-a-deadline",
  "cpu/stack-pointer-flips",
  "console/late-interrupt",
  "platform/spurious-interrupt",
  "platform/late-disk-interrupt",
  "whole/task-list-flips",
];

/**
 * Without those that are open, and without `pocket`, which takes longest. What
 * came from outside is found by the trap that it led to, and that by the name of its handler: where
 * there are no names, triage sees no more than that the guest gave up.
 */
function sample(): Specimen[] {
  const random = new Random(SEED);
  const cases = CORPUS.filter(({ name, job }) =>
    job !== undefined && ["host", "guest", "none"].includes(labelOf(name).side) &&
    !OPEN.includes(name)
  );
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
