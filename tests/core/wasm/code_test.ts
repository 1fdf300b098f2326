// deno-lint-ignore-file no-explicit-any -- operators are called by their names
/** The assembler's operators against BigInt and JavaScript, its integers against their definition. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import * as code from "../../../core/wasm/code.ts";
import { f32BitsToF64, F64, I32, I64, int, long } from "../../../core/wasm/code.ts";
import { Module, type WasmFunction } from "../../../core/wasm/module.ts";
import type { ValueType } from "../../../core/wasm/code.ts";
import { instantiate } from "./instantiate.ts";

const SEED = 0xc0de;
const ROUNDS = 200;

const s32 = (value: number) => value | 0;
const u32 = (value: number) => value >>> 0;
const s64 = (value: bigint) => BigInt.asIntN(64, value);
const u64 = (value: bigint) => BigInt.asUintN(64, value);
const flag = (value: boolean) => value ? 1 : 0;
const bits = (value: bigint, width: number) =>
  u64(value).toString(2).padStart(64, "0").slice(64 - width);
const leading = (text: string) => /^0*/.exec(text)![0].length;
const trailing = (text: string) => /0*$/.exec(text)![0].length;
const ones = (text: string) => text.replaceAll("0", "").length;
const of32 = (value: number) => BigInt(u32(value));

/** `a` and `b` as wasm gives them to JavaScript: signed. Results are taken modulo the type. */
const I32_BINARY: { readonly [name: string]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  divU: (a, b) => b === 0 ? NaN : Math.floor(u32(a) / u32(b)),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b & 31),
  shrS: (a, b) => a >> (b & 31),
  shrU: (a, b) => a >>> (b & 31),
  rotl: (a, b) => a << (b & 31) | Number(of32(a) >> BigInt(32 - (b & 31))),
  rotr: (a, b) =>
    a >>> (b & 31) | Number(s32(Number(u64(of32(a) << BigInt(32 - (b & 31))) & 0xffff_ffffn))),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  ltS: (a, b) => flag(a < b),
  ltU: (a, b) => flag(u32(a) < u32(b)),
  gtS: (a, b) => flag(a > b),
  gtU: (a, b) => flag(u32(a) > u32(b)),
  leS: (a, b) => flag(a <= b),
  leU: (a, b) => flag(u32(a) <= u32(b)),
  geS: (a, b) => flag(a >= b),
  geU: (a, b) => flag(u32(a) >= u32(b)),
};

const I32_UNARY: { readonly [name: string]: (a: number) => number | bigint } = {
  clz: (a) => Math.clz32(a),
  ctz: (a) => trailing(bits(of32(a), 32)),
  popcnt: (a) => ones(bits(of32(a), 32)),
  eqz: (a) => flag(a === 0),
  extendS: (a) => BigInt(a),
  extendU: (a) => of32(a),
  toF64S: (a) => a,
  toF64U: (a) => u32(a),
};

const I64_BINARY: { readonly [name: string]: (a: bigint, b: bigint) => bigint | number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  divS: (a, b) => b === 0n || s64(a / b) !== a / b ? NaN : a / b,
  divU: (a, b) => b === 0n ? NaN : u64(a) / u64(b),
  remS: (a, b) => b === 0n ? NaN : a % b,
  remU: (a, b) => b === 0n ? NaN : u64(a) % u64(b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b & 63n),
  shrS: (a, b) => a >> (b & 63n),
  shrU: (a, b) => u64(a) >> (b & 63n),
  rotl: (a, b) => u64(a) << (b & 63n) | u64(a) >> (64n - (b & 63n)),
  rotr: (a, b) => u64(a) >> (b & 63n) | u64(a) << (64n - (b & 63n)),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  ltS: (a, b) => flag(a < b),
  ltU: (a, b) => flag(u64(a) < u64(b)),
  gtS: (a, b) => flag(a > b),
  gtU: (a, b) => flag(u64(a) > u64(b)),
  leS: (a, b) => flag(a <= b),
  leU: (a, b) => flag(u64(a) <= u64(b)),
  geS: (a, b) => flag(a >= b),
  geU: (a, b) => flag(u64(a) >= u64(b)),
};

const asFloat = (value: bigint) => new Float64Array(BigUint64Array.of(u64(value)).buffer)[0];
const asBits = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0];
const single = (value: number) => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0]);

/** An integer rounded once to binary32. Through binary64 it would be rounded twice. */
function toSingleBits(value: bigint): bigint {
  const magnitude = value < 0n ? -value : value;
  const excess = Math.max(0, magnitude.toString(2).length - 24);
  const unit = 1n << BigInt(excess);
  let rounded = magnitude / unit;
  const rest = magnitude % unit * 2n;
  if (rest > unit || (rest === unit && rounded % 2n === 1n)) rounded += 1n;
  return single(Number(rounded * unit) * (value < 0n ? -1 : 1));
}

const I64_UNARY: { readonly [name: string]: (a: bigint) => bigint | number } = {
  clz: (a) => BigInt(leading(bits(a, 64))),
  ctz: (a) => BigInt(trailing(bits(a, 64))),
  popcnt: (a) => BigInt(ones(bits(a, 64))),
  not: (a) => ~a,
  eqz: (a) => flag(a === 0n),
  wrap: (a) => Number(BigInt.asIntN(32, a)),
  extend8: (a) => BigInt.asIntN(8, a),
  extend16: (a) => BigInt.asIntN(16, a),
  extend32: (a) => BigInt.asIntN(32, a),
  asF64: asFloat,
  toF64S: (a) => Number(a),
  toF64U: (a) => Number(u64(a)),
  toF32BitsS: (a) => toSingleBits(a),
  toF32BitsU: (a) => toSingleBits(u64(a)),
};

const F64_BINARY: { readonly [name: string]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  copysign: (a, b) => Math.abs(a) * (b < 0 || Object.is(b, -0) ? -1 : 1),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  lt: (a, b) => flag(a < b),
  gt: (a, b) => flag(a > b),
  le: (a, b) => flag(a <= b),
  ge: (a, b) => flag(a >= b),
};

function saturated(value: number, low: bigint, high: bigint): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value <= Number(low)) return low;
  return value >= Number(high) ? high : BigInt(Math.trunc(value));
}

function nearest(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 2 ** 52) return value;
  const floor = Math.floor(value);
  const rest = value - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  const result = floor + (up ? 1 : 0);
  return result === 0 && (value < 0 || Object.is(value, -0)) ? -0 : result;
}

const F64_UNARY: { readonly [name: string]: (a: number) => number | bigint } = {
  abs: Math.abs,
  neg: (a) => -a,
  sqrt: Math.sqrt,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  nearest,
  asI64: asBits,
  roundToF32: Math.fround,
  asF32Bits: single,
  truncToI64S: (a) => saturated(a, -(1n << 63n), (1n << 63n) - 1n),
  truncToI64U: (a) => saturated(a, 0n, (1n << 64n) - 1n),
  truncToI32S: (a) => Number(saturated(a, -(1n << 31n), (1n << 31n) - 1n)),
  truncToI32U: (a) => s32(Number(saturated(a, 0n, (1n << 32n) - 1n))),
};

function random32(random: Random): number {
  const kind = random.below(4);
  if (kind === 0) return s32(random.below(70) - 3);
  return kind === 1 ? s32(2 ** 31 - random.below(3)) : s32(random.next());
}

function random64(random: Random): bigint {
  const kind = random.below(6);
  if (kind === 0) return BigInt(random.below(70)) - 3n;
  // Just beyond the middle of two binary32, where rounding by way of binary64 goes wrong.
  if (kind === 5) return (BigInt(random.next() >>> 8 | 0x80_0000) << 39n) + (1n << 38n) + 1n;
  if (kind === 1) return s64((1n << 63n) - BigInt(random.below(3)));
  const any = s64(BigInt(random.next()) << 32n | BigInt(random.next()));
  return any >> BigInt(random.below(64));
}

// NaNs are left out where their bits would show: wasm does not say which they are.
function randomDouble(random: Random): number {
  const some = [
    0,
    -0,
    1,
    -1,
    0.5,
    1.5,
    2.5,
    -2.5,
    Infinity,
    -Infinity,
    2 ** 31,
    2 ** 63,
    -(2 ** 63),
  ];
  const kind = random.below(4);
  if (kind === 0) return some[random.below(some.length)];
  const value = asFloat(BigInt(random.next()) << 32n | BigInt(random.next()));
  if (kind === 1 && !Number.isNaN(value)) return value;
  return (random.next() - 2 ** 31) / 2 ** random.below(40);
}

type Sample = number | bigint;
const RANDOM: { readonly [type in ValueType]: (random: Random) => Sample } = {
  i32: random32,
  i64: random64,
  f64: randomDouble,
};
const PROTOTYPES = { i32: I32.prototype, i64: I64.prototype, f64: F64.prototype };

/** A wasm function for each operator of a type, compared with its model. */
function compare(
  type: ValueType,
  models: { readonly [name: string]: (...operands: never[]) => Sample },
  count: 1 | 2,
): void {
  const module = new Module();
  const results = new Map<string, ValueType>();
  for (const name of Object.keys(models)) {
    const parameters = count === 1 ? [type] as const : [type, type] as const;
    const apply = (a: any, b?: any) => count === 1 ? a[name]() : a[name](b);
    const dummy: any = { i32: int(0), i64: long(0), f64: code.double(0) }[type];
    const result = apply(dummy, dummy).type as ValueType;
    results.set(name, result);
    const fn = module.function(name, parameters, result);
    module.define(
      fn as WasmFunction<any, any>,
      (_, ...operands) => apply(...operands as [any, any]),
    );
    module.export(fn);
  }
  const functions = instantiate(module);
  const random = new Random(SEED);
  for (const [name, model] of Object.entries(models)) {
    for (let round = 0; round < ROUNDS; round++) {
      const operands = Array.from({ length: count }, () => RANDOM[type](random)) as never[];
      const where = `seed ${SEED}: ${type}.${name}(${operands.join(", ")})`;
      const expected = model(...operands);
      let actual: Sample;
      try {
        actual = functions[name](...operands) as Sample;
      } catch (error) {
        assert(error instanceof WebAssembly.RuntimeError && Number.isNaN(expected), where);
        continue;
      }
      if (typeof actual === "bigint") assertEquals(actual, s64(expected as bigint), where);
      else if (results.get(name) === "i32") assertEquals(actual, s32(Number(expected)), where);
      else assert(Object.is(actual, expected), where);
    }
  }
}

const operators = (type: ValueType) =>
  Object.getOwnPropertyNames(PROTOTYPES[type]).filter((name) =>
    !/^(constructor|type|select|choose|load|store)/.test(name)
  );

for (
  const [type, binary, unary] of [
    ["i32", I32_BINARY, I32_UNARY],
    ["i64", I64_BINARY, I64_UNARY],
    ["f64", F64_BINARY, F64_UNARY],
  ] as const
) {
  Deno.test(`every operator of ${type} is what its name says`, () => {
    assertEquals(operators(type).sort(), [...Object.keys(binary), ...Object.keys(unary)].sort());
    compare(type, binary, 2);
    compare(type, unary, 1);
  });
}

Deno.test("f32BitsToF64() widens exactly", () => {
  const module = new Module();
  const widen = module.function("widen", ["i64"], "f64");
  module.define(widen, (_, value) => f32BitsToF64(value));
  module.export(widen);
  const functions = instantiate(module);
  for (const value of [0, -0, 1.5, -1e-45, 3.4e38, Infinity, -Infinity]) {
    assert(Object.is(functions.widen(single(value)), Math.fround(value)), String(value));
  }
});

Deno.test("select() and choose() take the first operand where the condition is not 0", () => {
  const module = new Module();
  const select = module.function("select", ["i32", "i64", "i64"], "i64");
  module.define(select, (_, condition, a, b) => condition.select(a, b));
  const choose = module.function("choose", ["i32", "i64", "i64"], "i64");
  // Only one side is evaluated: the other one would trap.
  module.define(
    choose,
    (_, condition, a, b) => condition.choose(a.divU(1), b.divU(condition.extendU())),
  );
  for (const fn of [select, choose]) module.export(fn);
  const functions = instantiate(module);
  for (const condition of [1, -1, 0x8000_0000 | 0, 2]) {
    assertEquals(functions.select(condition, 5n, 6n), 5n);
    assertEquals(functions.choose(condition, 5n, 6n), 5n);
  }
  assertEquals(functions.select(0, 5n, 6n), 6n);
  let trapped = false;
  try {
    functions.choose(0, 5n, 6n);
  } catch {
    trapped = true;
  }
  assert(trapped, "with 0 the second side is evaluated");
});

Deno.test("int(), long() and double() give back any constant", () => {
  const module = new Module();
  const random = new Random(SEED);
  const values = [
    0n,
    1n << 63n,
    (1n << 64n) - 1n,
    ...Array.from({ length: 60 }, () => random64(random)),
  ];
  const doubles = [
    0,
    -0,
    Infinity,
    5e-324,
    ...Array.from({ length: 40 }, () => randomDouble(random)),
  ];
  values.forEach((value, i) => {
    const wide = module.function(`long${i}`, [], "i64");
    module.define(wide, () => long(value));
    const narrow = module.function(`int${i}`, [], "i32");
    module.define(narrow, () => int(Number(BigInt.asIntN(32, value))));
    module.export(wide);
    module.export(narrow);
  });
  doubles.forEach((value, i) => {
    const fn = module.function(`double${i}`, [], "f64");
    module.define(fn, () => code.double(value));
    module.export(fn);
  });
  const functions = instantiate(module);
  values.forEach((value, i) => {
    assertEquals(functions[`long${i}`](), s64(value));
    assertEquals(functions[`int${i}`](), Number(BigInt.asIntN(32, value)));
  });
  doubles.forEach((value, i) => assert(Object.is(functions[`double${i}`](), value), `${value}`));
});
