/**
 * Harts that will never wake: all wait, and either nothing is armed that could raise an interrupt,
 * or every interrupt is disabled one by one. Source: privileged specification, `wfi`.
 */
import type { Machine } from "../../core/machine.ts";
import type { Failure } from "./failure.ts";

/** @param isStuck the machine itself says that no timer is armed and no input can come */
export function asleep(machine: Machine, harts: number, isStuck: boolean): Failure | undefined {
  const { engine, cycle } = machine;
  const all = Array.from({ length: harts }, (_, hart) => hart);
  const isWaiting = (hart: number) => engine.field(hart, "waiting") !== 0n;
  const isDeaf = (hart: number) => engine.field(hart, "mie") === 0n;
  if (!all.every(isWaiting) || !(isStuck || all.every(isDeaf))) return undefined;
  const why = all.every(isDeaf) ? "with all interrupts disabled" : "and nothing is armed";
  return {
    cycle,
    hart: harts === 1 ? 0 : undefined,
    pc: harts === 1 ? engine.field(0, "pc") : undefined,
    kind: "asleep",
    message: `${harts === 1 ? "the hart waits" : "all harts wait"} for an interrupt, ${why}`,
    callers: [],
  };
}
