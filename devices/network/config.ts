/** The shape of a lab's network: cards, switches, links. Plain whole numbers and names, so that a file can hold it. */
import type { Impairments, Interval } from "./impairment.ts";

/** The latency of a link by default: 100 µs. */
export const LATENCY_CYCLES_DEFAULT = 100_000;
/** A shorter one would mean more rounds than instructions worth the name. */
export const LATENCY_CYCLES_MIN = 1_000;

export interface FabricConfig {
  /** 32 bits: all chance of the impairments follows from it. */
  readonly seed: number;
  /** From these cycles on it follows from others. Ascending. */
  readonly reseeds?: readonly { readonly cycle: number; readonly seed: number }[];
  /** Ids of occurrences of impairments that shall not occur. */
  readonly without?: readonly string[];
  /** `g1/net0`, by guest and then by NIC. */
  readonly nics: readonly string[];
  readonly switches: readonly string[];
  readonly links: readonly LinkConfig[];
}

/** How a link carries frames. */
export interface Terms {
  /** Cycles from one end to the other. */
  readonly latency: number;
  readonly up: Impairments;
  readonly down: Impairments;
}

/** A link from a NIC up to a switch, or to another NIC. */
export interface LinkConfig extends Terms {
  /** `g1.net0` if it leads to a switch, else as it was given. Its directions are `NAME:up`, `NAME:down`. */
  readonly name: string;
  /** By number. */
  readonly nic: number;
  readonly to: { readonly switch: number } | { readonly nic: number };
  /** From these cycles on it carries frames on other terms. Ascending. */
  readonly later?: readonly ({ readonly cycle: number } & Terms)[];
  /** Nothing passes, and nobody is told. Apart from each other. */
  readonly partitions: readonly Interval[];
  /** The link is down, and NICs at its ends see it. Apart from each other. */
  readonly flaps: readonly Interval[];
}

/** Of a machine alone. */
export const NO_NETWORK: FabricConfig = { seed: 0, nics: [], switches: [], links: [] };

/** So many cycles pass at least between a frame's sending and its arrival; `Infinity` without links. */
export function lookahead({ links }: FabricConfig): number {
  const terms = links.flatMap((link): Terms[] => [link, ...link.later ?? []]);
  return Math.min(...terms.map(({ latency }) => latency));
}
