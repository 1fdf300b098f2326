/**
 * What a recording says of a machine's life: everything that came in, hashes of everything that
 * went out, digests, and the end. With the initial state, `entries` alone determine all the rest.
 */
import type { Input, PowerOutput } from "../core/host.ts";

/** The machine's name in the ids of a recording of one machine. */
export const SINGLE_MACHINE = "m";

/** The device in the id of a wall-clock read, which the machine's clock makes on behalf of others. */
export const CLOCK_DEVICE = "clock";

/** Something that the machine could not have computed. Source: DESIGN, "The seam". */
export type LogEntry =
  & {
    /** The guest sees it at this cycle. */
    readonly cycle: number;
    /** `machine/device#n`: n counts from 0 for each device; never renumbered. */
    readonly id: string;
    /** Of the payload's kind. */
    readonly version: number;
  }
  & (
    | { readonly kind: "input"; readonly input: Input }
    /** Nanoseconds since 1970, as the host answered. */
    | { readonly kind: "wall-clock"; readonly ns: bigint }
  );

/** Successive outputs of one device, as one hash. */
export interface OutputRun {
  readonly device: string;
  /** The cycles of the first and the last of them. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** 64 bits; see {@link OutputHash}. */
  readonly hash: bigint;
}

/** The state before the inputs of a cycle, as {@link Machine.digest} gives it. */
export interface LogDigest {
  readonly cycle: number;
  readonly digest: string;
}

/**
 * How a recording ended. `left`: the user ended it, or `signal` did. `stuck`: every hart waited and
 * nothing could come.
 * `cut`: nobody wrote an end, because the recording process was killed or the host failed.
 */
export type LogEnd =
  | { readonly reason: "power"; readonly power: PowerOutput }
  | { readonly reason: "signal"; readonly signal: string }
  | { readonly reason: "until" | "stuck" | "left" | "cut" };

/** What is known once a recording has ended. */
export interface LogConclusion {
  /** Replay ends here, before the inputs of this cycle. */
  readonly endCycle: number;
  readonly end: LogEnd;
  /** Retired by all harts; `undefined` if it was cut. */
  readonly instructions: number | undefined;
}

/** A recording's log, whole. */
export interface Log extends LogConclusion {
  /** In order of cycle, then of arrival. */
  readonly entries: readonly LogEntry[];
  /** In order of their first cycle. */
  readonly outputs: readonly OutputRun[];
  /** Ascending; at each multiple of 10 million cycles, and at `endCycle` unless it was cut. */
  readonly digests: readonly LogDigest[];
}

/** What a recorder hands on at once: the log's part from one cycle to another. */
export interface LogPart {
  /** `lastCycle` of the part before, or 0. */
  readonly firstCycle: number;
  /** All that happened before this cycle is written with this part. */
  readonly lastCycle: number;
  readonly entries: readonly LogEntry[];
  readonly outputs: readonly OutputRun[];
  readonly digests: readonly LogDigest[];
}

/** Takes parts as they are recorded. */
export interface LogSink {
  /** Whether what has gathered should be handed on now, though little it may be. */
  isDue(): boolean;
  /** What came in, in memory that lasts until the part that names it is kept; absent: it has to last. */
  hold?(bytes: Uint8Array): Uint8Array;
  /** A disk keeps what came in for it, in this very memory: told of each such input of the log, in order. */
  learned?(bytes: Uint8Array): void;
  /** @throws Error if it cannot be kept, which ends the recording */
  part(part: LogPart): void;
  /** The last call. */
  end(conclusion: LogConclusion): void;
}

/** In a word or two. */
export function describeEnd(end: LogEnd): string {
  if (end.reason === "power") return `power ${end.power.action} ${end.power.code}`;
  return end.reason === "signal" ? `signal ${end.signal}` : end.reason;
}

/** The id of a device's n-th entry. */
export function entryId(machine: string, device: string, n: number): string {
  return `${machine}/${device}#${n}`;
}

/** What an input brings that a disk keeps, if it is such a one. */
export function learnedBytes(input: Input): Uint8Array | undefined {
  return input.kind === "disk" ? input.bytes : undefined;
}

/** The device of an entry's id. */
export function deviceOf(id: string): string {
  return id.slice(id.indexOf("/") + 1, id.lastIndexOf("#"));
}

/**
 * One log of all its parts. Of a cut one, what lies at its last cycle or after is left out: that
 * cycle may not be complete.
 */
export function joinParts(
  parts: readonly LogPart[],
  conclusion: LogConclusion | undefined,
): Log {
  const { endCycle, end, instructions } = conclusion ?? {
    endCycle: parts.at(-1)?.lastCycle ?? 0,
    end: { reason: "cut" },
    instructions: undefined,
  };
  const isCut = end.reason === "cut";
  return {
    entries: parts.flatMap(({ entries }) => entries).filter(({ cycle }) =>
      !isCut || cycle < endCycle
    ),
    outputs: parts.flatMap(({ outputs }) => outputs)
      .filter(({ last }) => !isCut || last < endCycle),
    digests: parts.flatMap(({ digests }) => digests).filter(({ cycle }) => cycle <= endCycle),
    endCycle,
    end,
    instructions,
  };
}
