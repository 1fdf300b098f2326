/** A part of a lab's log as a chunk's payload. Source: FORMAT.md, "FATE". */
import type { FrameId } from "../../core/host.ts";
import type { LabPart, NotedEvent } from "../lab_log.ts";
import { encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";
import { Table } from "./table.ts";

/** A row names one by its place here. */
const KINDS = ["dropped", "forwarded", "impaired", "link"] as const;
const ROWS_MAX = 500_000;
const NAMES_MAX = 65_536;
const NAME = /^[\x21-\x7e]{1,128}$/;
const FRAME = /^[a-z][a-z0-9-]{0,31}\/[a-z][a-z0-9-]{0,31}$/;
/** `g1/net0>7`, `g1.net0:up/loss#17`: a name and a number. */
const NUMBERED = /^(.*)[#>](\d{1,15})$/;
const N_MAX = 999_999_999_999_999;

export function encodeFates({ firstCycle, events }: LabPart): Uint8Array {
  const names = new Table();
  const numbered = (id: string): number[] => {
    const [, name, n] = NUMBERED.exec(id)!;
    return [names.index(name), Number(n)];
  };
  let cycle = firstCycle;
  const rows = events.map((event) => {
    const row = [event.cycle - cycle, KINDS.indexOf(event.kind)];
    cycle = event.cycle;
    return [...row, ...details(event, (name) => names.index(name), numbered)];
  });
  return encodeCbor([names.names, rows]);
}

function details(
  event: NotedEvent,
  name: (name: string) => number,
  numbered: (id: string) => number[],
): unknown[] {
  switch (event.kind) {
    case "dropped": {
      const cause = event.event === undefined ? [] : numbered(event.event);
      return [...numbered(event.frame), name(event.at), name(event.reason), ...cause];
    }
    case "forwarded":
      return [...numbered(event.frame), name(event.at), event.copies];
    case "impaired":
      return [
        ...numbered(event.frame),
        ...numbered(event.event),
        name(event.what),
        event.delay,
      ];
    case "link":
      return [name(event.link), ...numbered(event.event), name(event.what), event.begins];
  }
}

/** @param frame the chunk's cycles @throws FormatError if anything in it cannot be */
export function decodeFates(
  value: unknown,
  frame: { readonly firstCycle: number; readonly lastCycle: number },
): LabPart {
  const { firstCycle, lastCycle } = frame;
  const fields = new Fields(value, "a FATE chunk");
  const names = namesOf(fields.any());
  const rows = [...fields.rows(ROWS_MAX)];
  fields.end();
  let cycle = firstCycle;
  const events = rows.map((row): NotedEvent => {
    cycle += row.whole(lastCycle - cycle);
    const event = { cycle, ...eventOf(row, names) };
    row.end();
    return event;
  });
  return { firstCycle, lastCycle, events };
}

type Without<Event> = Event extends unknown ? Omit<Event, "cycle"> : never;

function eventOf(row: Fields, names: readonly string[]): Without<NotedEvent> {
  const kind = KINDS[row.whole(KINDS.length - 1)];
  const name = () => names[row.whole(names.length - 1)];
  const event = () => `${name()}#${row.whole(N_MAX)}`;
  if (kind === "link") {
    return { kind, link: name(), event: event(), what: name(), begins: row.bool() };
  }
  const frame = frameId(name(), row.whole(N_MAX));
  switch (kind) {
    case "dropped": {
      const [at, reason] = [name(), name()];
      return { kind, frame, at, reason, event: row.isAtEnd ? undefined : event() };
    }
    case "forwarded":
      return { kind, frame, at: name(), copies: row.whole(65535) };
    case "impaired":
      return { kind, frame, event: event(), what: name(), delay: row.whole() };
  }
}

function frameId(name: string, n: number): FrameId {
  if (!FRAME.test(name)) throw new FormatError("a FATE chunk has a frame without a sender");
  return `${name}>${n}` as FrameId;
}

function namesOf(value: unknown): string[] {
  const fields = new Fields(value, "a table of names");
  const names: string[] = [];
  while (!fields.isAtEnd && names.length < NAMES_MAX) names.push(fields.text(NAME));
  fields.end();
  return names;
}
