/** Saved state in CBOR, with all that CBOR would not keep apart. Source: FORMAT.md, "CKPT". */
import type { StateValue } from "../../core/state.ts";
import { FormatError } from "./codec.ts";
import type { LearnedInputs } from "./learned_bytes.ts";

const LIST = 0;
const FIELDS = 1;
const BINARY64 = 2;
const BIGINT = 3;
const PAGE = 4;
const BLOCKS = 5;

/** Of RAM, and of a disk's block. */
export const PAGE_BYTES = 4096;
/** Deeper than any state is. */
const DEPTH_MAX = 32;

/** Where bytes of a state stand in the file. */
export interface Places {
  /** The number of the stored page with these bytes; `undefined` keeps them in the state. */
  pageOf(bytes: Uint8Array): number | undefined;
  /** The position of a block in what came in from disks. */
  positionOf(block: Uint8Array): number | undefined;
}

/** What CBOR can hold. */
export function stateToCbor(value: StateValue, places: Places): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return [BIGINT, value.toString(16)];
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && !Object.is(value, -0)
      ? value
      : [BINARY64, new Uint8Array(new Float64Array([value]).buffer)];
  }
  if (value instanceof Uint8Array) {
    const page = places.pageOf(value);
    return page === undefined ? value : [PAGE, page];
  }
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return listToCbor(value, places);
  return [
    FIELDS,
    ...Object.entries(value).flatMap(([name, field]) => [name, stateToCbor(field, places)]),
  ];
}

/** Numbers of blocks and their bytes, as they came in, stand together. */
function listToCbor(items: readonly StateValue[], places: Places): unknown[] {
  const list: unknown[] = [LIST];
  for (let at = 0; at < items.length;) {
    const row = learnedRow(items, at, places);
    if (row === undefined) list.push(stateToCbor(items[at++], places));
    else {
      list.push([BLOCKS, items[at], row.count, row.position]);
      at += 2 * row.count;
    }
  }
  return list;
}

/** Ascending numbers, each before its block, that begin here and came in one after the other. */
function learnedRow(items: readonly StateValue[], at: number, places: Places) {
  const [first, block] = [items[at], items[at + 1]];
  if (!isNumber(first) || !isBlock(block)) return undefined;
  const position = places.positionOf(block);
  if (position === undefined) return undefined;
  for (let count = 1;; count++) {
    const next = items[at + 2 * count + 1];
    const isNext = items[at + 2 * count] === first + count && isBlock(next) &&
      places.positionOf(next) === position + count * PAGE_BYTES;
    if (!isNext) return { position, count };
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

function isBlock(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === PAGE_BYTES;
}

export class StateReader {
  #blocksBytes = 0;

  /**
   * @param page a stored page; throws a FormatError if there is none
   * @param learned what came in from disks; no state names more blocks of it than there are
   */
  constructor(readonly page: (number: number) => Uint8Array, readonly learned: LearnedInputs) {}

  /** @throws FormatError unless it is a state */
  read(value: unknown, depth = 0): StateValue {
    if (value === null) return undefined;
    if (typeof value === "boolean" || typeof value === "string" || typeof value === "number") {
      return value;
    }
    if (value instanceof Uint8Array) return value;
    if (!Array.isArray(value) || depth > DEPTH_MAX) throw notAState();
    const [kind, ...parts] = value;
    const [first] = parts;
    const decode = (part: unknown) => this.read(part, depth + 1);
    if (kind === LIST) return this.#list(parts, decode);
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
    if (kind === PAGE && typeof first === "number") return this.page(first);
    throw notAState();
  }

  #list(parts: readonly unknown[], decode: (part: unknown) => StateValue): StateValue[] {
    const items: StateValue[] = [];
    for (const part of parts) {
      if (Array.isArray(part) && part[0] === BLOCKS) this.#learned(part, items);
      else items.push(decode(part));
    }
    return items;
  }

  #learned([, first, count, position, ...rest]: readonly unknown[], items: StateValue[]): void {
    if (!isNumber(first) || !isNumber(count) || !isNumber(position) || rest.length > 0) {
      throw notAState();
    }
    this.#blocksBytes += count * PAGE_BYTES;
    const isThere = this.#blocksBytes <= this.learned.sizeBytes &&
      Number.isSafeInteger(first + count);
    for (let i = 0; i < count; i++) {
      const block = isThere ? this.learned.at(position + i * PAGE_BYTES, PAGE_BYTES) : undefined;
      if (block === undefined) {
        throw new FormatError("a state has blocks that the log does not have");
      }
      items.push(first + i, block);
    }
  }
}

function notAState(): FormatError {
  return new FormatError("a state is not one");
}
