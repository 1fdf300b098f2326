/**
 * What every F and D operation returns and which flags it raises, in exact BigInt rationals with
 * one rounding at the end. It shares nothing with the engine but the names of the operations.
 *
 * Source: IEEE 754-2019; RISC-V unprivileged specification, F and D.
 */
import type { FloatName, Format } from "../../../core/isa/effect.ts";
import {
  abs,
  bitLength,
  type Datum,
  decode,
  DIVIDE_BY_ZERO,
  INEXACT,
  infinityBits,
  INVALID,
  isZero,
  MODES,
  type Number,
  type Outcome,
  rational,
  rounded,
  roundedToMultiple,
  type RoundingMode,
  type Shape,
  SHAPES,
  signed,
} from "./exact.ts";

/** The operation's outcome. `rounding` is 0 RNE, 1 RTZ, 2 RDN, 3 RUP, 4 RMM. */
export function oracle(
  name: FloatName,
  format: Format,
  operands: readonly bigint[],
  rounding: number,
): Outcome {
  const mode = MODES[rounding];
  const shape = SHAPES[format];
  const data = operands.map((bits) => decode(shape, bits));
  const [a, b, c] = data;
  switch (name) {
    case "add":
      return sum(shape, a, b, mode);
    case "sub":
      return sum(shape, a, negated(b), mode);
    case "mul":
      return product(shape, a, b, mode);
    case "div":
      return quotient(shape, a, b, mode);
    case "sqrt":
      return squareRoot(shape, a, mode);
    case "fma":
      return fused(shape, a, b, c, mode);
    case "min":
    case "max":
      return extremum(shape, name, operands, data);
    case "eq":
    case "lt":
    case "le":
      return comparison(name, a, b);
    case "class":
      return { bits: 1n << BigInt(classIndex(shape, operands[0], a)), flags: 0 };
    case "toW":
      return toInteger(a, mode, -(2n ** 31n), 2n ** 31n - 1n);
    case "toWu":
      return toInteger(a, mode, 0n, 2n ** 32n - 1n, 32);
    case "toL":
      return toInteger(a, mode, -(2n ** 63n), 2n ** 63n - 1n);
    case "toLu":
      return toInteger(a, mode, 0n, 2n ** 64n - 1n);
    case "fromW":
      return fromInteger(shape, BigInt.asIntN(32, operands[0]), mode);
    case "fromWu":
      return fromInteger(shape, BigInt.asUintN(32, operands[0]), mode);
    case "fromL":
      return fromInteger(shape, BigInt.asIntN(64, operands[0]), mode);
    case "fromLu":
      return fromInteger(shape, BigInt.asUintN(64, operands[0]), mode);
    case "toOther": {
      const other = SHAPES[format === "s" ? "d" : "s"];
      if (a.kind === "nan") return notANumber(other, a);
      return a.kind === "infinity" ? infinity(other, a.negative) : rounded(other, a, mode);
    }
  }
}

function negated(value: Datum): Datum {
  return value.kind === "nan" ? value : { ...value, negative: !value.negative };
}

function sum(shape: Shape, a: Datum, b: Datum, mode: RoundingMode): Outcome {
  if (a.kind === "nan" || b.kind === "nan") return notANumber(shape, a, b);
  if (a.kind === "infinity" && b.kind === "infinity" && a.negative !== b.negative) {
    return invalid(shape);
  }
  if (a.kind === "infinity") return infinity(shape, a.negative);
  if (b.kind === "infinity") return infinity(shape, b.negative);
  const numerator = signed(a) * b.denominator + signed(b) * a.denominator;
  // An exact zero is +0, except when rounding down, or when both terms have the same sign.
  const negative = numerator !== 0n
    ? numerator < 0n
    : a.negative === b.negative
    ? a.negative
    : mode === "RDN";
  return rounded(shape, rational(negative, abs(numerator), a.denominator * b.denominator), mode);
}

function product(shape: Shape, a: Datum, b: Datum, mode: RoundingMode): Outcome {
  if (a.kind === "nan" || b.kind === "nan") return notANumber(shape, a, b);
  const exact = multiplied(a, b);
  if (!exact) return invalid(shape);
  return exact.kind === "infinity" ? infinity(shape, exact.negative) : rounded(shape, exact, mode);
}

/** The exact product; none if it is infinity * 0. */
function multiplied(a: Number, b: Number): Number | undefined {
  const negative = a.negative !== b.negative;
  if (a.kind === "finite" && b.kind === "finite") {
    return rational(negative, a.numerator * b.numerator, a.denominator * b.denominator);
  }
  return isZero(a) || isZero(b) ? undefined : { kind: "infinity", negative };
}

function quotient(shape: Shape, a: Datum, b: Datum, mode: RoundingMode): Outcome {
  if (a.kind === "nan" || b.kind === "nan") return notANumber(shape, a, b);
  const negative = a.negative !== b.negative;
  if (a.kind === "infinity") {
    return b.kind === "infinity" ? invalid(shape) : infinity(shape, negative);
  }
  if (b.kind === "infinity") return rounded(shape, rational(negative, 0n), mode);
  if (isZero(b)) return isZero(a) ? invalid(shape) : infinity(shape, negative, DIVIDE_BY_ZERO);
  return rounded(
    shape,
    rational(negative, a.numerator * b.denominator, a.denominator * b.numerator),
    mode,
  );
}

function squareRoot(shape: Shape, a: Datum, mode: RoundingMode): Outcome {
  if (a.kind === "nan") return notANumber(shape, a);
  if (a.negative && !isZero(a)) return invalid(shape);
  if (a.kind === "infinity") return infinity(shape, false);
  if (isZero(a)) return rounded(shape, a, mode);
  // sqrt(n / d) = sqrt(n * d) / d, to 200 bits and more; an inexact root is put between two of these
  // steps, which no number of the format and no midpoint of two of them is.
  const scale = 2n ** 200n;
  const square = a.numerator * a.denominator * scale * scale;
  const root = integerRoot(square);
  const numerator = 2n * root + (root * root === square ? 0n : 1n);
  return rounded(shape, rational(false, numerator, 2n * a.denominator * scale), mode);
}

function integerRoot(square: bigint): bigint {
  let root = 2n ** ((bitLength(square) + 1n) / 2n);
  for (;;) {
    const next = (root + square / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}

function fused(shape: Shape, a: Datum, b: Datum, c: Datum, mode: RoundingMode): Outcome {
  if (a.kind !== "nan" && b.kind !== "nan") {
    const exact = multiplied(a, b);
    // Invalid even if c is a quiet NaN.
    return exact ? sum(shape, exact, c, mode) : invalid(shape);
  }
  return notANumber(shape, a, b, c);
}

function extremum(
  shape: Shape,
  name: "min" | "max",
  operands: readonly bigint[],
  data: readonly Datum[],
): Outcome {
  const flags = data.some((datum) => datum.kind === "nan" && datum.signalling) ? INVALID : 0;
  const numbers = operands.filter((_, index) => data[index].kind !== "nan");
  if (numbers.length === 0) return { bits: canonical(shape), flags };
  const key = (bits: bigint) => {
    const magnitude = bits & (2n ** (shape.width - 1n) - 1n);
    return bits === magnitude ? magnitude : -magnitude - 1n; // -0 below +0
  };
  numbers.sort((a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
  return { bits: name === "min" ? numbers[0] : numbers[numbers.length - 1], flags };
}

function comparison(name: "eq" | "lt" | "le", a: Datum, b: Datum): Outcome {
  if (a.kind === "nan" || b.kind === "nan") {
    const signalling = [a, b].some((datum) => datum.kind === "nan" && datum.signalling);
    return { bits: 0n, flags: signalling || name !== "eq" ? INVALID : 0 };
  }
  const order = compared(a, b);
  const holds = name === "eq" ? order === 0 : name === "lt" ? order < 0 : order <= 0;
  return { bits: holds ? 1n : 0n, flags: 0 };
}

function compared(a: Number, b: Number): number {
  if (a.kind === "infinity" || b.kind === "infinity") {
    const rank = (value: Number) => value.kind === "finite" ? 0 : value.negative ? -1 : 1;
    return rank(a) - rank(b);
  }
  const difference = signed(a) * b.denominator - signed(b) * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The bit that `fclass` sets. */
function classIndex(shape: Shape, bits: bigint, a: Datum): number {
  if (a.kind === "nan") return a.signalling ? 8 : 9;
  if (a.kind === "infinity") return a.negative ? 0 : 7;
  if (isZero(a)) return a.negative ? 3 : 4;
  const isSubnormal = ((bits >> (shape.precision - 1n)) & (2n * shape.exponentMax + 1n)) === 0n;
  if (isSubnormal) return a.negative ? 2 : 5;
  return a.negative ? 1 : 6;
}

function toInteger(
  a: Datum,
  mode: RoundingMode,
  least: bigint,
  greatest: bigint,
  width = 64,
): Outcome {
  const register = (value: bigint) => BigInt.asUintN(64, BigInt.asIntN(width, value));
  if (a.kind === "nan") return { bits: register(greatest), flags: INVALID };
  const saturated = { bits: register(a.negative ? least : greatest), flags: INVALID };
  if (a.kind === "infinity") return saturated;
  const { integer, inexact } = roundedToMultiple(a, 0n, mode);
  const value = a.negative ? -integer : integer;
  if (value < least || value > greatest) return saturated;
  return { bits: register(value), flags: inexact ? INEXACT : 0 };
}

function fromInteger(shape: Shape, value: bigint, mode: RoundingMode): Outcome {
  return rounded(shape, rational(value < 0n, abs(value)), mode);
}

function notANumber(shape: Shape, ...data: Datum[]): Outcome {
  const signalling = data.some((datum) => datum.kind === "nan" && datum.signalling);
  return { bits: canonical(shape), flags: signalling ? INVALID : 0 };
}

function invalid(shape: Shape): Outcome {
  return { bits: canonical(shape), flags: INVALID };
}

function infinity(shape: Shape, negative: boolean, flags = 0): Outcome {
  return { bits: infinityBits(shape) | (negative ? 2n ** (shape.width - 1n) : 0n), flags };
}

function canonical(shape: Shape): bigint {
  return shape.width === 32n ? 0x7fc00000n : 0x7ff8000000000000n;
}
