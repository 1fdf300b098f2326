/**
 * The seam between the machine and everything outside it.
 *
 * A live host, the recorder and the player implement it alike; the machine does not know which.
 * Every input carries the cycle at which the guest saw it, because the machine asks at that cycle.
 */
import type { FaultInput } from "./fault.ts";
import type { HostEvent } from "./host_event.ts";

/** What leaves the machine. A `request` is answered by one input with the same number. */
export type Output =
  | { readonly kind: "console"; readonly bytes: Uint8Array }
  | DiskRequest
  | {
    readonly kind: "entropy";
    readonly request: number;
    readonly sizeBytes: number;
    /** See {@link DiskRequest.due}. */
    readonly due: number | undefined;
  }
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | PowerOutput;

/** A request to a disk's backing store. */
export interface DiskRequest {
  readonly kind: "disk";
  readonly request: number;
  readonly operation: "read" | "write" | "flush" | "discard";
  /** In bytes from the start of the disk. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** What a `write` writes. */
  readonly bytes?: Uint8Array;
  /** What the guest wants to `read`: of it, the machine asks the host only for what it does not know. */
  readonly range?: { readonly offset: number; readonly sizeBytes: number };
  /** Model timing: the cycle at which the answer must arrive. Absent: when the host has it. */
  readonly due: number | undefined;
}

/** The guest turned itself off, or asked for a reset, through the test finisher. */
export interface PowerOutput {
  readonly kind: "power";
  readonly action: "poweroff" | "reset" | "fail";
  /** The guest's 16-bit code; 0 unless `fail`. */
  readonly code: number;
}

/** The device of an input to the machine as a whole, as it stands in the log. */
export const MACHINE_DEVICE = "machine";

/** `g1/net0>7`: the frame that left this device of this machine as its n-th, from 0. */
export type FrameId = `${string}/${string}>${number}`;

/** What enters the machine, addressed to a device, to the machine itself, or to nobody. */
export type Input =
  | { readonly device: string; readonly kind: "console"; readonly bytes: Uint8Array }
  | {
    readonly device: string;
    readonly kind: "disk";
    readonly request: number;
    /** 0, or the host's error as a name of errno.h, such as `EIO`. */
    readonly error: string | undefined;
    /** What a `read` read. */
    readonly bytes?: Uint8Array;
    /** Of a `write`: only so many of its bytes reached the disk, whatever `error` says. */
    readonly torn?: number;
  }
  | {
    readonly device: string;
    readonly kind: "entropy";
    readonly request: number;
    readonly bytes: Uint8Array;
  }
  | {
    readonly device: string;
    readonly kind: "frame";
    readonly bytes: Uint8Array;
    /** Which frame it is, if a machine of the same lab sent it. No device looks at it. */
    readonly sent?: FrameId;
  }
  | { readonly device: string; readonly kind: "link"; readonly up: boolean }
  | Reseed
  | FaultInput
  | HostEvent;

/**
 * From this cycle on all that is chosen follows from another seed: the quanta of harts, the latencies
 * of model timing. At cycle 0: as in a machine that was built with that seed.
 */
export interface Reseed {
  readonly device: typeof MACHINE_DEVICE;
  readonly kind: "reseed";
  /** 32 bits. */
  readonly seed: number;
}

/** The outside world as the machine sees it. Cycles never decrease from one call to the next. */
export interface Host {
  /**
   * Something left the machine. Must not call back into the machine, which ends its slice here: the
   * answer may come before the horizon that was given last.
   */
  output(cycle: number, device: string, output: Output): void;
  /** Takes the next input that the guest sees at this cycle; `undefined` when there is no more. */
  take(cycle: number): Input | undefined;
  /** The machine may run to this cycle, which is above `cycle`, before it asks again. */
  horizon(cycle: number): number;
  /** A promise to await before inputs are taken at this cycle (an answer is due but late, or it is time to let the event loop turn); `undefined`: go on. */
  settle(cycle: number): Promise<void> | undefined;
  /**
   * All harts wait for an interrupt.
   * @param deadline the cycle of the machine's next timer, above `cycle`; `Infinity` if none is armed
   * @returns the cycle at which to go on, above or equal to `cycle` and at most `deadline`;
   *   `Infinity` if there is no deadline and no input can come any more
   */
  idle(cycle: number, deadline: number): number | Promise<number>;
  /** Nanoseconds since 1970 by the host's calendar. */
  wallTimeNs(cycle: number): bigint;
}
