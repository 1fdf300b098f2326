/**
 * What a virtio device type is to its transport, and the transport to it.
 * Source: VIRTIO 1.2, section 2 (basic facilities of a virtio device) and section 5 (device types).
 */
import type { Clock, GuestMemory } from "../../core/device.ts";
import type { Input, Output } from "../../core/host.ts";
import type { State } from "../../core/state.ts";
import type { Chain } from "./queue.ts";

/** A device type behind a transport. */
export interface VirtioChip {
  /** Section 5: 1 net, 2 block, 3 console, 4 entropy source. */
  readonly deviceId: number;
  /** Feature bits of the device type; those of queues and transport are the transport's. */
  readonly features: bigint;
  /** The largest size of each queue, in descriptors; each a power of two. */
  readonly queueSizes: readonly number[];
  /** The device-specific configuration space; the driver may only read it. */
  readonly config: Uint8Array;
  /** Called once by its transport, before anything else. */
  attach(ports: ChipPorts): void;
  /** The driver has made buffers available in a queue. */
  notify(queue: number): void;
  /** A queue was stopped, or the device reset: nothing of its buffers may be touched any more. */
  forget(queue: number): void;
  /** As {@link Device} has them. */
  input?(input: Input): void;
  reseed?(seed: number): void;
  deadline?(): number;
  tick?(): void;
  save(): State;
  summary?(): State;
  restore(state: State): void;
}

/** All that a chip may touch. */
export interface ChipPorts {
  /** The device's name, for errors. */
  readonly id: string;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  output(output: Output): void;
  /** Whether the driver accepted a feature bit. */
  negotiated(bit: number): boolean;
  /**
   * Takes available buffers, each only when it is asked for, at most as many as the queue has
   * descriptors. None while the device is not running. A malformed chain ends it and breaks the device.
   */
  chains(queue: number): Iterable<Chain>;
  /** Gives a chain back. @param sizeBytes how many bytes were written to its writable part */
  push(queue: number, chain: Chain, sizeBytes: number): void;
  /** As {@link ReportFrame} has it. */
  frameDone(index: number, dropped?: string): void;
  /** The configuration space has changed: tells the driver. */
  configChanged(): void;
  /**
   * The driver broke a rule, and the device goes on.
   * @param section of VIRTIO 1.2, where the rule stands
   * @param text what the driver did
   */
  breach(section: string, text: string): void;
  /** The same, but: DEVICE_NEEDS_RESET, and nothing is done until the driver resets it (2.1.2). */
  needsReset(section: string, text: string): void;
}

/** The error for an input that no request of the device asks for. */
export function unexpected(id: string, what: string): RangeError {
  return new RangeError(`Input for "${id}" answers nothing that it asked: ${what}`);
}
