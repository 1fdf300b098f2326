/** A small pseudo-random generator whose whole state is one number. Source: Steele et al., SplitMix (32-bit variant by B. Baker). */
export class Random {
  /** @param state 32 bits; save it and give it back to go on with the same sequence */
  constructor(public state: number) {}

  /** The next 32 bits, unsigned. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** An integer from 0 to `bound` - 1; `bound` is at most 2^32. */
  below(bound: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * bound);
  }

  /** The next `sizeBytes` bytes. */
  bytes(sizeBytes: number): Uint8Array {
    return Uint8Array.from({ length: sizeBytes }, () => this.next() >>> 24);
  }
}

/** A seed for one of several independent sequences of a machine, by name. FNV-1a over both. */
export function seedFor(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash | 0;
}
