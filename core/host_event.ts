/**
 * What happened on the host's side that a guest cannot see by itself.
 *
 * It is an input, so that it has a cycle and an id in the log; the machine passes over it. What the
 * guest does see of it is an input of its own: the completion with the same `concerns` and `request`.
 */

/** The device of a host event's id: `machine/host#n`. */
export const HOST_DEVICE = "host";

/**
 * `io-error`: a request failed, `error` says how. `image-changed`: blocks that the machine has read
 * are others now; `bytes` are the new ones, and the guest keeps the old. `stall`: the machine or an
 * answer stood still for `ns` of wall time. `end-closed`: a live end has lost its other side, and
 * nothing comes from it unless its link goes up again. `frames-lost`: frames got no further than the host.
 * `injected`: somebody made this happen, to see what the guest does.
 */
export const HOST_EVENTS = [
  "io-error",
  "image-changed",
  "stall",
  "end-closed",
  "frames-lost",
  "injected",
] as const;

export type HostEventName = typeof HOST_EVENTS[number];

/** What is absent does not apply, or the host does not have it. */
export interface HostEvent {
  readonly device: typeof HOST_DEVICE;
  readonly kind: "host";
  readonly event: HostEventName;
  /** The id of the device whose host's side it is; `machine`: all of it. */
  readonly concerns: string;
  /** The number of the request whose answer it shaped. */
  readonly request?: number;
  /** A name from errno.h, such as `EIO`. */
  readonly error?: string;
  /** Where on the disk, in bytes from its start. */
  readonly offset?: number;
  /** Nanoseconds of wall time. */
  readonly ns?: bigint;
  /** One line for people: 1 to 200 printable ASCII characters. */
  readonly text: string;
  /** From `offset` on: what is there now; of a failed read, the true data. */
  readonly bytes?: Uint8Array;
}
