/** Where in its sender's memory a frame was when it was sent. Source: VIRTIO 1.2, 2.7 (split virtqueues) and 5.1.6. */
import type { Cursor } from "../cursor.ts";
import type { Bytes, MemoryPlace } from "./place.ts";

const TRANSMITQ = 1;
/** Before each frame: struct virtio_net_hdr. */
const HEADER_BYTES = 12;
const DESCRIPTOR_BYTES = 16;
/** The available ring begins behind its flags and its index. */
const RING = 4;
const F_NEXT = 1;
const F_INDIRECT = 4;
const CHAIN_MAX = 32768;

/** What a transport keeps of a queue, as far as this looks at it. */
interface QueueState {
  readonly size: number;
  /** Low and high halves of the addresses of the descriptor and the driver area. */
  readonly addresses: readonly number[];
  readonly availIndex: number;
}

/**
 * The places of some bytes of a frame, in their order; `undefined` if its buffers are not there.
 * @param cursor before the cycle in which the frame left
 * @param index how many others left the device before it in that cycle
 */
export function sentPlaces(
  cursor: Cursor,
  device: string,
  index: number,
  bytes: Bytes,
): MemoryPlace[] | undefined {
  const state = cursor.deviceState(device) as
    | { readonly queues?: readonly QueueState[] }
    | undefined;
  const queue = state?.queues?.[TRANSMITQ];
  const segments = queue && chainAt(cursor, queue, queue.availIndex + index);
  if (segments === undefined) return undefined;
  const places: MemoryPlace[] = [];
  const from = HEADER_BYTES + bytes.offset;
  let at = 0;
  for (const { address, sizeBytes } of segments) {
    const start = Math.max(from, at);
    const end = Math.min(from + bytes.sizeBytes, at + sizeBytes);
    if (end > start) {
      places.push({ kind: "memory", address: address + start - at, sizeBytes: end - start });
    }
    at += sizeBytes;
  }
  return at < from + bytes.sizeBytes ? undefined : places;
}

type Segment = Pick<MemoryPlace, "address" | "sizeBytes">;

function chainAt(
  cursor: Cursor,
  { size, addresses }: QueueState,
  index: number,
): Segment[] | undefined {
  const [descriptors, driver] = [wide(addresses, 0), wide(addresses, 2)];
  const head = view(cursor, driver + RING + 2 * (index & (size - 1)), 2)?.getUint16(0, true);
  return head === undefined ? undefined : chain(cursor, descriptors, head);
}

function chain(
  cursor: Cursor,
  table: number,
  head: number,
  isIndirect = false,
): Segment[] | undefined {
  const segments: Segment[] = [];
  let next: number | undefined = head;
  for (let count = 0; next !== undefined && count < CHAIN_MAX; count++) {
    const descriptor = view(cursor, table + DESCRIPTOR_BYTES * next, DESCRIPTOR_BYTES);
    if (descriptor === undefined) return undefined;
    const address = Number(descriptor.getBigUint64(0, true));
    const flags = descriptor.getUint16(12, true);
    if ((flags & F_INDIRECT) !== 0) {
      return isIndirect ? undefined : chain(cursor, address, 0, true); // 2.7.5.3.1: not within one
    }
    segments.push({ address, sizeBytes: descriptor.getUint32(8, true) });
    next = (flags & F_NEXT) === 0 ? undefined : descriptor.getUint16(14, true);
  }
  return segments;
}

function wide(halves: readonly number[], at: number): number {
  return halves[at] + halves[at + 1] * 2 ** 32;
}

function view(cursor: Cursor, address: number, sizeBytes: number): DataView | undefined {
  const bytes = cursor.readMemory(address, sizeBytes);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
