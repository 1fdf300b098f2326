/** Where the bytes of an expression's value come from: copies byte for byte, all else as its operands. */
import type { Binary, Value } from "../../core/isa/effect.ts";
import { evaluate, type Moment } from "./evaluate.ts";
import type { Bytes } from "./place.ts";

/** What an expression took some bytes from. */
export type Source =
  | { readonly kind: "x" | "f"; readonly number: number; readonly bytes: Bytes }
  /** At a virtual address. */
  | { readonly kind: "memory"; readonly address: bigint; readonly bytes: Bytes }
  | { readonly kind: "csr"; readonly number: number }
  /** The instruction itself: an immediate, the pc, or a zero that it makes. */
  | { readonly kind: "constant" };

export interface Sources {
  /** Whether the bytes were copied; otherwise they were computed from these. */
  readonly isCopy: boolean;
  readonly sources: readonly Source[];
}

type Operation = Extract<Value, { op: Binary }>;

const CONSTANT: Sources = { isCopy: true, sources: [{ kind: "constant" }] };
const WHOLE: Bytes = { offset: 0, sizeBytes: 8 };
const WIDTHS: { readonly [op: string]: number } = {
  sext8: 1,
  sext16: 2,
  sext32: 4,
  zext8: 1,
  zext16: 2,
  zext32: 4,
};

/** The sources of some bytes of a value. */
export function sourcesOf(value: Value, bytes: Bytes, at: Moment): Sources {
  switch (value.op) {
    case "x":
    case "f": {
      const number = at.decoded[value.field];
      if (value.op === "x" && number === 0) return CONSTANT;
      return { isCopy: true, sources: [{ kind: value.op, number, bytes }] };
    }
    case "imm":
    case "zimm":
    case "pc":
    case "next":
    case "const":
      return CONSTANT;
    case "csr":
      return { isCopy: true, sources: [{ kind: "csr", number: at.decoded.imm & 0xfff }] };
    case "load":
    case "lr":
    case "amo":
      return memorySources(value.address, value.size, bytes, at);
    case "sc": // whether its reservation held
      return CONSTANT;
    case "select": {
      const condition = evaluate(value.condition, at);
      if (condition === undefined) return computed([value.condition, value.a, value.b], at);
      return sourcesOf(condition !== 0n ? value.a : value.b, bytes, at);
    }
    case "float":
      return computed(value.operands, at);
    case "sext8":
    case "sext16":
    case "sext32":
    case "zext8":
    case "zext16":
    case "zext32":
      return sourcesOf(value.a, within(bytes, WIDTHS[value.op]), at);
    case "shl":
    case "shrU":
      return shifted(value, bytes, at) ?? computed([value.a, value.b], at);
    case "add":
    case "or":
    case "xor":
      return unchanged(value, bytes, at) ?? computed([value.a, value.b], at);
    default:
      return computed("b" in value ? [value.a, value.b] : [value.a], at);
  }
}

function memorySources(addressOf: Value, size: number, bytes: Bytes, at: Moment): Sources {
  const address = evaluate(addressOf, at)!; // a register plus an immediate
  return { isCopy: true, sources: [{ kind: "memory", address, bytes: within(bytes, size) }] };
}

// The bytes above the width repeat a sign, or are 0: the value's own highest byte stands for them.
function within({ offset, sizeBytes }: Bytes, width: number): Bytes {
  if (offset >= width) return { offset: width - 1, sizeBytes: 1 };
  return { offset, sizeBytes: Math.min(sizeBytes, width - offset) };
}

// One operand adds nothing to these bytes.
function unchanged(
  value: Operation,
  bytes: Bytes,
  at: Moment,
): Sources | undefined {
  for (const [kept, other] of [[value.a, value.b], [value.b, value.a]]) {
    const added = evaluate(other, at);
    if (added === undefined) continue;
    const none = value.op === "add" ? added === 0n : part(added, bytes) === 0n;
    if (none) return sourcesOf(kept, bytes, at);
  }
  return undefined;
}

function part(value: bigint, { offset, sizeBytes }: Bytes): bigint {
  return BigInt.asUintN(8 * sizeBytes, value >> BigInt(8 * offset));
}

// By whole bytes.
function shifted(
  value: Operation,
  { offset, sizeBytes }: Bytes,
  at: Moment,
): Sources | undefined {
  const count = evaluate(value.b, at);
  if (count === undefined || count % 8n !== 0n) return undefined;
  const by = Number(count & 63n) / 8 * (value.op === "shl" ? -1 : 1);
  const from = Math.max(0, offset + by);
  const to = Math.min(8, offset + by + sizeBytes);
  if (to <= from) return CONSTANT; // zeros that were shifted in
  return sourcesOf(value.a, { offset: from, sizeBytes: to - from }, at);
}

function computed(operands: readonly Value[], at: Moment): Sources {
  const sources = operands.flatMap((operand) => sourcesOf(operand, WHOLE, at).sources)
    .filter(({ kind }) => kind !== "constant");
  const texts = sources.map((source) => JSON.stringify(source, bigintsAsText));
  return sources.length === 0 ? CONSTANT : {
    isCopy: false,
    sources: sources.filter((_, i) => texts.indexOf(texts[i]) === i),
  };
}

function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
