/** The verdict over one failure: the host's events before it are tried, its value is followed, and what is left decides. */
import { MACHINE_DEVICE } from "../core/host.ts";
import type { Candidate } from "./attribution_candidates.ts";
import type { Trace } from "./attribution_value.ts";
import type { Course } from "./failures/aftermath.ts";
import { type Failure, isFatal } from "./failures/failure.ts";
import type { CountedBreach } from "./linter/linter.ts";
import type { ChainLink, Counterfactual, Grade, Outcome, Trigger, Verdict } from "./verdict.ts";

/** What is asked of the recording besides what one replay shows. */
export interface Inquiry {
  /** Replays without these events; `why` says what is missing where it is undetermined. */
  readonly whatIf?: (
    removed: readonly string[],
    failure: Failure,
  ) => Promise<{ readonly outcome: Outcome; readonly why: string }>;
  /** Follows the value that made an instruction trap. */
  readonly trace?: (failure: Failure) => Promise<Trace | undefined>;
  /** Commands that show a position, an event, a what-if. */
  readonly commands: {
    at(cycle: number): string;
    event(cycle: number): string;
    without(events: readonly string[]): string;
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
  readonly trigger?: Candidate;
  readonly counterfactual: Counterfactual;
  readonly why: string;
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
    const tried = await this.#try(before.filter(({ isRemovable }) => isRemovable));
    const trace = await this.inquiry.trace?.(this.#failure);
    for (const { cycle, what } of trace?.links ?? []) this.#add(cycle, what, at(cycle));
    this.#add(this.#failure.cycle, this.#failureText(), at(this.#failure.cycle));
    for (const { cycle, message } of course.aftermath) this.#add(cycle, message, at(cycle));
    if (tried?.trigger) return this.#convict(tried.trigger, "A", tried.counterfactual);
    const carrier = trace && this.#carrier(trace);
    if (carrier) return carrier;
    const isCleared = tried?.counterfactual.outcome === "not necessary";
    const suspects = isCleared ? before.filter(({ isRemovable }) => !isRemovable) : before;
    return suspects.length === 0
      ? this.#guest(trace, tried?.counterfactual ?? null)
      : this.#open(suspects, tried);
  }

  /** All at once, for that acquits them all; then one by one, the nearest first. */
  async #try(before: readonly Candidate[]): Promise<Tried | undefined> {
    const { whatIf } = this.inquiry;
    if (whatIf === undefined || before.length === 0) return undefined;
    const removed = before.map(({ event }) => event);
    const { outcome, why } = await whatIf(removed, this.#failure);
    const all = { counterfactual: { removed, outcome }, why };
    if (outcome !== "necessary") return all;
    for (const candidate of before.toReversed().slice(0, ALONE_MAX)) {
      const alone = before.length === 1
        ? { outcome }
        : await whatIf([candidate.event], this.#failure);
      if (alone.outcome !== "necessary") continue;
      const counterfactual = { removed: [candidate.event], outcome: alone.outcome };
      return { trigger: candidate, counterfactual, why };
    }
    // Any of them is enough for the failure: together they are its cause.
    const trigger = before.at(-1)!;
    return { trigger, counterfactual: { removed, outcome }, why };
  }

  #convict(by: Candidate, grade: Grade, counterfactual: Counterfactual | null): Verdict {
    const { commands } = this.inquiry;
    this.#add(by.cycle, `${by.device}: ${by.what} (${by.event})`, commands.event(by.cycle));
    if (counterfactual) {
      const what = `without ${counterfactual.removed.join(", ")} the guest does not fail so`;
      this.#add(by.cycle, what, commands.without(counterfactual.removed));
    }
    const { event, cycle, device, what, origin, manner } = by;
    const isMishandled = isCrash(this.#failure);
    // A device may be slow: what that brings to light is the guest's.
    const isLegal = manner === "legal";
    return this.#judge({
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
  #carrier({ origin }: Trace): Verdict | undefined {
    if (origin.kind !== "device") return undefined;
    const { event, cycle, device, what, isOneOfSeveral } = origin;
    const shaped = this.known.before.find((candidate) =>
      candidate.event === event ||
      candidate.cycle === cycle && [device, MACHINE_DEVICE].includes(candidate.device)
    );
    const grade = isOneOfSeveral ? "C" : "B";
    if (shaped) return this.#convict(shaped, grade, null);
    if (event === undefined) return undefined;
    this.#add(cycle, `${device}: ${what} (${event})`, this.inquiry.commands.event(cycle));
    const side = device.startsWith("net") ? "external" : "configuration";
    return this.#judge({
      side,
      origin: side,
      response: "mishandled",
      responsibility: "guest", // whatever comes in, it must look before it trusts
      grade,
      trigger: { event, cycle, device, what },
      counterfactual: null,
      assumptions: [EXACT],
    });
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
    const isFollowed = trace?.origin.kind === "instruction" || trace?.origin.kind === "initial" ||
      failure.trapped === undefined && failure.callers.length > 1;
    return this.#judge({
      side: "guest",
      origin: breach ? "guest-contract" : "guest-logic",
      response: isFatal(failure) ? "mishandled" : "degraded",
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
    if (nearest.manner !== "legal" && this.#failure.cycle - nearest.cycle <= NEAR_CYCLES) {
      const hint = `it was the cause, and not only shortly before: ${why}`;
      return { ...this.#convict(nearest, "C", null), counterfactual, assumptions: [EXACT, hint] };
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

/** It did itself harm, rather than say that it could not do what was asked. */
function isCrash({ kind }: Failure): boolean {
  return kind !== "fail-code" && kind !== "reset" && kind !== "warning" && kind !== "io-error";
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
