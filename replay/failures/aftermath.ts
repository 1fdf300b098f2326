/** Which failures follow from others that are told already. */
import { type Failure, isFatal } from "./failure.ts";

/** How the guest ends, once it has failed. */
const ENDS: ReadonlySet<Failure["kind"]> = new Set(["fail-code", "reset", "panic", "asleep"]);
/** Functions that an oops goes through on its way to a panic (Linux, `die`; `make_task_dead`). */
const OOPS = /^(die|die_kernel_fault|make_task_dead)\b/;

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
  if (later.kind === "panic") {
    // A panic while another is under way, or the one in which an oops ends.
    return failure.kind === "panic" || failure.kind === "init-exit" ||
      failure.kind === "double-fault" || later.callers.some((caller) => OOPS.test(caller));
  }
  if (!ENDS.has(later.kind)) return false;
  // The shell passes a signal on as its status.
  const isSame = failure.kind === "program-killed" &&
    later.message.endsWith(failure.message.split(" ").at(-1)!);
  return isSame || ends(failure) || aftermath.some(ends);
}

// An oops ends a process; only what follows from it ends the guest.
function ends(failure: Failure): boolean {
  return isFatal(failure) && failure.kind !== "oops" && failure.kind !== "bug";
}
