/**
 * Harts that will never wake: all wait, and either nothing is armed that could raise an interrupt,
 * or every interrupt is disabled one by one. Source: privileged specification, `wfi`.
 */
import { requestsOf } from "../branch_host.ts";
import type { Machine } from "../../core/machine.ts";
import type { Failure } from "./failure.ts";

/** SSIE and MSIE: their interrupts are a hart's deed, and none acts. */
const SOFTWARE = 1n << 1n | 1n << 3n;

/** @param isLeftAlone nobody will type or send anything any more */
export function asleep(
  machine: Machine,
  harts: number,
  isLeftAlone: boolean,
): Failure | undefined {
  const { engine, cycle } = machine;
  const all = Array.from({ length: harts }, (_, hart) => hart);
  if (!all.every((hart) => engine.field(hart, "waiting") !== 0n)) return undefined;
  const isDeaf = all.every((hart) => (engine.field(hart, "mie") & ~SOFTWARE) === 0n);
  if (!isDeaf && !(isLeftAlone && isUnarmed(machine, all))) return undefined;
  const why = isDeaf
    ? "with all interrupts from outside disabled"
    : "and neither a timer nor a device will raise one";
  return {
    cycle,
    hart: harts === 1 ? 0 : undefined,
    pc: harts === 1 ? engine.field(0, "pc") : undefined,
    kind: "asleep",
    message: `${harts === 1 ? "the hart waits" : "all harts wait"} for an interrupt, ${why}`,
    callers: [],
  };
}

/** No timer comes before time ends, and no answer is under way. */
function isUnarmed(machine: Machine, harts: readonly number[]): boolean {
  const { engine, clock } = machine;
  const devices = [...machine.devices.values()];
  return devices.every((device) =>
    (device.deadline?.() ?? Infinity) === Infinity && requestsOf(device.save()).length === 0
  ) && harts.every((hart) => {
    const isSstc = engine.field(hart, "menvcfg") >> 63n === 1n;
    return !isSstc || clock.cycleOfMtime(engine.field(hart, "stimecmp")) === Infinity;
  });
}
