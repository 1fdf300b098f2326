/** The payload of a host event. Source: FORMAT.md, "LOG". */
import {
  HOST_DEVICE,
  HOST_EVENTS,
  type HostEvent,
  type HostEventName,
} from "../../core/host_event.ts";
import type { Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

/** @param bytes what stands for the event's bytes */
export function encodeHostEvent(event: HostEvent, bytes: Uint8Array | number | null): unknown[] {
  return [
    event.event,
    event.concerns,
    event.request ?? null,
    event.error ?? null,
    event.offset ?? null,
    event.ns ?? null,
    event.text,
    bytes,
  ];
}

/**
 * @param bytesOf finds the bytes that a value stands for
 * @throws FormatError if it is no event, or one that this build does not know
 */
export function decodeHostEvent(
  row: Fields,
  bytesOf: (row: Fields, value: unknown) => Uint8Array,
): HostEvent {
  const event = known(row.text(/^[a-z][a-z0-9-]{0,31}$/));
  const concerns = row.text(/^[a-z][a-z0-9-]{0,31}$/);
  const request = row.optional()?.whole();
  const error = row.optional()?.text(/^E[A-Z0-9]{1,31}$/);
  const offset = row.optional()?.whole();
  const ns = row.optional()?.big(0n, (1n << 64n) - 1n);
  const text = row.text(/^[\x20-\x7e]{1,200}$/);
  const value = row.any();
  return {
    device: HOST_DEVICE,
    kind: "host",
    event,
    concerns,
    ...(request === undefined ? {} : { request }),
    ...(error === undefined ? {} : { error }),
    ...(offset === undefined ? {} : { offset }),
    ...(ns === undefined ? {} : { ns }),
    text,
    ...(value === null ? {} : { bytes: bytesOf(row, value) }),
  };
}

function known(name: string): HostEventName {
  const event = HOST_EVENTS.find((event) => event === name);
  if (event === undefined) {
    throw new FormatError(`host event "${name}": this build does not know it`);
  }
  return event;
}
