/** Whether a failure needs what is taken away. */
import type { Control, Counterfactual, Course } from "./counterfactual.ts";
import type { Kept, Removable } from "./removal.ts";

export type Outcome = "necessary" | "not necessary" | "masked by another" | "undetermined";

export interface Necessity {
  readonly outcome: Outcome;
  readonly reason: string;
  /** Absent where no run was made. */
  readonly control?: Control;
  readonly without?: Course;
  /** Those of which any one brings about the failure by itself. */
  readonly maskedBy: readonly string[];
}

/** Beyond so many other events, those that mask are looked for only all together. */
const SINGLES_MAX = 8;

/**
 * @param failure of the recording
 * @param kept of these a part remains
 * @throws DivergenceError if the control is not the recording
 */
export async function necessity(
  counterfactual: Counterfactual,
  removed: readonly Removable[],
  failure: string,
  kept?: Kept,
): Promise<Necessity> {
  const missing = counterfactual.missing(removed);
  if (missing !== undefined) return { outcome: "undetermined", reason: missing, maskedBy: [] };
  // Others may be taken away too, and the first of all is where the runs begin.
  const others = counterfactual.events.filter((event) =>
    !removed.includes(event) && event.effect !== undefined
  );
  const control = await counterfactual.begin([...removed, ...others]);
  if (control.course.failure !== failure) {
    const reason = `the control ends otherwise: ${control.course.end}`;
    return { outcome: "undetermined", reason, control, maskedBy: [] };
  }
  const without = await counterfactual.without(removed, kept);
  const common = { control, without, maskedBy: [] };
  if (without.unknown !== undefined) {
    const reason = `${without.unknown}; up to there, cycle ${without.cycle}, it does not come`;
    return { ...common, outcome: "undetermined", reason };
  }
  if (without.failure !== failure) {
    const reason = `without it ${without.end} at cycle ${without.cycle}`;
    return { ...common, outcome: "necessary", reason };
  }
  if (without.unseen !== undefined) {
    return { ...common, outcome: "undetermined", reason: without.unseen };
  }
  const maskedBy = kept?.size ? [] : await masking(counterfactual, removed, others, failure);
  if (maskedBy.length > 0) {
    const reason = `the same failure comes without it, through ${maskedBy.join(", ")}`;
    return { ...common, outcome: "masked by another", reason, maskedBy };
  }
  const reason = `the same failure comes without it, at cycle ${without.cycle}`;
  return { ...common, outcome: "not necessary", reason };
}

/**
 * Events that bring about the failure where those that are removed would have done so alone: without
 * both it does not come, and with either it does.
 */
async function masking(
  counterfactual: Counterfactual,
  removed: readonly Removable[],
  others: readonly Removable[],
  failure: string,
): Promise<string[]> {
  const fails = async (events: readonly Removable[]) => {
    const { failure: found, unknown } = await counterfactual.without(events);
    return unknown === undefined ? found === failure : undefined;
  };
  if (others.length === 0 || await fails([...removed, ...others]) !== false) return [];
  // It needs some of the others. Do those that are removed suffice without them?
  if (await fails(others) !== true) return [];
  if (others.length > SINGLES_MAX) return others.map(({ id }) => id);
  const singles: string[] = [];
  for (const other of others) {
    if (await fails([...removed, other]) === false) singles.push(other.id);
  }
  return singles.length > 0 ? singles : others.map(({ id }) => id);
}
