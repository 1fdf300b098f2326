/** Verdicts held against labels, which triage never sees. */
import type { Findings } from "../../../replay/attribution.ts";
import type { Grade, Side } from "../../../replay/verdict.ts";
import labels from "./labels.json" with { type: "json" };
import { leading } from "./judge.ts";

/** `none`: nothing fails. */
export type LabelledSide = Side | "none";

export interface Label {
  readonly side: LabelledSide;
  readonly responsibility: LabelledSide;
  /** There are faults, and none of them is the cause. */
  readonly bystander?: boolean;
}

export interface Score {
  readonly name: string;
  readonly label: Label;
  readonly side: LabelledSide;
  readonly responsibility: LabelledSide;
  readonly grade: Grade;
  readonly isRight: boolean;
  /** A host's event is convicted on good evidence, though it has nothing to do with it. */
  readonly isInnocentConvicted: boolean;
  /** What was found, for whoever wonders. */
  readonly text: string;
  /** What the guest made of it, and how it went. */
  readonly story: string;
}

const LABELS: Readonly<Record<string, Label>> = labels as Record<string, Label>;

export function labelOf(name: string): Label {
  const label = LABELS[name];
  if (label === undefined) throw new RangeError(`labels.json has no "${name}"`);
  return label;
}

/** The names of all labels. */
export const LABELLED = Object.keys(LABELS);

export function score(name: string, findings: Findings): Score {
  const label = labelOf(name);
  const verdict = leading(findings);
  const { failures, verdicts } = findings;
  const { side, responsibility, grade } = verdict ??
    { side: "none", responsibility: "none", grade: "0" } as const;
  const isInnocentConvicted = label.bystander === true &&
    verdicts.some((it) =>
      failures[it.failure].kind !== "io-error" && it.side === "host" && "AB".includes(it.grade)
    );
  const text = verdict === undefined
    ? "no failure"
    : `${failures[verdict.failure].kind}: ${failures[verdict.failure].message}; ` +
      `trigger: ${verdict.trigger?.what ?? "none"}; outcome: ${
        verdict.counterfactual?.outcome ?? "not asked"
      }`;
  const story = [verdict?.response, ...verdict?.chain.map(({ what }) => what) ?? []].join("; ");
  const isRight = side === label.side;
  return { name, label, side, responsibility, grade, isRight, isInnocentConvicted, text, story };
}
