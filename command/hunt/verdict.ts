/** How a run of a hunt ended, and whether that is what the hunt is for. */
import type { TurnEnd } from "../../devices/network/lab_guest.ts";
import type { LabStop } from "../../devices/network/lab.ts";
import { DivergenceError } from "../../replay/divergence.ts";
import { UsageError } from "../errors.ts";

/** What counts as a failure. Patterns are sources of regular expressions, so that threads can have them. */
export interface FailOn {
  /** A guest ended otherwise than by powering off. */
  readonly exit: boolean;
  /** A guest's kernel panicked. */
  readonly panic: boolean;
  /** A line of a console matches. */
  readonly patterns: readonly string[];
}

/** One run, as the table has it. */
export interface Outcome {
  readonly seed: number;
  /** `ok`, or what happened: `exit 139`, `reset`, `panic`, `match`, `limit`. */
  readonly what: string;
  readonly isFailure: boolean;
  readonly cycle: number;
  /** Where it happened. */
  readonly guest?: string;
  /** The line of its console that says so. */
  readonly line?: string;
}

const PANIC = /Kernel panic - not syncing/;

/** @throws UsageError for a pattern that is none */
export function failOnOf(texts: readonly string[]): FailOn {
  if (texts.length === 0) return { exit: true, panic: true, patterns: [] };
  const patterns = texts.filter((text) => text !== "exit" && text !== "panic");
  for (const text of patterns) pattern("fail-on", text);
  return { exit: texts.includes("exit"), panic: texts.includes("panic"), patterns };
}

/** @throws UsageError if it is no regular expression */
export function pattern(flag: string, text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new UsageError(`--${flag} ${text}: is no regular expression`);
  }
}

/** Something that a console has said. */
export interface Remark {
  readonly guest: string;
  readonly what: "panic" | "match";
  readonly line: string;
}

/** Looks at the lines of all consoles for the first that tells of a failure. */
export class Watch {
  remark: Remark | undefined;
  readonly #failOn: FailOn;
  readonly #patterns: readonly RegExp[];

  constructor(failOn: FailOn) {
    this.#failOn = failOn;
    this.#patterns = failOn.patterns.map((text) => new RegExp(text));
  }

  /** @param prefix what the line begins with where several guests print */
  line(guest: string, prefix: string, line: string): void {
    if (this.remark !== undefined) return;
    if (this.#patterns.some((pattern) => pattern.test(prefix + line))) {
      this.remark = { guest, what: "match", line };
    } else if (this.#failOn.panic && PANIC.test(line)) {
      this.remark = { guest, what: "panic", line };
    }
  }
}

/** All that is known of a run that is over. */
export interface RunOver {
  readonly seed: number;
  readonly cycle: number;
  /** `ended`: all guests that the run waits for have. */
  readonly stop: LabStop;
  readonly remark: Remark | undefined;
  /** The first guest that ended otherwise than by powering off. */
  readonly failed: { readonly guest: string; readonly end: TurnEnd } | undefined;
  readonly failOn: FailOn;
}

/** What a run came to. */
export function outcomeOf({ seed, cycle, stop, remark, failed, failOn }: RunOver): Outcome {
  if (remark !== undefined) return { seed, isFailure: true, cycle, ...remark };
  if (failed !== undefined) {
    const { action, code } = failed.end.stop!.power;
    const what = action === "fail" ? `exit ${code}` : action;
    return { seed, isFailure: failOn.exit, cycle: failed.end.cycle, guest: failed.guest, what };
  }
  return { seed, isFailure: false, cycle, what: stop === "ended" ? "ok" : "limit" };
}

/** The same run a second time: anything else is a fault of the emulator. @throws DivergenceError */
export function assertSame(outcome: Outcome, first: Outcome): void {
  if (JSON.stringify(outcome) === JSON.stringify(first)) return;
  const { cycle, guest = "machine" } = outcome;
  throw new DivergenceError(cycle, guest, describe(first), describe(outcome));
}

function describe({ seed, what, cycle }: Outcome): string {
  return `the run of seed ${seed} to end with ${what} at cycle ${cycle}`;
}
