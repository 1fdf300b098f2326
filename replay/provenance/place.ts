/** Where a value is: some bytes of a register, or of physical memory. */

/** Bytes of a register, counted from its lowest. */
export interface RegisterPlace {
  readonly kind: "register";
  readonly hart: number;
  /** `x1` to `x31`, `f0` to `f31`. */
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface MemoryPlace {
  readonly kind: "memory";
  /** Physical. */
  readonly address: number;
  readonly sizeBytes: number;
}

export type Place = RegisterPlace | MemoryPlace;

/** Bytes of a value, counted from its lowest. */
export interface Bytes {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** What two ranges of memory share. */
export function overlap(
  a: { readonly address: number; readonly sizeBytes: number },
  b: { readonly address: number; readonly sizeBytes: number },
): MemoryPlace | undefined {
  const address = Math.max(a.address, b.address);
  const sizeBytes = Math.min(a.address + a.sizeBytes, b.address + b.sizeBytes) - address;
  return sizeBytes > 0 ? { kind: "memory", address, sizeBytes } : undefined;
}

/** What of a range of memory is not in another one. */
export function without(
  whole: MemoryPlace,
  part: { readonly address: number; readonly sizeBytes: number },
): MemoryPlace[] {
  const end = whole.address + whole.sizeBytes;
  const partEnd = part.address + part.sizeBytes;
  return [[whole.address, Math.min(part.address, end)], [Math.max(partEnd, whole.address), end]]
    .filter(([from, to]) => to > from)
    .map(([from, to]): MemoryPlace => ({ kind: "memory", address: from, sizeBytes: to - from }));
}
