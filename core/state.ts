/** Canonical state: values with named fields, and the one byte string that each of them has. */

/** A value that a device, hart or scheduler keeps between two cycles. */
export type StateValue =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly StateValue[]
  | { readonly [field: string]: StateValue };

/** The state of one component; `version` rises when a field is added or changes its meaning. */
export type State = { readonly version: number; readonly [field: string]: StateValue };

/**
 * The canonical bytes of a value: equal values have equal bytes, different values have different
 * ones. Fields are taken in the order of their names. Numbers are stored as binary64.
 *
 * @example
 * ```ts
 * import { encodeState } from "./state.ts";
 * import { assertEquals } from "@std/assert";
 * assertEquals(encodeState({ a: 1, b: true }), encodeState({ b: true, a: 1 }));
 * ```
 */
export function encodeState(value: StateValue): Uint8Array {
  const out = new ByteSink(USUAL_BYTES);
  encode(value, out);
  return out.bytes();
}

/**
 * Changes a number in the canonical bytes of a value.
 * @param field the first of the value's fields in the order of their names
 */
export function setEncodedNumber(bytes: Uint8Array, field: string, value: number): void {
  const before = new ByteSink(64);
  text(field, before.raw(bytes.subarray(0, FIELDS_HEAD_BYTES)));
  before.u8(TAG.number);
  const head = before.bytes();
  if (!head.every((byte, at) => byte === bytes[at])) throw new RangeError(`not a number: ${field}`);
  new DataView(bytes.buffer, bytes.byteOffset).setFloat64(head.length, value, true);
}

/** Throws unless the state has the version that its reader knows. */
export function requireVersion(state: State, version: number, component: string): void {
  if (state.version !== version) {
    throw new RangeError(
      `Cannot restore "${component}": its state has version ${state.version}, this build reads ${version}`,
    );
  }
}

const TAG = {
  undefined: 0,
  boolean: 1,
  number: 2,
  bigint: 3,
  string: 4,
  bytes: 5,
  array: 6,
  fields: 7,
};

/** More than a machine of one hart has. */
const USUAL_BYTES = 8192;
/** The tag, and how many fields there are. */
const FIELDS_HEAD_BYTES = 5;

function encode(value: StateValue, out: ByteSink): void {
  if (value === undefined) out.u8(TAG.undefined);
  else if (typeof value === "boolean") out.u8(TAG.boolean).u8(value ? 1 : 0);
  else if (typeof value === "number") out.u8(TAG.number).f64(value);
  else if (typeof value === "bigint") text(value.toString(16), out.u8(TAG.bigint));
  else if (typeof value === "string") text(value, out.u8(TAG.string));
  else if (value instanceof Uint8Array) out.u8(TAG.bytes).u32(value.length).raw(value);
  else if (Array.isArray(value)) {
    out.u8(TAG.array).u32(value.length);
    for (const item of value) encode(item, out);
  } else {
    const fields = value as { readonly [field: string]: StateValue };
    const names = inOrder(Object.keys(fields));
    out.u8(TAG.fields).u32(names.length);
    for (const name of names) {
      text(name, out);
      encode(fields[name], out);
    }
  }
}

/** Names of fields as they were met last, and in order; by the last of them, since most begin alike. */
const orders = new Map<
  string,
  { readonly met: readonly string[]; readonly sorted: readonly string[] }
>();

// Sorting takes longer than all else, and the same names come again and again.
function inOrder(names: readonly string[]): readonly string[] {
  const last = names[names.length - 1];
  const known = orders.get(last);
  if (known?.met.length === names.length && known.met.every((name, i) => name === names[i])) {
    return known.sorted;
  }
  const sorted = names.toSorted();
  orders.set(last, { met: names, sorted });
  return sorted;
}

function text(value: string, out: ByteSink): void {
  out.u32(value.length).utf16(value);
}

/** A growing byte string, little-endian. */
class ByteSink {
  #data: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#data = new Uint8Array(expectedBytes);
    this.#view = new DataView(this.#data.buffer);
  }

  bytes(): Uint8Array {
    return this.#data.subarray(0, this.#length);
  }

  u8(value: number): this {
    const position = this.#grow(1); // first: it may replace the view
    this.#view.setUint8(position, value);
    return this;
  }

  utf16(value: string): this {
    const position = this.#grow(2 * value.length); // first: it may replace the data
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      this.#data[position + 2 * i] = code; // its low byte
      this.#data[position + 2 * i + 1] = code >> 8;
    }
    return this;
  }

  u32(value: number): this {
    const position = this.#grow(4); // first: it may replace the view
    this.#view.setUint32(position, value, true);
    return this;
  }

  f64(value: number): this {
    const position = this.#grow(8); // first: it may replace the view
    this.#view.setFloat64(position, value, true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const position = this.#grow(bytes.length);
    this.#data.set(bytes, position);
    return this;
  }

  #grow(sizeBytes: number): number {
    const position = this.#length;
    this.#length += sizeBytes;
    if (this.#length > this.#data.length) {
      const data = new Uint8Array(Math.max(this.#length, this.#data.length * 2));
      data.set(this.#data);
      this.#data = data;
      this.#view = new DataView(data.buffer);
    }
    return position;
  }
}
