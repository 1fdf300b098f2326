/** `hindsight events`: all that came into a recorded machine, one line each. */
import { hostEventsOf } from "../replay/host_events.ts";
import type { LogEntry } from "../replay/log.ts";
import { PAYLOAD_KINDS } from "../replay/payloads.ts";
import { writeOutput } from "../devices/deno/terminal.ts";
import { STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags, suggestion } from "./flags.ts";
import { onlyFile, readRecordingFile } from "./recording_file.ts";

export const EVENTS_FLAGS: readonly Flag[] = [
  { name: "kind", value: "KIND", summary: `one of ${PAYLOAD_KINDS.join(", ")}` },
  { name: "from", value: "CYCLE", summary: "the first cycle to list" },
  { name: "to", value: "CYCLE", summary: "the last cycle to list" },
  { name: "json", summary: "as one JSON array" },
];

const PREVIEW_BYTES = 32;

/** @returns the exit status */
export function events(args: readonly string[]): number {
  const flags = parseFlags(args, EVENTS_FLAGS);
  const path = onlyFile("events", flags.positional);
  const kind = flags.values.get("kind")?.[0];
  if (kind !== undefined && !PAYLOAD_KINDS.some((known) => known === kind)) {
    throw new UsageError(`--kind ${kind}: no such kind${suggestion(kind, PAYLOAD_KINDS)}`);
  }
  const from = cycleFlag(flags, "from") ?? 0;
  const to = cycleFlag(flags, "to") ?? Infinity;
  const { entries } = readRecordingFile(path).log;
  const hostEvents = hostEventsOf(entries);
  const rows = entries
    .filter((entry) => entry.cycle >= from && entry.cycle <= to)
    .filter((entry) => kind === undefined || entryKind(entry) === kind)
    .map((entry) => rowOf(entry, hostEvents.get(entry.id)));
  const text = flags.values.has("json")
    ? JSON.stringify(rows, null, 2) + "\n"
    : rows.map(({ cycle, id, kind, ...rest }) =>
      `${String(cycle).padStart(15)}  ${id.padEnd(16)} ${kind.padEnd(10)} ${details(rest)}\n`
    ).join("");
  writeOutput(new TextEncoder().encode(text));
  return STATUS.ok;
}

/** What kind of payload an entry has. */
export function entryKind(entry: LogEntry): string {
  return entry.kind === "input" ? entry.input.kind : entry.kind;
}

/** @param hostEvents the ids of those that shaped it */
function rowOf(entry: LogEntry, hostEvents: readonly string[] | undefined) {
  const [machine, rest] = entry.id.split("/");
  const common = {
    cycle: entry.cycle,
    id: entry.id,
    machine,
    device: rest.split("#")[0],
    kind: entryKind(entry),
    version: entry.version,
  };
  const fields = entry.kind === "input" ? entry.input : { ns: entry.ns };
  return { ...common, ...payload(fields), ...(hostEvents === undefined ? {} : { hostEvents }) };
}

/** What a payload holds, as JSON can say it. */
function payload(fields: object): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === "device" || name === "kind" || value === undefined) continue;
    if (value instanceof Uint8Array) {
      row.sizeBytes = value.length;
      row.bytes = preview(value);
    } else row[name] = typeof value === "bigint" ? `0x${value.toString(16)}` : value;
  }
  return row;
}

/** The first bytes: as text where they are text, else in hexadecimal. */
function preview(bytes: Uint8Array): string {
  const first = bytes.subarray(0, PREVIEW_BYTES);
  const more = bytes.length > PREVIEW_BYTES ? "…" : "";
  const isText = first.every((byte) => byte >= 32 && byte < 127 || byte === 10 || byte === 13);
  const text = isText
    ? JSON.stringify(String.fromCharCode(...first))
    : Array.from(first, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text + more;
}

function details(fields: Record<string, unknown>): string {
  const { machine: _machine, device: _device, version: _version, ...rest } = fields;
  return Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
}
