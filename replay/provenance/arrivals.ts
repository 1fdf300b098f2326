/** Which byte of which input a device wrote to memory, told by what it wrote. */
import type { Cursor } from "../cursor.ts";
import type { MemoryPlace } from "./place.ts";

const SECTOR_BYTES = 512;
/** Inputs of a device that may still have waited in it. */
const INPUTS_MAX = 64;
/** So many bytes around the place say where in an input it is, if they are there once. */
const WINDOWS = [16, 64, 256];

/** An entry of a log, as far as this looks at it. */
export interface InputEntry {
  readonly cycle: number;
  /** `machine/device#n` */
  readonly id: string;
  readonly input?: {
    readonly kind: string;
    readonly device?: string;
    readonly bytes?: Uint8Array;
    readonly request?: number;
    readonly sent?: string;
  };
}

/** Something that came from outside. */
export type Arrived = {
  /** `machine/device#n` */
  readonly id: string;
  readonly cycle: number;
  /** `frame`, `disk`, … */
  readonly kind: string;
  /** Counted from the input's first byte; `undefined` if its bytes do not tell. */
  readonly byte: number | undefined;
  /** Of a disk: the sector, and the byte in it. */
  readonly sector?: number;
  readonly sectorByte?: number;
  /** Of a frame that a guest of the same lab sent: `g1/net0>7`. */
  readonly sent?: string;
};

/**
 * The input that explains what a device wrote in a cycle; `undefined` if none does, as for a ring's index.
 * @param write what the device wrote in one go, of which `place` is part
 */
export async function arrivedIn(
  cursor: Cursor,
  entries: readonly InputEntry[],
  device: string,
  cycle: number,
  write: { readonly address: number; readonly sizeBytes: number },
  place: MemoryPlace,
): Promise<Arrived | undefined> {
  const disk = diskPlace(cursor, entries, device, cycle, place);
  if (disk) return disk;
  await cursor.seek(cycle + 1);
  const written = cursor.readMemory(write.address, write.sizeBytes);
  if (!written) return undefined;
  const at = place.address - write.address;
  const before = entries.filter((entry) => entry.cycle <= cycle && entry.input?.device === device)
    .slice(-INPUTS_MAX);
  for (const { id, cycle, input } of before.reverse()) {
    const byte = input?.bytes && placeOf(written, at, place.sizeBytes, input.bytes);
    if (input === undefined || byte === undefined) continue;
    return { id, cycle, kind: input.kind, byte, ...(input.sent && { sent: input.sent }) };
  }
  return undefined;
}

/**
 * The input whose byte the instruction of a cycle has taken from a device's register: one byte fewer
 * waits in the device after it. `undefined`: it took none.
 */
export async function receivedIn(
  cursor: Cursor,
  entries: readonly InputEntry[],
  cycle: number,
): Promise<Arrived | undefined> {
  const typed = entries.filter((entry) => entry.cycle <= cycle && entry.input?.kind === "console");
  for (const device of new Set(typed.map(({ input }) => input!.device!))) {
    const of = typed.filter(({ input }) => input!.device === device);
    await cursor.seek(cycle);
    const [next, before] = [waiting(cursor, device)?.at(0), waiting(cursor, device)?.length];
    await cursor.seek(cycle + 1);
    const left = waiting(cursor, device)?.length;
    if (left === undefined || left + 1 !== before) continue;
    const found = fromEnd(of, left);
    if (found && found.value === next) return found.arrived;
  }
  return undefined;
}

/** What a receiver holds: the byte that is read next is the first one. */
function waiting(cursor: Cursor, device: string): readonly number[] | undefined {
  const { received, backlog } = (cursor.deviceState(device) ?? {}) as {
    readonly received?: Uint8Array;
    readonly backlog?: Uint8Array;
  };
  return received && backlog && [...received, ...backlog];
}

/** The byte after which so many more have come. */
function fromEnd(
  typed: readonly InputEntry[],
  behind: number,
): { readonly value: number; readonly arrived: Arrived } | undefined {
  for (const { id, cycle, input } of typed.toReversed()) {
    const { kind, bytes } = input!;
    const byte = (bytes?.length ?? 0) - 1 - behind;
    if (byte >= 0) return { value: bytes![byte], arrived: { id, cycle, kind, byte } };
    behind -= bytes?.length ?? 0;
  }
  return undefined;
}

// Where the bytes at `at` of what was written stand in an input.
function placeOf(
  written: Uint8Array,
  at: number,
  sizeBytes: number,
  input: Uint8Array,
): number | undefined {
  for (const window of WINDOWS) {
    // What a device puts before its input, such as a header, is not in it.
    for (const before of [0, window]) {
      const from = Math.max(0, at - before);
      const sample = written.subarray(from, Math.max(at + sizeBytes, at + window));
      const found = occurrences(input, sample);
      if (found.length === 1) return found[0] + at - from;
    }
  }
  return undefined;
}

// At most two: more say no more.
function occurrences(bytes: Uint8Array, sample: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 0; at + sample.length <= bytes.length && found.length < 2; at++) {
    let same = 0;
    while (same < sample.length && bytes[at + same] === sample[same]) same++;
    if (same === sample.length) found.push(at);
  }
  return found;
}

/** What a block device remembers of a request, as far as this looks at it. */
interface DiskRequest {
  readonly request: number;
  readonly range: { readonly offset: number };
  readonly chain?: {
    readonly writable: readonly { readonly address: number; readonly sizeBytes: number }[];
  };
}

// Before the cycle of its answer, the request says what of the disk goes where.
function diskPlace(
  cursor: Cursor,
  entries: readonly InputEntry[],
  device: string,
  cycle: number,
  { address }: MemoryPlace,
): Arrived | undefined {
  const state = cursor.deviceState(device) as
    | { readonly chip?: { readonly inFlight?: readonly DiskRequest[] } }
    | undefined;
  for (const { id, cycle: at, input } of entries) {
    if (at !== cycle || input?.device !== device || input.request === undefined) continue;
    const asked = state?.chip?.inFlight?.find((it) => it.request === input.request);
    let offset = asked?.range.offset ?? 0;
    for (const segment of asked?.chain?.writable ?? []) {
      if (address >= segment.address && address < segment.address + segment.sizeBytes) {
        const byte = offset + address - segment.address;
        return {
          id,
          cycle,
          kind: "disk",
          byte: undefined,
          sector: Math.floor(byte / SECTOR_BYTES),
          sectorByte: byte % SECTOR_BYTES,
        };
      }
      offset += segment.sizeBytes;
    }
  }
  return undefined;
}
