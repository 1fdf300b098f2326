/**
 * The names that a Linux kernel keeps of itself, found in memory without any debug file.
 *
 * Source: Linux, scripts/kallsyms.c (`write_src`, 6.4 and later: the tables follow each other as
 * num_syms, names, markers, token_table, token_index, offsets, relative_base) and kernel/kallsyms.c.
 */
import { type Symbol, SymbolTable } from "./symbols.ts";

/** Physical memory; `undefined` where there is none. */
export type ReadPhysical = (address: number, sizeBytes: number) => Uint8Array | undefined;

/** A kernel's symbols, relative to a base that the kernel keeps beside them. */
export interface Kallsyms {
  /** Addresses are offsets from the base. */
  readonly table: SymbolTable;
  /** Physical address of `kallsyms_relative_base`. */
  readonly baseAddress: number;
}

const CHUNK_BYTES = 1 << 20;
/** Tokens of single characters stand for themselves: so the table holds "0" to "9" in a row. */
const DIGITS = Uint8Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? 0x30 + i / 2 : 0);
const DIGIT_TOKEN = 0x30;
const TOKENS = 256;
const TOKEN_BYTES_MAX = 16 * 1024;
const INDEX_BYTES = TOKENS * 2;
const SYMBOLS_MAX = 1 << 20;
const NAMES_BYTES_MAX = 16 << 20;
/** A marker for each so many names. */
const MARKER_NAMES = 256;

/** Looks through physical memory from one address to another. */
export function findKallsyms(
  read: ReadPhysical,
  from: number,
  to: number,
): Kallsyms | undefined {
  for (let at = from; at < to; at += CHUNK_BYTES) {
    const chunk = read(at, Math.min(CHUNK_BYTES + DIGITS.length, to - at));
    if (chunk === undefined) return undefined;
    for (const offset of occurrences(chunk)) {
      const found = readTables(read, at + offset);
      if (found) return found;
    }
  }
  return undefined;
}

// Every second byte of the pattern is 0 and the others are digits: look at one pair in ten bytes.
function* occurrences(chunk: Uint8Array): Generator<number> {
  const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;
  for (let i = 0; i + 1 < chunk.length; i += 10) {
    const digit = chunk[i] === 0 ? chunk[i + 1] : chunk[i];
    if (!isDigit(digit) || (chunk[i] !== 0 && chunk[i + 1] !== 0)) continue;
    const position = chunk[i] === 0 ? i + 1 : i;
    const start = position - 2 * (digit - 0x30);
    if (start >= 0 && DIGITS.every((byte, k) => chunk[start + k] === byte)) yield start;
  }
}

/** @param digits physical address of the token "0" */
function readTables(read: ReadPhysical, digits: number): Kallsyms | undefined {
  const tokens = readTokens(read, digits);
  if (tokens === undefined) return undefined;
  const index = align8(tokens.end);
  const names = readNames(read, tokens.start, tokens.texts);
  if (names === undefined) return undefined;
  const offsetsAt = align8(index + INDEX_BYTES);
  const offsets = read(offsetsAt, names.length * 4);
  if (offsets === undefined) return undefined;
  const view = viewOf(offsets);
  const symbols = names.map((name, i): Symbol => ({
    name: name.slice(1), // the first character is the type, as nm prints it
    address: BigInt(view.getUint32(4 * i, true)),
    sizeBytes: 0n,
  }));
  const isSorted = symbols.every((symbol, i) =>
    i === 0 || symbol.address >= symbols[i - 1].address
  );
  if (!isSorted) return undefined;
  return {
    table: new SymbolTable(symbols.filter(({ name }) => !name.startsWith("$"))),
    baseAddress: align8(offsetsAt + names.length * 4),
  };
}

// The table of tokens around its digits, checked against the index that follows it.
function readTokens(read: ReadPhysical, digits: number) {
  const first = digits - TOKEN_BYTES_MAX;
  const bytes = read(first, 2 * TOKEN_BYTES_MAX + INDEX_BYTES);
  if (bytes === undefined) return undefined;
  let start = TOKEN_BYTES_MAX;
  for (let token = DIGIT_TOKEN; token > 0; token--) {
    start = bytes.lastIndexOf(0, start - 2) + 1;
    if (start <= 0) return undefined;
  }
  const texts: string[] = [];
  const starts: number[] = [];
  let end = start;
  while (texts.length < TOKENS) {
    const stop = bytes.indexOf(0, end);
    if (stop < 0) return undefined;
    starts.push(end - start);
    texts.push(String.fromCharCode(...bytes.subarray(end, stop)));
    end = stop + 1;
  }
  const view = viewOf(bytes);
  const index = align8(first + end) - first;
  if (index + INDEX_BYTES > bytes.length) return undefined;
  const isIndex = starts.every((offset, i) => view.getUint16(index + 2 * i, true) === offset);
  return isIndex ? { start: first + start, end: first + end, texts } : undefined;
}

// The names, which end before the markers, which end before the tokens.
function readNames(read: ReadPhysical, tokens: number, texts: readonly string[]) {
  const markersMax = SYMBOLS_MAX / MARKER_NAMES;
  const before = read(tokens - 4 * markersMax, 4 * markersMax);
  if (before === undefined) return undefined;
  const view = viewOf(before);
  let at = before.length - 4;
  if (view.getUint32(at, true) === 0) at -= 4; // padding
  const markers: number[] = [];
  for (; at >= 0; at -= 4) {
    const marker = view.getUint32(at, true);
    if (markers.length > 0 && marker >= markers[0]) return undefined;
    markers.unshift(marker);
    if (marker === 0) break;
  }
  if (markers[0] !== 0 || markers.length < 2) return undefined;
  const markersAt = tokens - before.length + at;
  return countedNames(read, markersAt, markers, texts);
}

// How many names there are stands in front of the first, and every marker must fit.
function countedNames(
  read: ReadPhysical,
  markersAt: number,
  markers: readonly number[],
  texts: readonly string[],
): string[] | undefined {
  const last = markers.at(-1)!;
  const tailBytes = MARKER_NAMES * 130;
  if (last + tailBytes > NAMES_BYTES_MAX) return undefined;
  const first = markersAt - last - tailBytes;
  const bytes = read(first, last + tailBytes);
  if (bytes === undefined) return undefined;
  const view = viewOf(bytes);
  for (let at = align8(first) - first; at + 8 + last <= bytes.length; at += 8) {
    const count = view.getUint32(at, true);
    const fits = Math.ceil(count / MARKER_NAMES) === markers.length;
    const names = fits ? decodeNames(bytes.subarray(at + 8), count, markers, texts) : undefined;
    if (names) return names;
  }
  return undefined;
}

function decodeNames(
  bytes: Uint8Array,
  count: number,
  markers: readonly number[],
  texts: readonly string[],
): string[] | undefined {
  const names: string[] = [];
  let at = 0;
  while (names.length < count) {
    if (names.length % MARKER_NAMES === 0 && markers[names.length / MARKER_NAMES] !== at) {
      return undefined;
    }
    let length = bytes[at++];
    // Long names have a length of two bytes, seven bits each.
    if (length & 0x80) length = (length & 0x7f) | bytes[at++] << 7;
    if (!(at + length <= bytes.length)) return undefined;
    let name = "";
    for (const end = at + length; at < end; at++) name += texts[bytes[at]];
    names.push(name);
  }
  return names;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function align8(address: number): number {
  return Math.ceil(address / 8) * 8;
}
