/** The kinds of payload that an entry may have, each with the version that this build writes. */

const VERSIONS = {
  console: 1,
  disk: 1,
  entropy: 1,
  frame: 1,
  host: 1,
  link: 1,
  reseed: 1,
  "wall-clock": 1,
} as const;

export type PayloadKind = keyof typeof VERSIONS;

export const PAYLOAD_KINDS = Object.keys(VERSIONS) as readonly PayloadKind[];

export function payloadVersion(kind: PayloadKind): number {
  return VERSIONS[kind];
}

/** Whether this build reads such payloads. */
export function isKnownPayload(kind: string, version: number): kind is PayloadKind {
  return Object.hasOwn(VERSIONS, kind) && VERSIONS[kind as PayloadKind] === version;
}
