/** Wall time in which the machine, or an answer that it waits for, stood still. */
import { HOST_DEVICE, type HostEvent } from "../../core/host_event.ts";

/** A gap of this length is told. */
export const STALL_MS = 1000;

/** @param concerns the device whose answer was late; `machine`: nothing ran at all */
export function stall(ms: number, concerns: string, request?: number): HostEvent {
  const what = request === undefined ? "nothing ran" : `request ${request} was not answered`;
  return {
    device: HOST_DEVICE,
    kind: "host",
    event: "stall",
    concerns,
    ...(request === undefined ? {} : { request }),
    ns: BigInt(Math.round(ms * 1e6)),
    text: `${what} for ${(ms / 1000).toFixed(3)} s of wall time`,
  };
}
