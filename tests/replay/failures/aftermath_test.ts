/** Which of several failures are one story. */
import { assertEquals } from "@std/assert";
import { courses } from "../../../replay/failures/aftermath.ts";
import type { Failure } from "../../../replay/failures/failure.ts";

const failure = (
  cycle: number,
  kind: Failure["kind"],
  message: string,
  ...callers: readonly string[]
): Failure => ({ cycle, hart: 0, pc: 0x8000_0000n, kind, message, callers });

const OOPS = failure(1, "oops", "load page fault", "do_page_fault+0x22");
const LOCKUP = failure(1, "soft-lockup", "it lets nobody else run", "watchdog_timer_fn+0x254");
const HUNG = failure(1, "hung-task", "it waits", "watchdog+0x46e");

/** How many failures each story has. */
const counts = (...failures: readonly Failure[]) =>
  courses(failures).map(({ aftermath }) => 1 + aftermath.length);

Deno.test("what ends an oops is no failure of its own: the panic, and the status of who died of it", () => {
  const panic = failure(2, "panic", "Fatal exception", "die+0x122");
  assertEquals(counts(OOPS, panic), [2]);
  assertEquals(counts(OOPS, failure(9, "fail-code", "failed with code 139: SIGSEGV")), [2]);
  assertEquals(counts(OOPS, failure(9, "fail-code", "failed with code 3")), [1, 1]);
  assertEquals(counts(OOPS, failure(2, "panic", "it was asked to", "sysrq_handle_crash+0x20")), [
    1,
    1,
  ]);
});

Deno.test("who was chosen to free memory ends by SIGKILL", () => {
  const chosen = failure(1, "out-of-memory", "tail must go", "out_of_memory+0x1d0");
  assertEquals(counts(chosen, failure(9, "fail-code", "the guest failed with code 137")), [2]);
});

Deno.test("the first process dies of a signal, and the kernel of that", () => {
  const killed = failure(1, "program-killed", "init was ended by SIGILL", "get_signal+0x95e");
  const exit = failure(600, "init-exit", "Attempted to kill init!", "do_exit+0x954");
  assertEquals(counts(killed, exit), [2]);
  assertEquals(counts(killed, { ...exit, cycle: 1_000_000 }), [1, 1]);
  assertEquals(counts(killed, { ...exit, hart: 1 }), [1, 1]);
});

Deno.test("what lasts is reported again and again, until the kernel gives up if it was told to", () => {
  assertEquals(counts(LOCKUP, { ...LOCKUP, cycle: 5 }, { ...LOCKUP, cycle: 9 }), [3]);
  assertEquals(counts(HUNG, { ...HUNG, cycle: 5 }, LOCKUP), [2, 1]);
  assertEquals(counts(LOCKUP, failure(2, "panic", "hung tasks", "watchdog_timer_fn+0x26a")), [2]);
  assertEquals(counts(HUNG, failure(2, "panic", "blocked tasks", "watchdog+0x4f0")), [2]);
  assertEquals(counts(HUNG, failure(2, "panic", "hung tasks", "watchdog_timer_fn+0x26a")), [1, 1]);
});
