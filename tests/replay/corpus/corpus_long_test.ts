/** All cases: no innocent event is convicted, and no fewer verdicts are right than were. */
import { assert, assertEquals } from "@std/assert";
import { CORPUS } from "./corpus.ts";
import { judge } from "./judge.ts";
import { type Score, score } from "./score.ts";
import { record } from "./specimen.ts";

/** Of the sides. Of 100 cases 86 were right when they were first judged. */
const RIGHT_MIN = 0.86;

Deno.test("triage is right about the labelled cases, and convicts no bystander", async () => {
  const scores: Score[] = [];
  for (const specimen of CORPUS) {
    scores.push(score(specimen.name, await judge(await record(specimen))));
  }
  const convicted = scores.filter(({ isInnocentConvicted }) => isInnocentConvicted);
  assertEquals(convicted.map(({ name }) => name), []);
  const wrong = scores.filter(({ isRight }) => !isRight).map(({ name, side }) =>
    `${name}: ${side}`
  );
  assert(wrong.length <= (1 - RIGHT_MIN) * scores.length, wrong.join("\n"));
});
