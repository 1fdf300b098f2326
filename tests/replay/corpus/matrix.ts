/**
 * `deno task triage:matrix [--debian] [--disguised] [NAME…]`: records the labelled cases, judges them as
 * `hindsight triage` does, and prints how the verdicts stand to the labels. A NAME is the beginning of a
 * case's name; disguised, there is nothing in a case that could be read.
 */
import Table from "cli-table3";
import { prepareGuest } from "../../../command/guest.ts";
import { CORPUS } from "./corpus.ts";
import { debianScores } from "./debian_scores.ts";
import { withoutNames, withoutPlan } from "./disguise.ts";
import { judge } from "./judge.ts";
import { DEBIAN } from "./rows/debian.ts";
import { type LabelledSide, type Score, score } from "./score.ts";
import { record, type Specimen } from "./specimen.ts";

const DISGUISED = "--disguised";
/** The cases on Debian instead of those on our own kernel. */
const ON_DEBIAN = "--debian";
const SEED = 1;

const SIDES: readonly LabelledSide[] = [
  "host",
  "guest",
  "external",
  "configuration",
  "emulator",
  "none",
];
const GRADES = ["A", "B", "C", "0"] as const;

export function matrixText(scores: readonly Score[]): string {
  const table = new Table({
    head: ["side / verdict", ...SIDES, "unknown"],
    style: { head: [], border: [] },
  });
  for (const side of SIDES) {
    const row = scores.filter(({ label }) => label.side === side);
    if (row.length === 0) continue;
    const counts = [...SIDES, "unknown"].map((verdict) =>
      row.filter((it) => it.side === verdict).length
    );
    table.push([side, ...counts]);
  }
  const decided = scores.filter(({ side }) => side !== "unknown");
  const right = scores.filter(({ isRight }) => isRight);
  const hosts = right.filter(({ side }) => side === "host");
  const responsible = right.filter((it) => it.responsibility === it.label.responsibility);
  const bystanders = scores.filter(({ label }) => label.bystander);
  const convicted = bystanders.filter(({ isInnocentConvicted }) => isInnocentConvicted);
  const grades = (of: readonly Score[]) =>
    GRADES.map((grade) => `${grade} ${of.filter((it) => it.grade === grade).length}`).join(", ");
  return [
    table.toString(),
    `right side: ${right.length} of ${scores.length} (${percent(right.length, scores.length)}); ` +
    `unknown: ${scores.length - decided.length}`,
    `right side and responsibility: ${responsible.length} of ${right.length}`,
    `grades: host's side, rightly: ${grades(hosts)}; all: ${grades(scores)}`,
    `bystanders: ${bystanders.length}; convicted at A or B: ${convicted.length}`,
    ...scores.filter((it) =>
      !it.isRight || it.isInnocentConvicted || it.responsibility !== it.label.responsibility
    ).flatMap(wrongLines),
  ].join("\n") + "\n";
}

function wrongLines({ name, label, side, responsibility, grade, text }: Score): string[] {
  return [
    `${name}: is ${label.side}, responsible ${label.responsibility}${
      label.bystander ? " (bystander)" : ""
    }; judged ${side}, responsible ${responsibility}, grade ${grade}`,
    `  ${text}`,
  ];
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "none" : `${(part / whole * 100).toFixed(1)} %`;
}

async function* scoresOf(specimens: readonly Specimen[], isDisguised: boolean) {
  for (const specimen of specimens) {
    const recorded = isDisguised
      ? withoutPlan(await record(specimen, (elf) => withoutNames(elf, SEED)))
      : await record(specimen);
    yield score(specimen.name, await judge(recorded));
  }
}

if (import.meta.main) {
  const flags = [DISGUISED, ON_DEBIAN];
  const isDisguised = Deno.args.includes(DISGUISED);
  const prefixes = Deno.args.filter((argument) => !flags.includes(argument));
  const wanted = ({ name }: { name: string }) =>
    prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix));
  const scores: Score[] = [];
  let start = performance.now();
  const judged = Deno.args.includes(ON_DEBIAN)
    ? debianScores(await prepareGuest(), DEBIAN.filter(wanted), isDisguised)
    : scoresOf(CORPUS.filter(wanted), isDisguised);
  for await (const it of judged) {
    scores.push(it);
    const end = performance.now();
    console.error(`${it.name}: ${((end - start) / 1000).toFixed(1)} s`);
    start = end;
  }
  console.log(matrixText(scores));
}
