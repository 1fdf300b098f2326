/**
 * Split virtqueue, the device's side. Source: VIRTIO 1.2, section 2.7.
 *
 * Everything in the rings is the guest's word: what breaks the rules is a {@link QueueFault}, and a
 * chain takes at most as many steps as the queue has descriptors.
 */
import type { GuestMemory } from "../../core/device.ts";
import type { Segment } from "./segments.ts";

const DESCRIPTOR_BYTES = 16; // u64 address, u32 length, u16 flags, u16 next
const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;

const RING = 4; // offset of the entries, behind u16 flags, u16 idx
const AVAIL_F_NO_INTERRUPT = 1;

/** A chain holds less than this many bytes: VIRTIO 1.2, 2.7.5.2. */
const CHAIN_BYTES_LIMIT = 2 ** 32;

/** A buffer that the driver made available. */
export type Chain = {
  /** Index of its first descriptor: its name in the used ring. */
  readonly head: number;
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
  readonly readableBytes: number;
  readonly writableBytes: number;
};

/** The driver broke a rule of the queue, which stands in that section of VIRTIO 1.2. */
export type QueueFault = { readonly fault: string; readonly section: string };

const NO_AVAILABLE_RING: QueueFault = {
  fault: "the available ring is outside RAM",
  section: "2.7.6",
};
export const NO_USED_RING: QueueFault = { fault: "the used ring is outside RAM", section: "2.7.8" };

/** What was negotiated for all queues of a device. */
export interface QueueFeatures {
  readonly indirect: boolean;
  readonly eventIdx: boolean;
}

export type QueueState = {
  readonly size: number;
  readonly ready: boolean;
  /** Low and high halves of the addresses of the descriptor, driver and device areas. */
  readonly addresses: readonly number[];
  readonly availIndex: number;
  readonly usedIndex: number;
};

export class Virtqueue {
  /** In descriptors. */
  size: number;
  ready = false;
  /** Low and high halves of the addresses of the descriptor, driver and device areas. */
  readonly addresses = new Uint32Array(6);
  readonly #memory: GuestMemory;
  #availIndex = 0;
  #usedIndex = 0;

  /** @param sizeMax in descriptors, a power of two, at most 32768 */
  constructor(readonly sizeMax: number, memory: GuestMemory) {
    this.size = sizeMax;
    this.#memory = memory;
  }

  /** QueueReady = 1. False: the driver chose a size that is not a power of two within the maximum. */
  start(): boolean {
    const { size } = this;
    if (size < 1 || size > this.sizeMax || (size & (size - 1)) !== 0) return false;
    this.ready = true;
    this.#availIndex = 0;
    this.#usedIndex = 0;
    return true;
  }

  reset(): void {
    this.size = this.sizeMax;
    this.ready = false;
    this.addresses.fill(0);
    this.#availIndex = 0;
    this.#usedIndex = 0;
  }

  /** The next available chain; `undefined` if there is none. */
  pop(features: QueueFeatures): Chain | QueueFault | undefined {
    const index = this.#u16(this.#driverArea + 2);
    if (index === undefined) return NO_AVAILABLE_RING;
    const waiting = (index - this.#availIndex) & 0xffff;
    if (waiting === 0) return undefined;
    if (waiting > this.size) {
      const fault = `${waiting} buffers are available in a queue of ${this.size}`;
      return { fault, section: "2.7.6.1" };
    }
    const slot = this.#availIndex & (this.size - 1);
    const head = this.#u16(this.#driverArea + RING + 2 * slot);
    if (head === undefined) return NO_AVAILABLE_RING;
    this.#availIndex = (this.#availIndex + 1) & 0xffff;
    return this.#chain(head, features.indirect);
  }

  /** Asks the driver to notify of the next buffer (2.7.10); without VIRTIO_F_EVENT_IDX it always does. */
  expectNext(features: QueueFeatures): boolean {
    if (!features.eventIdx) return true;
    const availEvent = this.#deviceArea + RING + 8 * this.size;
    return this.#memory.write(availEvent, littleEndian16(this.#availIndex));
  }

  /** Adds to the used ring. @returns whether the driver wants an interrupt for it */
  push(head: number, sizeBytes: number, features: QueueFeatures): boolean | QueueFault {
    const slot = this.#usedIndex & (this.size - 1);
    const before = this.#usedIndex;
    this.#usedIndex = (before + 1) & 0xffff;
    const stored =
      this.#memory.write(this.#deviceArea + RING + 8 * slot, usedElement(head, sizeBytes)) &&
      this.#memory.write(this.#deviceArea + 2, littleEndian16(this.#usedIndex));
    if (!stored) return NO_USED_RING;
    const wish = features.eventIdx
      ? this.#u16(this.#driverArea + RING + 2 * this.size)
      : this.#u16(this.#driverArea);
    if (wish === undefined) return NO_AVAILABLE_RING;
    // used_event names the index whose use the driver wants to hear of (2.7.7.2).
    return features.eventIdx ? wish === before : (wish & AVAIL_F_NO_INTERRUPT) === 0;
  }

  save(): QueueState {
    return {
      size: this.size,
      ready: this.ready,
      addresses: [...this.addresses],
      availIndex: this.#availIndex,
      usedIndex: this.#usedIndex,
    };
  }

  restore(state: QueueState): void {
    this.size = state.size;
    this.ready = state.ready;
    this.addresses.set(state.addresses);
    this.#availIndex = state.availIndex;
    this.#usedIndex = state.usedIndex;
  }

  get #descriptorArea(): number {
    return this.addresses[0] + this.addresses[1] * 2 ** 32;
  }

  get #driverArea(): number {
    return this.addresses[2] + this.addresses[3] * 2 ** 32;
  }

  get #deviceArea(): number {
    return this.addresses[4] + this.addresses[5] * 2 ** 32;
  }

  #chain(head: number, indirect: boolean): Chain | QueueFault {
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let readableBytes = 0;
    let writableBytes = 0;
    let table = this.#descriptorArea;
    let entries = this.size;
    let inside = false; // an indirect table
    let next = head;
    for (let left = this.size; left > 0;) {
      if (next >= entries) {
        return { fault: `descriptor ${next} in a table of ${entries}`, section: "2.7.5" };
      }
      const descriptor = this.#memory.view(table + DESCRIPTOR_BYTES * next, DESCRIPTOR_BYTES);
      if (descriptor === undefined) {
        return { fault: "the descriptor table is outside RAM", section: "2.7.5" };
      }
      const address = u32(descriptor, 0) + u32(descriptor, 4) * 2 ** 32;
      const sizeBytes = u32(descriptor, 8);
      const flags = descriptor[12] | (descriptor[13] << 8);
      next = descriptor[14] | (descriptor[15] << 8);
      if ((flags & F_INDIRECT) !== 0) {
        if (!indirect) return indirectFault("is used, and was not negotiated");
        if (inside) return indirectFault("lies in an indirect table");
        if ((flags & F_NEXT) !== 0) return indirectFault("has VIRTQ_DESC_F_NEXT");
        entries = sizeBytes / DESCRIPTOR_BYTES;
        if (!Number.isInteger(entries) || entries === 0) {
          return { fault: `an indirect table has ${sizeBytes} bytes`, section: "2.7.5.3" };
        }
        [table, inside, next] = [address, true, 0];
        continue;
      }
      left--;
      const write = (flags & F_WRITE) !== 0;
      if (!write && writable.length > 0) {
        return { fault: "a readable descriptor follows a writable one", section: "2.7.4.2" };
      }
      if (sizeBytes > 0 && this.#memory.view(address, sizeBytes) === undefined) {
        const where = `at 0x${address.toString(16)}`;
        return {
          fault: `a buffer of ${sizeBytes} bytes ${where} is outside RAM`,
          section: "2.7.5",
        };
      }
      (write ? writable : readable).push({ address, sizeBytes });
      if (write) writableBytes += sizeBytes;
      else readableBytes += sizeBytes;
      if (readableBytes + writableBytes >= CHAIN_BYTES_LIMIT) {
        return { fault: "a chain holds 2^32 bytes or more", section: "2.7.5.2" };
      }
      if ((flags & F_NEXT) === 0) return { head, readable, writable, readableBytes, writableBytes };
    }
    // Without an indirect table it is a loop, which 2.7.5.2 forbids; with one it need not be.
    const fault = `a chain has more than ${this.size} descriptors`;
    return { fault, section: inside ? "2.7.5.3.1" : "2.7.5.2" };
  }

  #u16(address: number): number | undefined {
    const bytes = this.#memory.view(address, 2);
    return bytes === undefined ? undefined : bytes[0] | (bytes[1] << 8);
  }
}

function indirectFault(why: string): QueueFault {
  return { fault: `an indirect descriptor ${why}`, section: "2.7.5.3.1" };
}

function u32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) |
    (bytes[offset + 3] << 24)) >>> 0;
}

function littleEndian16(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8);
}

function usedElement(head: number, sizeBytes: number): Uint8Array {
  return Uint8Array.of(
    ...[head, head >> 8, 0, 0],
    ...[sizeBytes, sizeBytes >> 8, sizeBytes >> 16, sizeBytes >> 24],
  );
}
