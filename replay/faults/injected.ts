/** What every class of faults makes: a host event that says in words what was done, for the log. */
import { HOST_DEVICE, type HostEvent } from "../../core/host_event.ts";
import type { Fault, FaultInput } from "../../core/fault.ts";

/** Something that befalls the machine at a cycle, whatever it does. */
export interface TimedFault {
  readonly at: number;
  readonly device: FaultInput["device"];
  readonly fault: Fault;
  /** One line for people. */
  readonly text: string;
}

export function injected(fields: Omit<HostEvent, "device" | "kind" | "event">): HostEvent {
  return { device: HOST_DEVICE, kind: "host", event: "injected", ...fields };
}
