/**
 * Floating-point data as exact BigInt rationals, and the one rounding back: the oracle's ground.
 * Source: IEEE 754-2019, 3.3, 3.4, 4.3 and 7.4 to 7.6.
 */
import type { Format } from "../../../core/isa/effect.ts";

/** A result and the flags that the operation raised, as in `fflags`. */
export interface Outcome {
  readonly bits: bigint;
  readonly flags: number;
}

/** A format: bits in all, bits of the significand, greatest exponent (which is also the bias). */
export interface Shape {
  readonly width: bigint;
  readonly precision: bigint;
  readonly exponentMax: bigint;
}

export const SHAPES: Record<Format, Shape> = {
  s: { width: 32n, precision: 24n, exponentMax: 127n },
  d: { width: 64n, precision: 53n, exponentMax: 1023n },
};

/** `numerator / denominator`, with the sign apart so that zero has one; the denominator is > 0. */
export interface Rational {
  readonly kind: "finite";
  readonly negative: boolean;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** What a bit pattern stands for. */
export type Datum =
  | Rational
  | { readonly kind: "infinity"; readonly negative: boolean }
  | { readonly kind: "nan"; readonly signalling: boolean };

/** Not a NaN. */
export type Number = Exclude<Datum, { kind: "nan" }>;

export type RoundingMode = "RNE" | "RTZ" | "RDN" | "RUP" | "RMM";
export const MODES: readonly RoundingMode[] = ["RNE", "RTZ", "RDN", "RUP", "RMM"];

export const INEXACT = 1;
export const UNDERFLOW = 2;
export const OVERFLOW = 4;
export const DIVIDE_BY_ZERO = 8;
export const INVALID = 16;

/** The datum of a bit pattern. */
export function decode({ width, precision, exponentMax }: Shape, bits: bigint): Datum {
  const fractionBits = precision - 1n;
  const negative = (bits >> (width - 1n)) & 1n ? true : false;
  const field = (bits >> fractionBits) & (2n * exponentMax + 1n);
  const fraction = bits & (2n ** fractionBits - 1n);
  if (field === 2n * exponentMax + 1n) {
    if (fraction === 0n) return { kind: "infinity", negative };
    return { kind: "nan", signalling: fraction < 2n ** (fractionBits - 1n) };
  }
  const significand = field === 0n ? fraction : fraction + 2n ** fractionBits;
  const power = (field === 0n ? 1n : field) - exponentMax - fractionBits;
  return rational(negative, significand * 2n ** max(power, 0n), 2n ** max(-power, 0n));
}

/** A rational number; a zero keeps its sign. */
export function rational(negative: boolean, numerator: bigint, denominator = 1n): Rational {
  return { kind: "finite", negative, numerator, denominator };
}

/** The numerator with the sign. */
export function signed(value: Rational): bigint {
  return value.negative ? -value.numerator : value.numerator;
}

/** The exact value rounded once to the format, with the flags of overflow and underflow. */
export function rounded(shape: Shape, exact: Rational, mode: RoundingMode): Outcome {
  const { width, precision, exponentMax } = shape;
  const { negative, numerator, denominator } = exact;
  const sign = negative ? 2n ** (width - 1n) : 0n;
  if (numerator === 0n) return { bits: sign, flags: 0 };
  let exponent = bitLength(numerator) - bitLength(denominator);
  if (compareToPower(exact, exponent) < 0) exponent--;
  const exponentMin = 1n - exponentMax;
  const quantum = max(exponent, exponentMin) - precision + 1n;
  const { integer, inexact } = roundedToMultiple(exact, quantum, mode);
  const overflows = bitLength(integer) + quantum > exponentMax + 1n;
  if (overflows) {
    const toInfinity = mode === "RNE" || mode === "RMM" || mode === (negative ? "RDN" : "RUP");
    const greatest = infinityBits(shape) - 1n;
    return {
      bits: sign | (toInfinity ? greatest + 1n : greatest),
      flags: OVERFLOW | INEXACT,
    };
  }
  // Tiny: below the least normal number when rounded as if the exponent range had no end.
  const free = exponent - precision + 1n;
  const unbounded = roundedToMultiple(exact, free, mode).integer;
  const tiny = bitLength(unbounded) + free - 1n < exponentMin;
  // Counting up the bit patterns from 0 counts up the multiples of the quantum, so a significand
  // that reaches the next binade carries into the exponent.
  const implied = (quantum + precision - 1n - exponentMin) << (precision - 1n);
  return {
    bits: sign | (implied + integer),
    flags: inexact ? INEXACT | (tiny ? UNDERFLOW : 0) : 0,
  };
}

/** The magnitude as a multiple of 2^power, rounded in the direction that mode and sign give. */
export function roundedToMultiple(
  { negative, numerator, denominator }: Rational,
  power: bigint,
  mode: RoundingMode,
): { integer: bigint; inexact: boolean } {
  const over = numerator * 2n ** max(-power, 0n);
  const under = denominator * 2n ** max(power, 0n);
  const floor = over / under;
  const remainder = over % under;
  if (remainder === 0n) return { integer: floor, inexact: false };
  const half = 2n * remainder - under;
  const up = {
    RNE: half > 0n || (half === 0n && floor % 2n === 1n),
    RMM: half >= 0n,
    RTZ: false,
    RDN: negative,
    RUP: !negative,
  }[mode];
  return { integer: up ? floor + 1n : floor, inexact: true };
}

function compareToPower({ numerator, denominator }: Rational, power: bigint): number {
  const difference = numerator * 2n ** max(-power, 0n) - denominator * 2n ** max(power, 0n);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function infinityBits({ precision, exponentMax }: Shape): bigint {
  return (2n * exponentMax + 1n) << (precision - 1n);
}

export function isZero(value: Datum): boolean {
  return value.kind === "finite" && value.numerator === 0n;
}

export function bitLength(value: bigint): bigint {
  const digits = value.toString(16);
  return BigInt(4 * digits.length - Math.clz32(parseInt(digits[0], 16)) + 28);
}

export function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
