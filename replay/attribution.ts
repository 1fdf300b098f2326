/**
 * From failures to verdicts: whose side it was, how well that is shown, and how anybody can see it
 * for himself. Source: DESIGN, "Host side or guest side".
 *
 * A host's event is convicted by a replay without it, or because the faulting value came with it;
 * that it was near is a hint and no more. What no such event explains, and what each of them is
 * acquitted of, follows from the guest's own code and its ordinary inputs.
 */
import type { Candidate } from "./attribution_candidates.ts";
import { EXACT, type Inquiry, Judgement } from "./attribution_judgement.ts";
import { type Course, courses } from "./failures/aftermath.ts";
import { type Failure, isFatal } from "./failures/failure.ts";
import type { Observation } from "./failures/watch.ts";
import type { TierCheck } from "./tiers.ts";
import type { Verdict } from "./verdict.ts";

export interface Findings {
  readonly failures: readonly Failure[];
  readonly verdicts: readonly Verdict[];
}

/** More of them are the same story again. */
const BORNE_MAX = 16;

export async function attribute(
  { failures, breaches, divergence }: Pick<Observation, "failures" | "breaches" | "divergence">,
  candidates: readonly Candidate[],
  inquiry: Inquiry,
): Promise<Findings> {
  const found = courses(failures);
  const told: Failure[] = found.map(({ failure }) => failure);
  const verdicts: Verdict[] = [];
  for (const [index, course] of found.entries()) {
    const tiers = await inquiry.tiers?.(course.failure);
    if (tiers?.differs) {
      verdicts.push(miscompiled(index, tiers.differs, inquiry));
      continue;
    }
    const before = candidates.filter(({ cycle }) => cycle <= course.failure.cycle);
    const known = { index, course, before, breaches };
    const verdict = await new Judgement(known, inquiry).verdict();
    verdicts.push(tiers ? { ...verdict, assumptions: withTiers(verdict, tiers) } : verdict);
  }
  if (divergence !== undefined) {
    const { cycle, message } = divergence;
    told.push({ cycle, hart: undefined, pc: undefined, kind: "divergence", message, callers: [] });
    verdicts.push(ourFault(told.length - 1, cycle, message, inquiry));
  }
  // What a recording says that cannot be replayed is no evidence.
  const unblamed = divergence === undefined ? borneBy(candidates, verdicts) : [];
  for (const candidate of unblamed) {
    const { cycle, device, what } = candidate;
    const message = `${device}: ${what}`;
    told.push({ cycle, hart: undefined, pc: undefined, kind: "io-error", message, callers: [] });
    verdicts.push(await borne(told.length - 1, candidate, found, inquiry));
  }
  return { failures: told, verdicts };
}

/** Errors that the guest was told of and that no verdict blames. */
function borneBy(candidates: readonly Candidate[], verdicts: readonly Verdict[]): Candidate[] {
  const blamed = new Set(verdicts.flatMap(({ trigger, counterfactual }) => [
    ...(trigger?.event ? [trigger.event] : []),
    ...(counterfactual && counterfactual.outcome !== "not necessary" ? counterfactual.removed : []),
  ]));
  return candidates.filter(({ event, manner }) => manner === "told" && !blamed.has(event)).slice(
    0,
    BORNE_MAX,
  );
}

/** The guest went on; what it fails of in the end, if it does, is judged by itself. */
async function borne(
  index: number,
  candidate: Candidate,
  found: readonly Course[],
  { commands, refusal }: Inquiry,
): Promise<Verdict> {
  const { event, cycle, device, what, origin } = candidate;
  const refused = await refusal?.(candidate);
  const isHurt = found.some(({ failure }) => failure.cycle >= cycle && !isFatal(failure));
  return {
    failure: index,
    side: "host",
    origin,
    response: isHurt ? "degraded" : "tolerated",
    responsibility: "host",
    grade: "B", // it is the answer itself that failed
    trigger: { event, cycle, device, what },
    chain: [
      { cycle, what: `${device}: ${what} (${event})`, command: commands.event(cycle) },
      ...(refused ? [{ ...refused, command: commands.at(refused.cycle) }] : []),
    ],
    counterfactual: null,
    assumptions: [EXACT],
  };
}

/** Compiled code did what the interpreter would not have done: nobody else is asked. */
function miscompiled(
  index: number,
  { from, to }: NonNullable<TierCheck["differs"]>,
  inquiry: Inquiry,
): Verdict {
  const what = `compiled code and the interpreter part between cycles ${from} and ${to}`;
  const verdict = ourFault(index, from, what, inquiry);
  const command = `${inquiry.commands.verify()} --jit-threshold 0`;
  return { ...verdict, chain: [{ cycle: from, what, command }] };
}

/** What stands for the emulator stands on more than the replay. */
function withTiers({ assumptions }: Verdict, { from, until }: TierCheck): readonly string[] {
  const both = `${EXACT}, and its interpreter alone from cycle ${from} to ${until}`;
  return assumptions.map((text) => text === EXACT ? both : text);
}

function ourFault(index: number, cycle: number, what: string, { commands }: Inquiry): Verdict {
  return {
    failure: index,
    side: "emulator",
    origin: "emulator",
    response: "not visible",
    responsibility: "emulator",
    grade: "B", // the replay itself shows it
    trigger: { event: null, cycle, device: "machine", what },
    chain: [{ cycle, what, command: commands.verify() }],
    counterfactual: null,
    assumptions: ["the recording is as it was written: its checksums fit"],
  };
}
