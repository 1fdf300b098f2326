/**
 * What a task of Linux is called: `comm` of `struct task_struct` (include/linux/sched.h), which lies
 * elsewhere in every configuration. That of the first task, `init_task`, is known: "swapper".
 */
import { oneLine } from "./format.ts";
import type { Witness } from "./witness.ts";

const FIRST = "swapper";
const TASK_BYTES_MAX = 8192;
const COMM_BYTES = 16;

/** The name of the task whose structure is at an address. */
export function taskName(witness: Pick<Witness, "names" | "memory">, task: bigint): string {
  const first = witness.names.address("init_task");
  const bytes = first === undefined ? undefined : witness.memory(first, TASK_BYTES_MAX);
  const comm = bytes ? String.fromCharCode(...bytes).indexOf(FIRST) : -1;
  const name = comm < 0 ? undefined : witness.memory(task + BigInt(comm), COMM_BYTES);
  const text = name && oneLine(String.fromCharCode(...name).split("\0")[0]);
  return text || "a task";
}

/** The name of the task that the hart runs: in the kernel `tp` leads to it (arch/riscv, `current`). */
export function currentTaskName(witness: Witness): string {
  return taskName(witness, witness.register("x4"));
}
