/** Verdicts as people read them, and as programs do. */
import type { Findings } from "../../replay/attribution.ts";
import type { Failure } from "../../replay/failures/failure.ts";
import type { CountedBreach } from "../../replay/linter/linter.ts";
import type { Verdict } from "../../replay/verdict.ts";

/** The shape of `--json`. */
export function findingsJson({ failures, verdicts }: Findings) {
  return {
    failures: failures.map(({ cycle, hart, pc, kind, message }) => ({
      cycle,
      hart: hart ?? null,
      pc: pc === undefined ? null : `0x${pc.toString(16)}`,
      kind,
      message,
    })),
    verdicts,
  };
}

/** @param describe names an address */
export function findingsText(
  path: string,
  { failures, verdicts }: Findings,
  breaches: readonly CountedBreach[],
  describe: (address: bigint) => string,
): string {
  const lines = [`${path}: ${counted(failures.length, "failure")}`];
  for (const verdict of verdicts) {
    lines.push("", ...verdictLines(verdict, failures[verdict.failure], describe));
  }
  lines.push("", `rules that the guest broke: ${breaches.length || "none"}`);
  for (const { cycle, device, rule, text, count } of breaches) {
    lines.push(`  ${cycle}  ${device}: ${text} (${rule})${count > 1 ? `, ${count} times` : ""}`);
  }
  return lines.join("\n") + "\n";
}

function verdictLines(verdict: Verdict, failure: Failure, describe: (address: bigint) => string) {
  const { side, origin, response, responsibility, grade, trigger, counterfactual } = verdict;
  const { cycle, hart, pc, kind, message } = failure;
  const where = [
    `cycle ${cycle}`,
    ...(hart === undefined ? [] : [`hart ${hart}`]),
    ...(pc === undefined ? [] : [describe(pc)]),
  ].join(", ");
  return [
    `${verdict.failure + 1}. ${kind}: ${message}`,
    `   at ${where}`,
    `   side: ${side} (${origin}), grade ${grade}; responsible: ${responsibility}; ` +
    `the guest's response: ${response}`,
    ...(trigger
      ? [
        `   trigger: cycle ${trigger.cycle}, ${trigger.device}: ${trigger.what}` +
        (trigger.event === null ? "" : ` (${trigger.event})`),
      ]
      : []),
    ...(counterfactual
      ? [`   replayed without ${counterfactual.removed.join(", ")}: ${counterfactual.outcome}`]
      : []),
    "   what happened:",
    ...verdict.chain.flatMap(({ cycle, what, command }) => [
      `     ${cycle}  ${what}`,
      `       $ ${command}`,
    ]),
    "   assuming that",
    ...verdict.assumptions.map((text) => `     - ${text}`),
  ];
}

function counted(count: number, what: string): string {
  return `${count || "no"} ${what}${count === 1 ? "" : "s"}`;
}
