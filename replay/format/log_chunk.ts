/** A part of the log as a chunk's payload. Source: FORMAT.md, "LOG" and "BLOB". */
import { HOST_DEVICE } from "../../core/host_event.ts";
import { type FrameId, type Input, MACHINE_DEVICE } from "../../core/host.ts";
import type { LogEntry, LogPart, OutputRun } from "../log.ts";
import { isKnownPayload, type PayloadKind } from "../payloads.ts";
import { encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";
import { decodeFault, encodeFault } from "./fault_payload.ts";
import { decodeHostEvent, encodeHostEvent } from "./host_payload.ts";
import { Table } from "./table.ts";

/** Bytes up to this many stand among the entries; more stand in the blob. */
const INLINE_BYTES_MAX = 64;
/** One input has at most this many bytes. */
const INPUT_BYTES_MAX = 33 * 1024 * 1024;
/** A BLOB chunk is closed at about this size. */
const BLOB_BYTES = 8 * 1024 * 1024;
const ROWS_MAX = 500_000;
const U64_MAX = (1n << 64n) - 1n;

const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const ERROR = /^E[A-Z0-9]{1,31}$/;
const ID = /^([a-z][a-z0-9-]{0,31})\/([a-z][a-z0-9-]{0,31})[#>](\d{1,15})$/;
const N_MAX = 999_999_999_999_999;

/** The payloads of the LOG chunk and, in pieces, of the BLOB chunks that precede it. */
export function encodePart(
  part: LogPart,
): { log: Uint8Array; blobs: readonly (readonly Uint8Array[])[] } {
  const machines = new Table();
  const devices = new Table();
  const kinds = new Table(); // `frame 2`
  const blobs: Uint8Array[] = [];
  const place = (bytes: Uint8Array) => {
    if (bytes.length <= INLINE_BYTES_MAX) return bytes;
    blobs.push(bytes);
    return bytes.length;
  };
  let cycle = part.firstCycle;
  const since = (next: number) => {
    const delta = next - cycle;
    cycle = next;
    return delta;
  };
  const named = (id: string) => {
    const [, machine, device, n] = ID.exec(id)!;
    return [machines.index(machine), devices.index(device), Number(n)];
  };
  const entries = part.entries.map((entry) => {
    const kind = entry.kind === "input" ? entry.input.kind : entry.kind;
    const index = kinds.index(`${kind} ${entry.version}`);
    return [since(entry.cycle), ...named(entry.id), index, ...payload(entry, place, named)];
  });
  cycle = part.firstCycle;
  const outputs = part.outputs.map(({ device, first, last, count, hash }) => {
    const start = since(first);
    return [start, since(last), devices.index(device), count, hash];
  });
  cycle = part.firstCycle;
  const digests = part.digests.map((it) => [since(it.cycle), BigInt(`0x${it.digest}`)]);
  const log = encodeCbor([
    machines.names,
    devices.names,
    kinds.names.map((name) => name.split(" ")).map(([kind, version]) => [kind, Number(version)]),
    entries,
    outputs,
    digests,
  ]);
  return { log, blobs: gathered(blobs) };
}

function payload(
  entry: LogEntry,
  place: (bytes: Uint8Array) => Uint8Array | number,
  named: (id: string) => number[],
): unknown[] {
  if (entry.kind === "wall-clock") return [entry.ns];
  const { input } = entry;
  switch (input.kind) {
    case "console":
      return [place(input.bytes)];
    case "frame":
      return [...(input.sent === undefined ? [] : named(input.sent)), place(input.bytes)];
    case "disk":
      return [
        input.request,
        input.error ?? null,
        input.bytes ? place(input.bytes) : null,
        ...(input.torn === undefined ? [] : [input.torn]),
      ];
    case "entropy":
      return [input.request, place(input.bytes)];
    case "link":
      return [input.up];
    case "reseed":
      return [input.seed];
    case "fault":
      return encodeFault(input);
    case "host":
      return encodeHostEvent(input, input.bytes ? place(input.bytes) : null);
  }
}

/** @param frame the chunk's cycles @throws FormatError if anything in it cannot be */
export function decodePart(
  value: unknown,
  blobs: readonly Uint8Array[],
  frame: { readonly firstCycle: number; readonly lastCycle: number },
): LogPart {
  const { firstCycle, lastCycle } = frame;
  const fields = new Fields(value, "a LOG chunk");
  const machines = names(fields.any());
  const devices = names(fields.any());
  const kinds = [...fields.rows(64)].map((row) => {
    const kind = row.text(NAME);
    const version = row.whole(65535);
    if (isKnownPayload(kind, version)) return { kind, version };
    throw new FormatError(`payload "${kind}" version ${version}: this build does not know it`);
  });
  let cycle = firstCycle;
  const after = (row: Fields) => {
    cycle += row.whole(lastCycle - cycle);
    return cycle;
  };
  let blob = 0;
  let blobAt = 0;
  const place = (row: Fields, value = row.any()) => {
    if (value instanceof Uint8Array && value.length <= INLINE_BYTES_MAX) return value;
    if (typeof value !== "number" || !(value > 0 && value <= INPUT_BYTES_MAX)) {
      throw new FormatError("a LOG chunk has an input without its bytes");
    }
    if (blobAt === blobs[blob]?.length) [blob, blobAt] = [blob + 1, 0];
    const bytes = blobs[blob]?.subarray(blobAt, blobAt + value);
    if (bytes?.length !== value) throw new FormatError("a LOG chunk needs more than its BLOBs");
    blobAt += value;
    return bytes;
  };
  const sender = (row: Fields): FrameId => {
    const machine = machines[row.whole(machines.length - 1)];
    return `${machine}/${devices[row.whole(devices.length - 1)]}>${row.whole(N_MAX)}`;
  };
  const entries = [...fields.rows(ROWS_MAX)].map((row): LogEntry => {
    const at = after(row);
    const machine = machines[row.whole(machines.length - 1)];
    const device = devices[row.whole(devices.length - 1)];
    const id = `${machine}/${device}#${row.whole(N_MAX)}`;
    const { kind, version } = kinds[row.whole(kinds.length - 1)];
    const common = { cycle: at, id, version };
    const sent = kind === "frame" && version === 2 ? { sent: sender(row) } : {};
    const entry: LogEntry = kind === "wall-clock"
      ? { ...common, kind, ns: row.big(-(1n << 63n), U64_MAX) }
      : {
        ...common,
        kind: "input",
        input: { ...input(kind, device, row, place), ...sent, ...torn(kind, version, row) },
      };
    row.end();
    return entry;
  });
  cycle = firstCycle;
  const outputs = [...fields.rows(ROWS_MAX)].map((row): OutputRun => {
    const first = after(row);
    const last = after(row);
    const device = devices[row.whole(devices.length - 1)];
    const run = { device, first, last, count: row.whole(), hash: row.big(0n, U64_MAX) };
    if (run.count < 1) throw new FormatError("a LOG chunk has a run of no outputs");
    row.end();
    return run;
  });
  cycle = firstCycle;
  const digests = [...fields.rows(ROWS_MAX)].map((row) => {
    const at = after(row);
    const digest = row.big(0n, U64_MAX).toString(16).padStart(16, "0");
    row.end();
    return { cycle: at, digest };
  });
  fields.end();
  if (blobAt !== (blobs[blob]?.length ?? 0) || blob + 1 < blobs.length) {
    throw new FormatError("a LOG chunk does not use all of its BLOBs");
  }
  return { firstCycle, lastCycle, entries, outputs, digests };
}

function input(
  kind: Exclude<PayloadKind, "wall-clock">,
  device: string,
  row: Fields,
  place: (row: Fields, value?: unknown) => Uint8Array,
): Input {
  switch (kind) {
    case "console":
    case "frame":
      return { device, kind, bytes: place(row) };
    case "disk": {
      const request = row.whole();
      const error = row.any();
      if (error !== null && !(typeof error === "string" && ERROR.test(error))) {
        throw new FormatError("a disk input has an error without a name");
      }
      const value = row.any();
      const bytes = value === null ? {} : { bytes: place(row, value) };
      return { device, kind, request, error: error ?? undefined, ...bytes };
    }
    case "entropy":
      return { device, kind, request: row.whole(), bytes: place(row) };
    case "link":
      return { device, kind, up: row.bool() };
    case "reseed":
      return { device: only(MACHINE_DEVICE, device, kind), kind, seed: row.whole(2 ** 32 - 1) };
    case "fault":
      return decodeFault(device, row);
    case "host":
      only(HOST_DEVICE, device, kind);
      return decodeHostEvent(row, place);
  }
}

function torn(kind: PayloadKind, version: number, row: Fields): { torn?: number } {
  return kind === "disk" && version === 2 ? { torn: row.whole(INPUT_BYTES_MAX) } : {};
}

/** @throws FormatError unless an input of this kind stands where it may */
function only<T extends string>(expected: T, device: string, kind: string): T {
  if (device === expected) return expected;
  throw new FormatError(`a "${kind}" input of "${device}", which must be of "${expected}"`);
}

function names(value: unknown): string[] {
  const fields = new Fields(value, "a table of names");
  const found: string[] = [];
  while (!fields.isAtEnd && found.length < 256) found.push(fields.text(NAME));
  fields.end();
  return found;
}

/** What stands together in one BLOB: of bounded size, and none ends within an input. */
function gathered(inputs: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const blobs: Uint8Array[][] = [];
  let sizeBytes = Infinity;
  for (const bytes of inputs) {
    if (sizeBytes + bytes.length > BLOB_BYTES) {
      blobs.push([]);
      sizeBytes = 0;
    }
    blobs.at(-1)!.push(bytes);
    sizeBytes += bytes.length;
  }
  return blobs;
}
