/** Messages between two threads, one of which is always waiting for the other, through shared memory. */
import type { Turn, TurnEnd } from "../network/lab_guest.ts";

/** To the thread: run your guests, or run them no further. */
export type RoundRequest =
  | { readonly edge: number; readonly turns: readonly Turn[] }
  | { readonly conclude: unknown };

/** From the thread. */
export type RoundAnswer =
  | {
    readonly kind: "ends";
    readonly ends: readonly TurnEnd[];
    /** What those who run the guests have to tell. */
    readonly notes: readonly unknown[];
  }
  | { readonly kind: "failed"; readonly message: string };

/** What a side waits for. */
const STATE = 0;
const SIZE = 1;
const EMPTY = 0, PART = 1, LAST = 2;
const HEADER_BYTES = 8;
const PART_BYTES = 1 << 20;
/** So long a side sleeps before it looks whether the other is still alive. */
const WAIT_MS = 500;

/**
 * One direction. A message longer than the memory goes through it in parts.
 *
 * A message through it takes 5 µs, one through `postMessage` 40 µs, and a busy guest's second has
 * 10,000 rounds.
 */
export class Channel {
  readonly #header: Int32Array;
  readonly #body: Uint8Array;

  constructor(
    readonly shared: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + PART_BYTES),
  ) {
    this.#header = new Int32Array(shared, 0, HEADER_BYTES / 4);
    this.#body = new Uint8Array(shared, HEADER_BYTES);
  }

  /** @param isGone asked while the other side is slow; once it is gone this throws */
  send(message: unknown, isGone: () => boolean): void {
    const bytes = encode(message);
    for (let at = 0; at < bytes.length;) {
      this.#await((state) => state === EMPTY, isGone);
      const part = bytes.subarray(at, at + PART_BYTES);
      this.#body.set(part);
      this.#header[SIZE] = part.length;
      at += part.length;
      this.#become(at < bytes.length ? PART : LAST);
    }
  }

  /** Blocks until a whole message is there; see {@link send}. */
  receive(isGone: () => boolean): unknown {
    const parts: Uint8Array[] = [];
    for (;;) {
      const state = this.#await((state) => state !== EMPTY, isGone);
      parts.push(this.#body.slice(0, this.#header[SIZE]));
      this.#become(EMPTY);
      if (state === LAST) return decode(parts.length === 1 ? parts[0] : joined(parts));
    }
  }

  /** Whether {@link receive} has something to begin with; waits a while for it. */
  isReady(): boolean {
    if (Atomics.load(this.#header, STATE) !== EMPTY) return true;
    return Atomics.wait(this.#header, STATE, EMPTY, WAIT_MS) !== "timed-out";
  }

  #await(isSo: (state: number) => boolean, isGone: () => boolean): number {
    for (;;) {
      const state = Atomics.load(this.#header, STATE);
      if (isSo(state)) return state;
      if (Atomics.wait(this.#header, STATE, state, WAIT_MS) === "timed-out" && isGone()) {
        throw new Error("the other thread is gone");
      }
    }
  }

  #become(state: number): void {
    Atomics.store(this.#header, STATE, state);
    Atomics.notify(this.#header, STATE);
  }
}

const BYTES = "bytes#";
const INFINITY = "Infinity";

/** JSON, and behind it the byte arrays that it names by number. */
function encode(message: unknown): Uint8Array {
  const blobs: Uint8Array[] = [];
  const text = JSON.stringify(message, function (this: Record<string, unknown>, key, value) {
    if (value === Infinity) return INFINITY;
    const bytes = this[key]; // a Buffer would come as what its toJSON makes of it
    return bytes instanceof Uint8Array ? `${BYTES}${blobs.push(bytes)}:${bytes.length}` : value;
  });
  const json = new TextEncoder().encode(text);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, json.length);
  return joined([head, json, ...blobs]);
}

function decode(bytes: Uint8Array): unknown {
  let at = 4 + new DataView(bytes.buffer).getUint32(0);
  const json = new TextDecoder().decode(bytes.subarray(4, at));
  return JSON.parse(json, (_key, value) => {
    if (value === INFINITY) return Infinity;
    if (typeof value !== "string" || !value.startsWith(BYTES)) return value;
    const size = Number(value.slice(value.indexOf(":") + 1));
    at += size;
    return bytes.slice(at - size, at);
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}
