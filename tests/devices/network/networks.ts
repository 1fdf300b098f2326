/** Networks for tests: configurations, traffic, and what is to be known of each frame at the end. */
import type { FabricConfig, LinkConfig } from "../../../devices/network/config.ts";
import type { FabricEvent } from "../../../devices/network/events.ts";
import { CERTAIN, type Impairments } from "../../../devices/network/impairment.ts";

export const LATENCY = 100_000;

/** A link from a NIC to the switch. */
export function link(nic: number, fields: Partial<LinkConfig> = {}): LinkConfig {
  return {
    name: `g${nic + 1}.net0`,
    nic,
    to: { switch: 0 },
    latency: LATENCY,
    up: {},
    down: {},
    partitions: [],
    flaps: [],
    ...fields,
  };
}

/** Guests on one switch, each with one NIC. */
export function star(count: number, fields: Partial<LinkConfig> = {}, seed = 1): FabricConfig {
  const nics = Array.from({ length: count }, (_, nic) => `g${nic + 1}/net0`);
  return { seed, nics, switches: ["lan"], links: nics.map((_, nic) => link(nic, fields)) };
}

/** A chance as the network has it. */
export function chance(probability: number): number {
  return Math.round(probability * CERTAIN);
}

export const HOSTILE: Impairments = {
  jitter: 30_000,
  loss: chance(0.1),
  duplicate: { chance: chance(0.1), delay: 70_000 },
  reorder: { chance: chance(0.1), delay: 300_000 },
  corrupt: chance(0.1),
  "corrupt-valid": chance(0.1),
  rate: 50_000_000,
  queue: 4,
};

/** The address of the n-th NIC. */
export function mac(nic: number): number[] {
  return [2, 0, 0, 0, 0, nic + 1];
}

export const BROADCAST = [255, 255, 255, 255, 255, 255];

/** A frame of the experimental type 0x88b5, with this content. */
export function frame(to: readonly number[], from: readonly number[], content: number[] = []) {
  return Uint8Array.from([...to, ...from, 0x88, 0xb5, ...content]);
}

/** How many copies of each frame came to their end, and how many there were: equal if none is lost sight of. */
export function account(
  events: readonly FabricEvent[],
): Map<string, { made: number; ended: number }> {
  const frames = new Map<string, { made: number; ended: number }>();
  for (const event of events) {
    if (event.kind === "link") continue;
    const it = frames.get(event.frame) ?? { made: 1, ended: 0 };
    frames.set(event.frame, it);
    if (event.kind === "delivered" || event.kind === "dropped") it.ended++;
    if (event.kind === "forwarded") it.made += event.copies - 1;
    if (event.kind === "impaired" && event.what === "duplicate") it.made++;
  }
  return frames;
}
