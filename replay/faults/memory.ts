/** Memory that forgets: a bit of RAM flips. */
import { MACHINE_DEVICE } from "../../core/host.ts";
import type { TimedFault } from "./injected.ts";

export interface MemoryFault {
  readonly at: number;
  /** Guest-physical, in RAM. */
  readonly address: number;
  /** 0 to 7. */
  readonly bit: number;
}

export function memoryFault({ at, address, bit }: MemoryFault): TimedFault {
  const text = `bit ${bit} of the byte at 0x${address.toString(16)} is flipped`;
  return { at, device: MACHINE_DEVICE, fault: { fault: "flip", address, bit }, text };
}
