/** The kinds of payload that an entry may have, each with the versions that this build knows. */
import type { Input } from "../core/host.ts";

const VERSIONS = {
  console: [1],
  disk: [1, 2], // 2: with how much of a torn write reached the disk
  entropy: [1],
  fault: [1],
  frame: [1, 2], // 2: with the id that its sender in the lab gave it
  host: [1],
  link: [1],
  reseed: [1],
  "wall-clock": [1],
} as const;

export type PayloadKind = keyof typeof VERSIONS;

export const PAYLOAD_KINDS = Object.keys(VERSIONS) as readonly PayloadKind[];

/** The version in which an input is written: the first that can hold it. */
export function payloadVersion(input: Input): number {
  if (input.kind === "disk") return input.torn === undefined ? 1 : 2;
  return input.kind === "frame" && input.sent !== undefined ? 2 : 1;
}

/** Whether this build reads such payloads. */
export function isKnownPayload(kind: string, version: number): kind is PayloadKind {
  return Object.hasOwn(VERSIONS, kind) &&
    VERSIONS[kind as PayloadKind].some((known) => known === version);
}
