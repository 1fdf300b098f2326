/** Scattered guest memory as one run of bytes. Source: VIRTIO 1.2, 2.6.4 (message framing). */
import type { GuestMemory } from "../../core/device.ts";

/** A piece of guest memory that a descriptor names. */
export type Segment = { readonly address: number; readonly sizeBytes: number };

/** Copies `sizeBytes` bytes out of the segments, from `offset` on; `undefined` if they have fewer, or lie outside RAM. */
export function gather(
  memory: GuestMemory,
  segments: readonly Segment[],
  offset: number,
  sizeBytes: number,
): Uint8Array | undefined {
  const out = new Uint8Array(sizeBytes);
  let filled = 0;
  for (const { address, skip, take } of parts(segments, offset, sizeBytes)) {
    const view = memory.view(address + skip, take);
    if (view === undefined) return undefined;
    out.set(view, filled);
    filled += take;
  }
  return filled === sizeBytes ? out : undefined;
}

/** Stores bytes in the segments, from `offset` on; false if there is no room for all of them. */
export function scatter(
  memory: GuestMemory,
  segments: readonly Segment[],
  offset: number,
  bytes: Uint8Array,
): boolean {
  let stored = 0;
  for (const { address, skip, take } of parts(segments, offset, bytes.length)) {
    if (!memory.write(address + skip, bytes.subarray(stored, stored + take))) return false;
    stored += take;
  }
  return stored === bytes.length;
}

function* parts(segments: readonly Segment[], offset: number, sizeBytes: number) {
  let skip = offset;
  let left = sizeBytes;
  for (const { address, sizeBytes: size } of segments) {
    if (left === 0) return;
    const take = Math.min(Math.max(size - skip, 0), left);
    if (take > 0) yield { address, skip, take };
    left -= take;
    skip = Math.max(skip - size, 0);
  }
}
