/**
 * What a link does to frames beside carrying them, and by which chance.
 *
 * Each occurrence has an id, `g1.net0:up/loss#17`: what befell frame 17 of g1/net0 on its way up. Down
 * from a switch frames come from many: `g2.net0:down/loss:g1.net0#17`. Whether it occurs follows from
 * the seed and the id alone, so that taking one away changes nothing about the others.
 */
import { Random, seedFor } from "../../core/random.ts";

/** A chance of 1. Chances are whole numbers, so that none is rounded on its way into a file. */
export const CERTAIN = 2 ** 32;

/** Something that befalls a frame with a chance, in 1 / {@link CERTAIN}. */
export interface Delayed {
  readonly chance: number;
  /** How much later, in cycles. */
  readonly delay: number;
}

/** What one direction of a link does to frames; what is absent does not happen. */
export interface Impairments {
  /** Up to this many cycles are added to the latency; frames keep their order. */
  readonly jitter?: number;
  /** A frame vanishes. Chance in 1 / {@link CERTAIN}. */
  readonly loss?: number;
  /** A second copy arrives, so much later. */
  readonly duplicate?: Delayed;
  /** A frame comes late, and those behind it overtake it. */
  readonly reorder?: Delayed;
  /** One bit behind the Ethernet header is flipped. */
  readonly corrupt?: number;
  /** One bit of what TCP, UDP or ICMP carries is flipped, and the checksum is made to fit. */
  readonly "corrupt-valid"?: number;
  /** Bits per second; frames queue for it. */
  readonly rate?: number;
  /** How many frames may queue; the next one is dropped. */
  readonly queue?: number;
}

/** The kinds that befall single frames. */
export type ImpairmentKind = keyof Omit<Impairments, "rate">;

/** From a cycle to the cycle before another. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** The number that decides an occurrence: 32 bits, unsigned. */
export function draw(seed: number, id: string): number {
  return new Random(seedFor(seed, id)).next();
}

/** An even choice from 0 to `bound` - 1 that goes with an occurrence, apart from {@link draw}. */
export function choice(seed: number, id: string, bound: number): number {
  return new Random(seedFor(seed, `${id}?`)).below(bound);
}
