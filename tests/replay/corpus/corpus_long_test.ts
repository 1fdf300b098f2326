/** All cases: no innocent event is convicted, and no fewer verdicts are right than were. */
import { assert, assertEquals } from "@std/assert";
import { CORPUS } from "./corpus.ts";
import { withoutNames, withoutPlan } from "./disguise.ts";
import { judge } from "./judge.ts";
import { type Score, score } from "./score.ts";
import { record, type Specimen } from "./specimen.ts";

/** Of the sides. */
const RIGHT_MIN = 0.95;

const SEED = 3;

const judged = {
  "triage is right about the labelled cases, and convicts no bystander": async (it: Specimen) =>
    await judge(await record(it)),
  "and so it is with nothing to read": async (it: Specimen) =>
    await judge(withoutPlan(await record(it, (elf) => withoutNames(elf, SEED)))),
};

for (const [name, judgement] of Object.entries(judged)) {
  Deno.test(name, async () => {
    const scores: Score[] = [];
    for (const specimen of CORPUS) scores.push(score(specimen.name, await judgement(specimen)));
    const convicted = scores.filter(({ isInnocentConvicted }) => isInnocentConvicted);
    assertEquals(convicted.map(({ name }) => name), []);
    const wrong = scores.filter(({ isRight }) => !isRight).map(({ name, side }) =>
      `${name}: ${side}`
    );
    assert(wrong.length <= (1 - RIGHT_MIN) * scores.length, wrong.join("\n"));
  });
}
