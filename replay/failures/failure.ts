/** What went wrong in a guest, as its state shows it; never as it was printed. */
import type { Witness } from "./witness.ts";

export type FailureKind =
  /** The kernel gave up: Linux's `panic`, or that of a small kernel. */
  | "panic"
  /** The first process ended, which is the kernel's end too. */
  | "init-exit"
  /** A trap in the kernel that nobody handles. */
  | "oops"
  /** The kernel met what it says cannot be: BUG. */
  | "bug"
  /** The same, and goes on: WARN. */
  | "warning"
  | "bad-page"
  | "soft-lockup"
  | "rcu-stall"
  | "hung-task"
  | "out-of-memory"
  /** A file system is damaged, or cannot be read or written where that does harm to all of it. */
  | "file-system-error"
  /** A process was ended by a signal such as SIGSEGV. */
  | "program-killed"
  /** A kernel's stack overflowed, or a trap handler trapped as it began. */
  | "double-fault"
  /** The same trap again and again, and nothing changes in between. */
  | "trap-loop"
  /** A hart waits for an interrupt, all harts do, and none can come. */
  | "asleep"
  /** The guest ended itself through the test finisher with a code. */
  | "fail-code"
  /** The guest asked for a reset. */
  | "reset"
  /** A device or its disk refused a request: what the guest made of it is the verdict's business. */
  | "io-error"
  /** The replay differs from the recording. */
  | "divergence";

/** After one of these the guest does nothing of use any more, or not what it was asked for. */
const FATAL: ReadonlySet<FailureKind> = new Set([
  "panic",
  "init-exit",
  "oops",
  "bug",
  "double-fault",
  "trap-loop",
  "asleep",
  "fail-code",
  "reset",
]);

export interface Failure {
  /** Of the instruction with which it shows. */
  readonly cycle: number;
  /** `undefined`: of no hart in particular. */
  readonly hart: number | undefined;
  readonly pc: bigint | undefined;
  readonly kind: FailureKind;
  /** One line, from registers and memory. */
  readonly message: string;
  /** With which the guest ended itself. */
  readonly code?: number;
  /** Where the instruction is whose trap it is about, if it is about one. */
  readonly trapped?: bigint;
  /** Who called whom, the innermost first, by name where there is one. */
  readonly callers: readonly string[];
}

/** Sees a failure where a function of the guest begins. */
export interface Detector {
  /** Its name in the guest's symbol table. */
  readonly symbol: string;
  /** What it means that the function was called; `undefined`: nothing. */
  see(witness: Witness): Pick<Failure, "kind" | "message" | "trapped"> | undefined;
}

export function isFatal({ kind }: Failure): boolean {
  return FATAL.has(kind);
}
