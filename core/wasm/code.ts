/**
 * Typed WebAssembly expressions: a value of class `I64` is code that leaves one i64 on the stack.
 *
 * Expressions are immutable trees of bytes; TypeScript checks the wasm types. Addresses are i64
 * (memory64). Source: WebAssembly core specification 3.0, sections 2.4 and 5.4.
 */
import { signed, signed32, unsigned } from "./leb128.ts";

export type ValueType = "i32" | "i64" | "f64";

/** Source: WebAssembly core specification, 5.3.1. */
export const TYPE_BYTES = { i32: 0x7f, i64: 0x7e, f64: 0x7c } as const;

/** A branch target; its depth is resolved when the function is encoded. */
export class Label {
  constructor(readonly name: string = "") {}
}

/** A byte, nested code, or a mark. */
export type Part = number | Code | Mark;

/** What becomes bytes, if any, only where it stands in its function and module. All are of one shape. */
export type Mark =
  /** Where a label's range begins, and where it ends. */
  | { readonly mark: "enter" | "leave"; readonly of: Label }
  /** How many labels' ranges lie between. */
  | { readonly mark: "branch"; readonly of: Label }
  /** Whether the branch that follows is taken likely (true) or hardly ever (false). */
  | { readonly mark: "hint"; readonly of: boolean }
  /** The index of a function's type. */
  | { readonly mark: "signature"; readonly of: Signature }
  /** The index of a function. */
  | { readonly mark: "function"; readonly of: Callee };

/** What a function takes and gives. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | "void";
}

/** A function as calls see it. */
export interface Callee extends Signature {
  readonly name: string;
}

/** Code of any type: the common base of {@link I32}, {@link I64}, {@link F64} and {@link Void}. */
export class Code {
  constructor(readonly parts: readonly Part[]) {}
}

/** Code that leaves nothing on the stack. */
export class Void extends Code {
  get type(): "void" {
    return "void";
  }
}

/** Code that leaves an i32. Comparisons leave 0 or 1. */
export class I32 extends Code {
  get type(): "i32" {
    return "i32";
  }
  add(b: I32 | number): I32 {
    return new I32([this, int(b), 0x6a]);
  }
  sub(b: I32 | number): I32 {
    return new I32([this, int(b), 0x6b]);
  }
  mul(b: I32 | number): I32 {
    return new I32([this, int(b), 0x6c]);
  }
  divU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x6e]);
  }
  and(b: I32 | number): I32 {
    return new I32([this, int(b), 0x71]);
  }
  or(b: I32 | number): I32 {
    return new I32([this, int(b), 0x72]);
  }
  xor(b: I32 | number): I32 {
    return new I32([this, int(b), 0x73]);
  }
  shl(b: I32 | number): I32 {
    return new I32([this, int(b), 0x74]);
  }
  shrS(b: I32 | number): I32 {
    return new I32([this, int(b), 0x75]);
  }
  shrU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x76]);
  }
  rotl(b: I32 | number): I32 {
    return new I32([this, int(b), 0x77]);
  }
  rotr(b: I32 | number): I32 {
    return new I32([this, int(b), 0x78]);
  }
  clz(): I32 {
    return new I32([this, 0x67]);
  }
  ctz(): I32 {
    return new I32([this, 0x68]);
  }
  popcnt(): I32 {
    return new I32([this, 0x69]);
  }
  eqz(): I32 {
    return new I32([this, 0x45]);
  }
  eq(b: I32 | number): I32 {
    return new I32([this, int(b), 0x46]);
  }
  ne(b: I32 | number): I32 {
    return new I32([this, int(b), 0x47]);
  }
  ltS(b: I32 | number): I32 {
    return new I32([this, int(b), 0x48]);
  }
  ltU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x49]);
  }
  gtS(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4a]);
  }
  gtU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4b]);
  }
  leS(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4c]);
  }
  leU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4d]);
  }
  geS(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4e]);
  }
  geU(b: I32 | number): I32 {
    return new I32([this, int(b), 0x4f]);
  }
  extendS(): I64 {
    return new I64([this, 0xac]);
  }
  extendU(): I64 {
    return new I64([this, 0xad]);
  }
  /** The nearest binary64; exact. */
  toF64S(): F64 {
    return new F64([this, 0xb7]);
  }
  toF64U(): F64 {
    return new F64([this, 0xb8]);
  }
  /** `this ? a : b`, both evaluated. */
  select<T extends I32 | I64 | F64>(a: T, b: T): T {
    return like(a, [a, b, this, 0x1b]);
  }
  /** `this ? a : b`, only one evaluated. */
  choose<T extends I32 | I64 | F64>(a: T, b: T): T {
    const label = new Label("choose");
    const body = ranged(label, [a, 0x05, b]);
    return like(a, [this, 0x04, typeByte(a), ...body]);
  }
}

/** Code that leaves an i64. */
export class I64 extends Code {
  get type(): "i64" {
    return "i64";
  }
  add(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x7c]);
  }
  sub(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x7d]);
  }
  mul(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x7e]);
  }
  /** Wasm traps on zero and on overflow: guard both. */
  divS(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x7f]);
  }
  divU(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x80]);
  }
  remS(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x81]);
  }
  remU(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x82]);
  }
  and(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x83]);
  }
  or(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x84]);
  }
  xor(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x85]);
  }
  /** Shift counts are taken modulo 64. */
  shl(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x86]);
  }
  shrS(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x87]);
  }
  shrU(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x88]);
  }
  rotl(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x89]);
  }
  rotr(b: I64 | number | bigint): I64 {
    return new I64([this, long(b), 0x8a]);
  }
  clz(): I64 {
    return new I64([this, 0x79]);
  }
  ctz(): I64 {
    return new I64([this, 0x7a]);
  }
  popcnt(): I64 {
    return new I64([this, 0x7b]);
  }
  not(): I64 {
    return this.xor(-1);
  }
  eqz(): I32 {
    return new I32([this, 0x50]);
  }
  eq(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x51]);
  }
  ne(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x52]);
  }
  ltS(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x53]);
  }
  ltU(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x54]);
  }
  gtS(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x55]);
  }
  gtU(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x56]);
  }
  leS(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x57]);
  }
  leU(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x58]);
  }
  geS(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x59]);
  }
  geU(b: I64 | number | bigint): I32 {
    return new I32([this, long(b), 0x5a]);
  }
  wrap(): I32 {
    return new I32([this, 0xa7]);
  }
  extend8(): I64 {
    return new I64([this, 0xc2]);
  }
  extend16(): I64 {
    return new I64([this, 0xc3]);
  }
  extend32(): I64 {
    return new I64([this, 0xc4]);
  }
  /** The f64 with these bits. */
  asF64(): F64 {
    return new F64([this, 0xbf]);
  }
  toF64S(): F64 {
    return new F64([this, 0xb9]);
  }
  toF64U(): F64 {
    return new F64([this, 0xba]);
  }
  /** Rounded once to binary32 (nearest even): its bits, zero-extended. */
  toF32BitsS(): I64 {
    return new I64([this, 0xb4, 0xbc, 0xad]);
  }
  toF32BitsU(): I64 {
    return new I64([this, 0xb5, 0xbc, 0xad]);
  }
  /** As an address: loads from `this + offset`. */
  load8U(offset = 0): I64 {
    return new I64([this, 0x31, 0, ...unsigned(offset)]);
  }
  load8S(offset = 0): I64 {
    return new I64([this, 0x30, 0, ...unsigned(offset)]);
  }
  load16U(offset = 0): I64 {
    return new I64([this, 0x33, 0, ...unsigned(offset)]);
  }
  load16S(offset = 0): I64 {
    return new I64([this, 0x32, 0, ...unsigned(offset)]);
  }
  load32U(offset = 0): I64 {
    return new I64([this, 0x35, 0, ...unsigned(offset)]);
  }
  load32S(offset = 0): I64 {
    return new I64([this, 0x34, 0, ...unsigned(offset)]);
  }
  load64(offset = 0): I64 {
    return new I64([this, 0x29, 0, ...unsigned(offset)]);
  }
  loadI32(offset = 0): I32 {
    return new I32([this, 0x28, 0, ...unsigned(offset)]);
  }
  loadI32From8U(offset = 0): I32 {
    return new I32([this, 0x2d, 0, ...unsigned(offset)]);
  }
  loadI32From16U(offset = 0): I32 {
    return new I32([this, 0x2f, 0, ...unsigned(offset)]);
  }
  /** As an address: stores the low bits of `value` at `this + offset`. */
  store8(value: I64 | number | bigint, offset = 0): Void {
    return new Void([this, long(value), 0x3c, 0, ...unsigned(offset)]);
  }
  store16(value: I64 | number | bigint, offset = 0): Void {
    return new Void([this, long(value), 0x3d, 0, ...unsigned(offset)]);
  }
  store32(value: I64 | number | bigint, offset = 0): Void {
    return new Void([this, long(value), 0x3e, 0, ...unsigned(offset)]);
  }
  store64(value: I64 | number | bigint, offset = 0): Void {
    return new Void([this, long(value), 0x37, 0, ...unsigned(offset)]);
  }
  storeI32(value: I32 | number, offset = 0): Void {
    return new Void([this, int(value), 0x36, 0, ...unsigned(offset)]);
  }
  storeI32As8(value: I32 | number, offset = 0): Void {
    return new Void([this, int(value), 0x3a, 0, ...unsigned(offset)]);
  }
}

/** Code that leaves an f64. */
export class F64 extends Code {
  get type(): "f64" {
    return "f64";
  }
  add(b: F64): F64 {
    return new F64([this, b, 0xa0]);
  }
  sub(b: F64): F64 {
    return new F64([this, b, 0xa1]);
  }
  mul(b: F64): F64 {
    return new F64([this, b, 0xa2]);
  }
  div(b: F64): F64 {
    return new F64([this, b, 0xa3]);
  }
  abs(): F64 {
    return new F64([this, 0x99]);
  }
  neg(): F64 {
    return new F64([this, 0x9a]);
  }
  sqrt(): F64 {
    return new F64([this, 0x9f]);
  }
  ceil(): F64 {
    return new F64([this, 0x9b]);
  }
  floor(): F64 {
    return new F64([this, 0x9c]);
  }
  trunc(): F64 {
    return new F64([this, 0x9d]);
  }
  /** The nearest integer, ties to even. */
  nearest(): F64 {
    return new F64([this, 0x9e]);
  }
  /** The lesser; -0 < +0; a NaN if either is one. */
  min(b: F64): F64 {
    return new F64([this, b, 0xa4]);
  }
  max(b: F64): F64 {
    return new F64([this, b, 0xa5]);
  }
  /** The magnitude of this with the sign of `b`. */
  copysign(b: F64): F64 {
    return new F64([this, b, 0xa6]);
  }
  eq(b: F64): I32 {
    return new I32([this, b, 0x61]);
  }
  ne(b: F64): I32 {
    return new I32([this, b, 0x62]);
  }
  lt(b: F64): I32 {
    return new I32([this, b, 0x63]);
  }
  gt(b: F64): I32 {
    return new I32([this, b, 0x64]);
  }
  le(b: F64): I32 {
    return new I32([this, b, 0x65]);
  }
  ge(b: F64): I32 {
    return new I32([this, b, 0x66]);
  }
  /** The bits of this f64. */
  asI64(): I64 {
    return new I64([this, 0xbd]);
  }
  /** Rounded to binary32 (nearest even), and back. */
  roundToF32(): F64 {
    return new F64([this, 0xb6, 0xbb]);
  }
  /** Rounded to binary32 (nearest even): its bits, zero-extended. */
  asF32Bits(): I64 {
    return new I64([this, 0xb6, 0xbc, 0xad]);
  }
  /** Truncated; out-of-range values saturate. */
  truncToI64S(): I64 {
    return new I64([this, 0xfc, 6]);
  }
  truncToI64U(): I64 {
    return new I64([this, 0xfc, 7]);
  }
  truncToI32S(): I32 {
    return new I32([this, 0xfc, 2]);
  }
  truncToI32U(): I32 {
    return new I32([this, 0xfc, 3]);
  }
}

/** The f64 equal to the binary32 whose bits are the low half of `bits`. A NaN's payload is not kept. */
export function f32BitsToF64(bits: I64): F64 {
  return new F64([bits, 0xa7, 0xbe, 0xbb]);
}

/** An i32 constant. */
export function int(value: I32 | number): I32 {
  if (typeof value !== "number") return value;
  return known(INTS, value | 0, (it) => new I32([0x41, ...signed32(it)]));
}

/** An i64 constant; values of 2^63 and above are taken as two's complement. */
export function long(value: I64 | number | bigint): I64 {
  if (value instanceof I64) return value;
  if (typeof value === "number" && (value | 0) === value) {
    return known(LONGS, value, (it) => new I64([0x42, ...signed32(it)]));
  }
  return new I64([0x42, ...signed(BigInt.asIntN(64, BigInt(value)))]);
}

/** An f64 constant. */
export function double(value: number): F64 {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return new F64([0x44, ...bytes]);
}

/** Parts of a label's range, up to its end. */
export function ranged(label: Label, parts: readonly Part[]): Part[] {
  return [{ mark: "enter", of: label }, ...parts, 0x0b, { mark: "leave", of: label }];
}

/** The first so many of each type are kept. */
const KNOWN_MAX = 1 << 14;
const INTS = new Map<number, I32>();
const LONGS = new Map<number, I64>();

/** The same constants come again and again, and code never changes. */
function known<T>(constants: Map<number, T>, value: number, make: (value: number) => T): T {
  let constant = constants.get(value);
  if (constant === undefined) {
    constant = make(value);
    if (constants.size < KNOWN_MAX) constants.set(value, constant);
  }
  return constant;
}

/** The class of code that has a given wasm type. */
export type CodeOf<T extends ValueType | "void"> = T extends "i32" ? I32
  : T extends "i64" ? I64
  : T extends "f64" ? F64
  : Void;

/** Code of the named type made from parts. */
export function codeOf<T extends ValueType | "void">(type: T, parts: readonly Part[]): CodeOf<T> {
  const constructors = { i32: I32, i64: I64, f64: F64, void: Void };
  return new constructors[type](parts) as CodeOf<T>;
}

/** Code of the type of a model. */
export function like<T extends I32 | I64 | F64>(model: T, parts: readonly Part[]): T {
  return codeOf(model.type, parts) as T;
}

function typeByte(value: I32 | I64 | F64): number {
  return TYPE_BYTES[value.type];
}
