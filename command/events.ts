/** `hindsight events`: all that came into a recorded machine, one line each. */
import { hostEventsOf } from "../replay/host_events.ts";
import type { NotedEvent } from "../replay/lab_log.ts";
import { Linter } from "../replay/linter/linter.ts";
import { type LogEntry, SINGLE_MACHINE } from "../replay/log.ts";
import { PAYLOAD_KINDS } from "../replay/payloads.ts";
import { replay } from "../replay/replayer.ts";
import { writeOutput } from "../devices/deno/terminal.ts";
import { STATUS, UsageError } from "./errors.ts";
import { cycleFlag, type Flag, parseFlags, suggestion } from "./flags.ts";
import {
  GUEST_FLAG,
  onlyFile,
  openRecording,
  readRecordedFile,
  recordingIn,
} from "./recording_file.ts";

const BREACH = "breach";
/** Of what came in, of what a lab's network did, and of what a replay shows. */
const KINDS: readonly string[] = [...PAYLOAD_KINDS, "dropped", "forwarded", "impaired", BREACH];

export const EVENTS_FLAGS: readonly Flag[] = [
  { name: "kind", value: "KIND", summary: `one of ${KINDS.join(", ")}` },
  GUEST_FLAG,
  { name: "from", value: "CYCLE", summary: "the first cycle to list" },
  { name: "to", value: "CYCLE", summary: "the last cycle to list" },
  { name: "json", summary: "as one JSON array" },
];

const PREVIEW_BYTES = 32;

/** @returns the exit status */
export async function events(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, EVENTS_FLAGS);
  const path = onlyFile("events", flags.positional);
  const kind = flags.values.get("kind")?.[0];
  if (kind !== undefined && !KINDS.includes(kind)) {
    throw new UsageError(`--kind ${kind}: no such kind${suggestion(kind, KINDS)}`);
  }
  const from = cycleFlag(flags, "from") ?? 0;
  const to = cycleFlag(flags, "to") ?? Infinity;
  const guest = flags.values.get("guest")?.[0];
  const all = kind === BREACH ? await breachRows(path, guest) : rowsIn(path, guest);
  const rows = all
    .filter(({ cycle }) => cycle >= from && cycle <= to)
    .filter((row) => kind === undefined || row.kind === kind);
  const text = flags.values.has("json")
    ? JSON.stringify(rows, null, 2) + "\n"
    : rows.map(({ cycle, id, kind, ...rest }) =>
      `${String(cycle).padStart(15)}  ${id.padEnd(16)} ${kind.padEnd(10)} ${details(rest)}\n`
    ).join("");
  writeOutput(new TextEncoder().encode(text));
  return STATUS.ok;
}

/** Of one machine, or of a lab: of all its guests and of the network, in order of cycle. */
function rowsIn(path: string, guest: string | undefined): Row[] {
  const recorded = readRecordedFile(path);
  if (recorded.lab === undefined || guest !== undefined) {
    return entryRows(recordingIn(path, recorded, guest).log.entries);
  }
  const { guests, log } = recorded.lab;
  return [...guests.values()].flatMap(({ log }) => entryRows(log.entries))
    .concat(log.events.map(networkRow))
    .sort((a, b) => a.cycle - b.cycle);
}

function entryRows(entries: readonly LogEntry[]): Row[] {
  const hostEvents = hostEventsOf(entries);
  return entries.map((entry) => rowOf(entry, hostEvents.get(entry.id)));
}

/** Rules of devices that the guest broke, the first of each kind: no recording says so, a replay does. */
async function breachRows(path: string, guest: string | undefined): Promise<Row[]> {
  const { log, build } = await openRecording(path, { guest });
  const linter = new Linter();
  await replay(log, build, {
    linting: true,
    onStart: (machine) => machine.onBreach = (breach) => linter.see(breach),
  });
  return linter.breaches.map(({ cycle, device, ...rest }, n) => ({
    cycle,
    id: `${guest ?? SINGLE_MACHINE}/${device}!${n}`,
    machine: guest ?? SINGLE_MACHINE,
    device,
    kind: BREACH,
    ...rest,
  }));
}

/** What the network did to a frame, or to a link. */
function networkRow(networkEvent: NotedEvent): Row {
  const { cycle, kind, ...rest } = networkEvent;
  const { event } = networkEvent.kind === "forwarded" ? { event: undefined } : networkEvent;
  const id = event ?? ("frame" in networkEvent ? networkEvent.frame : "");
  return { cycle, id, machine: "network", kind, ...payload(rest) };
}

/** What kind of payload an entry has. */
export function entryKind(entry: LogEntry): string {
  return entry.kind === "input" ? entry.input.kind : entry.kind;
}

interface Row {
  readonly cycle: number;
  readonly id: string;
  readonly machine: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** @param hostEvents the ids of those that shaped it */
function rowOf(entry: LogEntry, hostEvents: readonly string[] | undefined): Row {
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
