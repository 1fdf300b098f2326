/**
 * A task that waits for too long. Source: Linux, kernel/hung_task.c: each report takes one from
 * `sysctl_hung_task_warnings`, an int that is -1 where reports are without limit.
 */
import type { Machine } from "../../core/machine.ts";
import type { Failure } from "./failure.ts";
import { type Names, Witness } from "./witness.ts";

export class HungTasks {
  #left: number | undefined;

  /** To be asked now and then. */
  look(machine: Machine, names: Names): Failure | undefined {
    const address = names.address("sysctl_hung_task_warnings");
    const value = address === undefined ? undefined : new Witness(machine, 0, names).u32(address);
    const before = this.#left;
    this.#left = value === undefined ? undefined : value | 0;
    // Before the kernel runs there is something else there.
    const isOneLess = this.#left !== undefined && before !== undefined && before > 0 &&
      before <= WARNINGS && this.#left === before - 1;
    if (!isOneLess) return undefined;
    const message = "a task waited without interruption for longer than the kernel allows";
    const at = { cycle: machine.cycle, hart: undefined, pc: undefined };
    return { ...at, kind: "hung-task", message, callers: [] };
  }
}

/** The kernel's default. */
const WARNINGS = 10;
