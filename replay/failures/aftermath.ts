/** Which failures follow from others that are told already. */
import { type Failure, isFatal } from "./failure.ts";

/** How the guest ends, once it has failed. */
const ENDS: ReadonlySet<Failure["kind"]> = new Set(["fail-code", "reset", "panic", "asleep"]);
/** Functions of Linux through which a failure goes on to a panic, if it was told to. */
const WAYS: { readonly [Kind in Failure["kind"]]?: RegExp } = {
  oops: /^(die|die_kernel_fault|make_task_dead)\b/,
  bug: /^(die|make_task_dead)\b/,
  warning: /^(check_panic_on_warn|__warn)\b/,
  "soft-lockup": /^watchdog_timer_fn\b/,
  "hung-task": /^(watchdog|check_hung_task)\b/,
  "rcu-stall": /^(rcu|print)_\w*stall/,
  "file-system-error": /^ext4_handle_error\b/,
};
/** They are reported for as long as they last. */
const LASTING: ReadonlySet<Failure["kind"]> = new Set([
  "soft-lockup",
  "hung-task",
  "rcu-stall",
  "file-system-error",
]);
/** So soon the first process is gone that has begun to die. */
const DEATH_CYCLES = 100_000;
/** As what a process ends that could not go on: a shell passes it on as its status. */
const DEATHS: { readonly [Kind in Failure["kind"]]?: string } = {
  oops: "SIGSEGV",
  bug: "SIGSEGV",
  "out-of-memory": "code 137",
};

/** A failure, and what came of it. */
export interface Course {
  readonly failure: Failure;
  readonly aftermath: readonly Failure[];
}

/** In order of cycle. */
export function courses(failures: readonly Failure[]): Course[] {
  const found: { failure: Failure; aftermath: Failure[] }[] = [];
  for (const failure of failures.toSorted((a, b) => a.cycle - b.cycle)) {
    const before = found.findLast((course) => isAftermath(failure, course));
    if (before) before.aftermath.push(failure);
    else found.push({ failure, aftermath: [] });
  }
  return found;
}

function isAftermath(later: Failure, { failure, aftermath }: Course): boolean {
  if (later.kind === "init-exit" && failure.kind === "program-killed") {
    return later.cycle - failure.cycle < DEATH_CYCLES && later.hart === failure.hart;
  }
  if (later.kind === "panic") {
    // A panic while another is under way, or the one in which something else ends.
    return failure.kind === "panic" || failure.kind === "init-exit" ||
      failure.kind === "double-fault" ||
      later.callers.some((caller) => WAYS[failure.kind]?.test(caller));
  }
  if (LASTING.has(later.kind) && later.kind === failure.kind) return true;
  if (!ENDS.has(later.kind)) return false;
  const death = failure.kind === "program-killed"
    ? failure.message.split(" ").at(-1)
    : DEATHS[failure.kind];
  const isSame = death !== undefined && later.message.endsWith(death);
  return isSame || ends(failure) || aftermath.some(ends);
}

// An oops ends a process; only what follows from it ends the guest.
function ends(failure: Failure): boolean {
  return isFatal(failure) && failure.kind !== "oops" && failure.kind !== "bug";
}
