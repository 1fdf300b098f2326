/** Values inside a chunk: canonical CBOR, and a reader of them that trusts nothing. Source: RFC 8949, 4.2.1. */
import { decode, encode, rfc8949EncodeOptions } from "cborg";
import { FormatError } from "./codec.ts";

/** A payload in CBOR has at most this many bytes, so that it decodes in bounded memory. */
export const CBOR_BYTES_MAX = 8 * 1024 * 1024;

export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

/** @param what names the value in messages @throws FormatError unless it is one well-formed value */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > CBOR_BYTES_MAX) {
    throw new FormatError(`${what} has ${bytes.length} bytes; at most ${CBOR_BYTES_MAX} are read`);
  }
  try {
    return decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowBigInt: true });
  } catch {
    throw new FormatError(`${what} is not well-formed`);
  }
}

/** The items of an array, read one after the other; each must be what is asked for. */
export class Fields {
  #next = 0;
  readonly #items: readonly unknown[];

  constructor(value: unknown, readonly what: string) {
    if (!Array.isArray(value)) throw new FormatError(`${what} is not an array`);
    this.#items = value;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#items.length;
  }

  /** @throws FormatError if something is left */
  end(): void {
    if (!this.isAtEnd) throw new FormatError(`${this.what} has more fields than it should`);
  }

  any(): unknown {
    if (this.isAtEnd) throw new FormatError(`${this.what} has fewer fields than it should`);
    return this.#items[this.#next++];
  }

  /** The next item, to be read as one field; `undefined` if it is null. */
  optional(): Fields | undefined {
    const value = this.any();
    return value === null ? undefined : new Fields([value], this.what);
  }

  /** A whole number from 0 to `max`. */
  whole(max = Number.MAX_SAFE_INTEGER): number {
    return this.integer(0, max);
  }

  integer(min: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.any();
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw new FormatError(`${this.what} has ${shown(value)} where ${min} to ${max} may be`);
  }

  /** A signed number of at most 64 bits. */
  big(min: bigint, max: bigint): bigint {
    const value = this.any();
    if (typeof value === "bigint" || typeof value === "number" && Number.isSafeInteger(value)) {
      if (BigInt(value) >= min && BigInt(value) <= max) return BigInt(value);
    }
    throw new FormatError(`${this.what} has ${shown(value)} where a 64-bit number must be`);
  }

  bool(): boolean {
    const value = this.any();
    if (typeof value === "boolean") return value;
    throw new FormatError(`${this.what} has ${shown(value)} where true or false must be`);
  }

  text(pattern: RegExp): string {
    const value = this.any();
    if (typeof value === "string" && pattern.test(value)) return value;
    throw new FormatError(`${this.what} has ${shown(value)} where ${pattern} must match`);
  }

  bytes(sizeBytesMax: number): Uint8Array {
    const value = this.any();
    if (value instanceof Uint8Array && value.length <= sizeBytesMax) return value;
    throw new FormatError(`${this.what} has no bytes where they must be`);
  }

  /** An array of at most `countMax` arrays. */
  *rows(countMax: number): Generator<Fields> {
    const value = this.any();
    if (!Array.isArray(value) || value.length > countMax) {
      throw new FormatError(`${this.what} has no list of at most ${countMax} where one must be`);
    }
    for (const row of value) yield new Fields(row, this.what);
  }
}

function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  return `"${printable(typeof value === "string" ? value : typeof value)}"`;
}

/** A file's own words in a message: ASCII, and not many. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 40);
}
