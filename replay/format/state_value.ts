/** Saved state in CBOR, with all that CBOR would not keep apart. Source: FORMAT.md, "CKPT". */
import type { StateValue } from "../../core/state.ts";
import { FormatError } from "./codec.ts";

const LIST = 0;
const FIELDS = 1;
const BINARY64 = 2;
const BIGINT = 3;
const PAGE = 4;

/** Deeper than any state is. */
const DEPTH_MAX = 32;

/**
 * What CBOR can hold.
 * @param pageOf the number of the stored page with these 4096 bytes; `undefined` keeps them in place
 */
export function stateToCbor(
  value: StateValue,
  pageOf: (bytes: Uint8Array) => number | undefined,
): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return [BIGINT, value.toString(16)];
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && !Object.is(value, -0)
      ? value
      : [BINARY64, new Uint8Array(new Float64Array([value]).buffer)];
  }
  if (value instanceof Uint8Array) {
    const page = pageOf(value);
    return page === undefined ? value : [PAGE, page];
  }
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return [LIST, ...value.map((item) => stateToCbor(item, pageOf))];
  return [
    FIELDS,
    ...Object.entries(value).flatMap(([name, field]) => [name, stateToCbor(field, pageOf)]),
  ];
}

/** @throws FormatError unless it is a state */
export function stateFromCbor(
  value: unknown,
  page: (number: number) => Uint8Array,
  depth = 0,
): StateValue {
  if (value === null) return undefined;
  if (typeof value === "boolean" || typeof value === "string" || typeof value === "number") {
    return value;
  }
  if (value instanceof Uint8Array) return value;
  if (!Array.isArray(value) || depth > DEPTH_MAX) throw new FormatError("a state is not one");
  const [kind, ...parts] = value;
  const [first] = parts;
  const decode = (part: unknown) => stateFromCbor(part, page, depth + 1);
  if (kind === LIST) return parts.map(decode);
  if (kind === FIELDS && parts.length % 2 === 0) {
    const fields = parts.flatMap((name, i) => i % 2 === 0 ? [[name, decode(parts[i + 1])]] : []);
    if (fields.every(([name]) => typeof name === "string")) return Object.fromEntries(fields);
  }
  if (kind === BINARY64 && first instanceof Uint8Array && first.length === 8) {
    return new DataView(first.buffer, first.byteOffset).getFloat64(0, true);
  }
  if (kind === BIGINT && typeof first === "string" && /^-?[0-9a-f]{1,64}$/.test(first)) {
    return first.startsWith("-") ? -BigInt(`0x${first.slice(1)}`) : BigInt(`0x${first}`);
  }
  if (kind === PAGE && typeof first === "number") return page(first);
  throw new FormatError("a state is not one");
}
