/** The verdict over one failure: the host's events before it are tried, its value is followed, and what is left decides. */
import { MACHINE_DEVICE } from "../core/host.ts";
import type { Candidate } from "./attribution_candidates.ts";
import type { Trace } from "./attribution_value.ts";
import type { Course } from "./failures/aftermath.ts";
import { type Failure, isFatal } from "./failures/failure.ts";
import type { CountedBreach } from "./linter/linter.ts";
import type { Refusal } from "./refusal.ts";
import type { Kept } from "./removal.ts";
import type { TierCheck } from "./tiers.ts";
import type { ChainLink, Counterfactual, Grade, Outcome, Trigger, Verdict } from "./verdict.ts";

/** What is asked of the recording besides what one replay shows. */
export interface Inquiry {
  /** Replays without these events, or with what is kept of them; `why` says what is missing where it is undetermined. */
  readonly whatIf?: (
    removed: readonly string[],
    failure: Failure,
    kept?: Kept,
  ) => Promise<{ readonly outcome: Outcome; readonly why: string }>;
  /** Follows the value that made an instruction trap. */
  readonly trace?: (failure: Failure) => Promise<Trace | undefined>;
  /** What tier 0 alone makes of the cycles before a failure. */
  readonly tiers?: (failure: Failure) => Promise<TierCheck | undefined>;
  /** What a program was told of a device's error. */
  readonly refusal?: (candidate: Candidate) => Promise<Refusal | undefined>;
  /** Commands that show a position, an event, a what-if. */
  readonly commands: {
    at(cycle: number): string;
    event(cycle: number): string;
    without(events: readonly string[], kept?: Kept): string;
    verify(): string;
  };
}

/** One by one, the nearest first; the others were tried only together. */
const ALONE_MAX = 6;
/** A breach so near is told as where it began. */
const NEAR_CYCLES = 10_000_000;
export const EXACT =
  "the emulator executes as the manuals say: the replay matched the recording's digests";
const TRUE_DATA =
  "what the disks' images held, and what came over console and network, was as meant";

/** What a replay without the host's events showed. */
interface Tried {
  /** Those without which it does not fail so; none: that is not known. */
  readonly guilty: readonly Candidate[];
  readonly counterfactual: Counterfactual;
  readonly why: string;
}

/** Whom a conviction blames, and how well it is shown. */
interface Sentence {
  readonly grade: Grade;
  readonly counterfactual: Counterfactual | null;
  /** The guest has to bear it. */
  readonly isLegal: boolean;
}

/** What is known of a failure before it is judged. */
export interface Known {
  /** Among the failures. */
  readonly index: number;
  readonly course: Course;
  /** Candidates before the failure. */
  readonly before: readonly Candidate[];
  readonly breaches: readonly CountedBreach[];
}

export class Judgement {
  readonly #failure: Failure;
  readonly #chain: ChainLink[] = [];

  constructor(
    readonly known: Known,
    readonly inquiry: Inquiry,
  ) {
    this.#failure = known.course.failure;
  }

  async verdict(): Promise<Verdict> {
    const { before, course } = this.known;
    const { at } = this.inquiry.commands;
    const tried = await this.#tryAll(before.filter(({ isRemovable }) => isRemovable));
    const trace = await this.inquiry.trace?.(this.#failure);
    for (const { cycle, what } of trace?.links ?? []) this.#add(cycle, what, at(cycle));
    this.#add(this.#failure.cycle, this.#failureText(), at(this.#failure.cycle));
    for (const { cycle, message } of course.aftermath) this.#add(cycle, message, at(cycle));
    const guilty = tried.find((it) => it.guilty.length > 0);
    if (guilty) return await this.#sentence(guilty);
    const carrier = trace && await this.#carrier(trace);
    if (carrier) return carrier;
    const cleared = tried.filter(({ counterfactual }) => counterfactual.outcome === "not necessary")
      .flatMap(({ counterfactual }) => counterfactual.removed);
    const suspects = before.filter(({ event, downUntil }) =>
      // Whose faulting value was followed to the guest's own code did not wait for a link.
      !cleared.includes(event) && !(downUntil !== undefined && isOwn(trace))
    );
    return suspects.length === 0
      ? this.#guest(trace, tried.at(0)?.counterfactual ?? null)
      : this.#open(suspects, tried.find((it) => it.counterfactual.outcome === "undetermined"));
  }

  /** A link that was down by itself: what would have come over it may leave the answer open. */
  async #tryAll(removable: readonly Candidate[]): Promise<Tried[]> {
    const found: Tried[] = [];
    for (const isOutage of [false, true]) {
      const some = removable.filter(({ downUntil }) => (downUntil !== undefined) === isOutage);
      const tried = await this.#try(some);
      if (tried) found.push(tried);
      if (tried?.guilty.length) break;
    }
    return found;
  }

  /** All at once, for that acquits them all; then one by one, the nearest first. */
  async #try(before: readonly Candidate[]): Promise<Tried | undefined> {
    const { whatIf } = this.inquiry;
    if (whatIf === undefined || before.length === 0) return undefined;
    const removed = before.map(({ event }) => event);
    const { outcome, why } = await whatIf(removed, this.#failure);
    // Together they are its cause, if each is enough.
    const all = { counterfactual: { removed, outcome }, why };
    if (outcome !== "necessary") return { guilty: [], ...all };
    for (const candidate of before.toReversed().slice(0, ALONE_MAX)) {
      const alone = before.length === 1
        ? { outcome }
        : await whatIf([candidate.event], this.#failure);
      if (alone.outcome !== "necessary") continue;
      const counterfactual = { removed: [candidate.event], outcome: alone.outcome };
      return { guilty: [candidate], counterfactual, why };
    }
    return { guilty: before, ...all };
  }

  /** A host may be slow, but not without bounds: whether it fails of what is too much decides. */
  async #sentence({ guilty, counterfactual }: Tried): Promise<Verdict> {
    const late = guilty.filter(({ manner }) => manner === "late");
    const worst = guilty.findLast(({ manner }) => manner !== "legal") ?? guilty.at(-1)!;
    const isDelay = guilty.every(({ manner }) => manner === "late" || manner === "legal");
    if (!isDelay || late.length === 0) {
      return this.#convict(worst, { grade: "A", counterfactual, isLegal: isDelay });
    }
    const kept = new Map(late.map(({ event, legalCycles = 0 }) => [event, legalCycles]));
    const { outcome, why } = await this.inquiry.whatIf!([...kept.keys()], this.#failure, kept);
    const { commands } = this.inquiry;
    const legal = [...kept].map(([event, cycles]) => `no more than ${cycles} cycles of ${event}`)
      .join(", ");
    if (outcome === "undetermined") {
      const verdict = this.#convict(worst, { grade: "C", counterfactual, isLegal: false });
      const hint = `with ${legal}, which a guest has to bear, it would not fail so: ${why}`;
      return { ...verdict, assumptions: [...verdict.assumptions, hint] };
    }
    const isLegal = outcome !== "necessary";
    const what = `with ${legal}, which a guest has to bear, it ${
      isLegal ? "fails so too" : "does not fail so"
    }`;
    this.#add(worst.cycle, what, commands.without([], kept));
    return this.#convict(worst, { grade: "A", counterfactual, isLegal });
  }

  #convict(by: Candidate, { grade, counterfactual, isLegal }: Sentence): Verdict {
    const { commands } = this.inquiry;
    this.#add(by.cycle, `${by.device}: ${by.what} (${by.event})`, commands.event(by.cycle));
    if (counterfactual) {
      const what = `without ${counterfactual.removed.join(", ")} the guest does not fail so`;
      this.#add(by.cycle, what, commands.without(counterfactual.removed));
    }
    const { event, cycle, device, what, origin, manner } = by;
    const isMishandled = isCrash(this.#failure);
    return this.#judge({
      // What a host does that a guest has to bear only brings to light what is the guest's.
      side: isLegal ? "guest" : "host",
      origin: isLegal ? "guest-logic" : origin,
      response: isMishandled ? "mishandled" : "degraded",
      // Told of an error, it should have coped; lied to, it could not.
      responsibility: isLegal || manner === "told" && isMishandled ? "guest" : "host",
      grade,
      trigger: { event, cycle, device, what },
      counterfactual,
      assumptions: [EXACT],
    });
  }

  /** The faulting value came in through a device. */
  async #carrier({ origin }: Trace): Promise<Verdict | undefined> {
    if (origin.kind !== "device") return undefined;
    const { event, cycle, device, what, isOneOfSeveral } = origin;
    const shaped = this.known.before.find((candidate) =>
      candidate.event === event ||
      candidate.cycle === cycle && [device, MACHINE_DEVICE].includes(candidate.device)
    );
    const grade = isOneOfSeveral ? "C" : "B";
    if (shaped) return this.#convict(shaped, { grade, counterfactual: null, isLegal: false });
    if (event === undefined) return undefined;
    this.#add(cycle, `${device}: ${what} (${event})`, this.inquiry.commands.event(cycle));
    const counterfactual = await this.#withoutInput(event, cycle);
    const side = device.startsWith("disk") ? "configuration" : "external";
    return this.#judge({
      side,
      origin: side,
      response: "mishandled",
      responsibility: "guest", // whatever comes in, it must look before it trusts
      grade: counterfactual ? "A" : grade,
      trigger: { event, cycle, device, what },
      counterfactual,
      assumptions: [EXACT],
    });
  }

  /** `null`: that it does not fail without what came in could not be shown. */
  async #withoutInput(event: string, cycle: number): Promise<Counterfactual | null> {
    const removed = [event];
    const { outcome } = await this.inquiry.whatIf?.(removed, this.#failure) ??
      { outcome: "undetermined" };
    if (outcome !== "necessary") return null;
    const what = `without ${event} the guest does not fail so`;
    this.#add(cycle, what, this.inquiry.commands.without(removed));
    return { removed, outcome };
  }

  #guest(trace: Trace | undefined, counterfactual: Counterfactual | null): Verdict {
    const failure = this.#failure;
    const { breaches } = this.known;
    const breach = breaches.findLast(({ cycle }) =>
      cycle <= failure.cycle && failure.cycle - cycle <= NEAR_CYCLES
    );
    if (breach) {
      const what = `${breach.device}: ${breach.text} (against ${breach.rule})`;
      this.#add(breach.cycle, what, this.inquiry.commands.at(breach.cycle));
    }
    if (counterfactual) {
      const what = `the guest fails so without ${counterfactual.removed.join(", ")} too`;
      this.#add(failure.cycle, what, this.inquiry.commands.without(counterfactual.removed));
    }
    // The instruction that the value came from, or the way on which the guest went to where it gave up.
    const isFollowed = isOwn(trace) ||
      failure.trapped === undefined && failure.callers.length > 1;
    return this.#judge({
      side: "guest",
      origin: breach ? "guest-contract" : "guest-logic",
      response: isFatal(failure) || this.known.course.aftermath.some(isCollapse)
        ? "mishandled"
        : "degraded",
      responsibility: "guest",
      grade: isFollowed ? "B" : "C",
      trigger: guestTrigger(trace, breach),
      counterfactual,
      assumptions: [
        EXACT,
        TRUE_DATA,
        counterfactual
          ? "what reached it from the host's side was taken away together, and it failed the same"
          : "nothing out of order reached it from the host's side before",
      ],
    });
  }

  /** It could not be tried: what was near is a hint, and what was not is none. */
  #open(suspects: readonly Candidate[], tried: Tried | undefined): Verdict {
    const nearest = suspects.at(-1)!;
    const why = tried !== undefined && nearest.isRemovable
      ? tried.why
      : "no replay without it was made";
    const counterfactual = tried?.counterfactual ?? null;
    const { cycle: failed } = this.#failure;
    // A link that is still down then is as near as can be.
    const isNear = failed - nearest.cycle <= NEAR_CYCLES || (nearest.downUntil ?? 0) > failed;
    if (nearest.manner !== "legal" && isNear) {
      const hint = `it was the cause, and not only there before: ${why}`;
      const verdict = this.#convict(nearest, { grade: "C", counterfactual: null, isLegal: false });
      return { ...verdict, counterfactual, assumptions: [EXACT, hint] };
    }
    const { event, cycle, device, what } = nearest;
    this.#add(cycle, `${device}: ${what} (${event})`, this.inquiry.commands.event(cycle));
    return this.#judge({
      side: "unknown",
      origin: "unknown",
      response: isFatal(this.#failure) ? "mishandled" : "degraded",
      responsibility: "unknown",
      grade: "0",
      trigger: { event, cycle, device, what },
      counterfactual,
      assumptions: [`whether the host's side caused it is open: ${why}`],
    });
  }

  #failureText(): string {
    const { kind, message, callers } = this.#failure;
    return `${kind}: ${message}${callers.length > 0 ? `, called by ${callers.join(" < ")}` : ""}`;
  }

  #add(cycle: number, what: string, command: string): void {
    this.#chain.push({ cycle, what, command });
  }

  #judge(verdict: Omit<Verdict, "failure" | "chain">): Verdict {
    const chain = this.#chain.toSorted((a, b) => a.cycle - b.cycle);
    return { failure: this.known.index, ...verdict, chain };
  }
}

/** The faulting value was followed to the guest's own code, or to where nobody had set it. */
function isOwn(trace: Trace | undefined): boolean {
  return trace?.origin.kind === "instruction" || trace?.origin.kind === "initial";
}

/** What it says when it cannot do what was asked. */
const REFUSALS: ReadonlySet<Failure["kind"]> = new Set([
  "fail-code",
  "reset",
  "warning",
  "io-error",
  "file-system-error",
]);

/** It did itself harm, rather than say that it could not do what was asked. */
function isCrash({ kind }: Failure): boolean {
  return !REFUSALS.has(kind);
}

/** It can do no more, and has not only said so by its status. */
function isCollapse(failure: Failure): boolean {
  return isFatal(failure) && !REFUSALS.has(failure.kind);
}

function guestTrigger(trace: Trace | undefined, breach: CountedBreach | undefined): Trigger | null {
  if (breach) {
    const { cycle, device, text, rule } = breach;
    return { event: null, cycle, device, what: `${text} (against ${rule})` };
  }
  if (trace?.origin.kind !== "instruction") return null;
  const { cycle, what } = trace.origin;
  return { event: null, cycle, device: "hart", what };
}
