/** When devices next act by themselves. */
import type { Device } from "./device.ts";

/** The devices of a machine that act by themselves, and the next cycle at which one does. */
export class Deadlines {
  readonly #devices: readonly Required<Pick<Device, "deadline" | "tick">>[];
  #next = Infinity;

  constructor(devices: readonly Device[]) {
    // Bound, since a call of a method must find it anew wherever devices of many classes meet.
    this.#devices = devices.flatMap((device) =>
      device.deadline && device.tick
        ? [{ deadline: device.deadline.bind(device), tick: device.tick.bind(device) }]
        : []
    );
  }

  /** `Infinity` if no device is going to act. Right until something calls a device. */
  get next(): number {
    return this.#next;
  }

  /** To be called when something has called a device: asks all of them, since lines connect them. */
  look(): number {
    let next = Infinity;
    for (const { deadline } of this.#devices) next = Math.min(next, deadline());
    return this.#next = next;
  }

  /** Has those act whose cycle has come; returns {@link next}. */
  tick(cycle: number): number {
    if (cycle < this.#next) return this.#next;
    for (const { deadline, tick } of this.#devices) {
      if (deadline() <= cycle) tick();
    }
    return this.look();
  }
}
