/** Floating-point operands worth trying, as bit patterns. */
import type { Random } from "../../core/random.ts";

/** A format's numbers. Source: IEEE 754-2019, 3.4. */
interface Shape {
  readonly widthBits: number;
  readonly fractionBits: number;
  readonly bias: number;
}

const SHAPES: { readonly [format in "s" | "d"]: Shape } = {
  s: { widthBits: 32, fractionBits: 23, bias: 127 },
  d: { widthBits: 64, fractionBits: 52, bias: 1023 },
};

const maxExponent = ({ bias }: Shape) => 2 * bias + 1;

/** 64 random bits. */
export function random64(random: Random): bigint {
  return BigInt(random.next()) << 32n | BigInt(random.next());
}

/** Not a number, infinite, subnormal, or so large that most results overflow. */
export function isSpecial(pattern: bigint, format: "s" | "d"): boolean {
  const shape = SHAPES[format];
  const exponent = exponentOf(pattern, shape);
  return exponent >= maxExponent(shape) - 2 ||
    exponent === 0 && BigInt.asUintN(shape.fractionBits, pattern) !== 0n;
}

/** One operand. */
export function operand(random: Random, format: "s" | "d"): bigint {
  const shape = SHAPES[format];
  const kind = random.below(20);
  const fraction = fractionOf(random, shape);
  const build = (exponent: number, bits = fraction) =>
    BigInt(random.below(2)) << BigInt(shape.widthBits - 1) |
    BigInt(exponent) << BigInt(shape.fractionBits) | bits;
  const top = maxExponent(shape);
  if (kind === 0) return build(top, fraction | 1n); // NaN, quiet or signaling
  if (kind === 1) return build(top, 0n);
  if (kind <= 3) return build(0); // subnormal
  if (kind === 4) return build(0, 0n);
  if (kind === 5) return build(top - 1 - random.below(3));
  if (kind === 6) return build(1 + random.below(3));
  if (kind <= 9) return BigInt.asUintN(shape.widthBits, random64(random));
  if (kind <= 12) return nearInteger(random, format);
  return build(shape.bias - 12 + random.below(24));
}

/** Operands that have to do with each other: near, opposite, or so that a fused sum cancels. */
export function operands(random: Random, format: "s" | "d", count: number): bigint[] {
  const list = Array.from({ length: count }, () => operand(random, format));
  if (random.below(10) < 3 && !list.some((each) => isSpecial(each, format))) {
    list[random.below(count)] = special(random, format);
  }
  const shape = SHAPES[format];
  const sign = 1n << BigInt(shape.widthBits - 1);
  if (count >= 2 && random.below(5) === 0) {
    const change = BigInt(random.below(4)) - 1n;
    const near = BigInt.asUintN(shape.widthBits, list[0] + change);
    list[1] = random.below(2) === 0 ? near : near ^ sign;
  }
  if (count === 3 && random.below(3) === 0) {
    const product = toNumber(list[0], format) * toNumber(list[1], format);
    const change = BigInt(random.below(3)) - 1n;
    list[2] = BigInt.asUintN(shape.widthBits, fromNumber(-product, format) + change);
  }
  return list;
}

/** As a register holds it: a binary32 is boxed, and now and then wrongly. */
export function inRegister(random: Random, pattern: bigint, format: "s" | "d"): bigint {
  if (format === "d") return pattern;
  return random.below(12) === 0
    ? random64(random) << 32n & 0xffffffff_ffffffffn | pattern
    : 0xffffffff_00000000n | pattern;
}

function special(random: Random, format: "s" | "d"): bigint {
  for (;;) {
    const pattern = operand(random, format);
    if (isSpecial(pattern, format)) return pattern;
  }
}

function exponentOf(pattern: bigint, { widthBits, fractionBits }: Shape): number {
  return Number(BigInt.asUintN(widthBits - 1, pattern) >> BigInt(fractionBits));
}

/** Random bits, all zeros or ones at one end, or a single bit. */
function fractionOf(random: Random, { fractionBits }: Shape): bigint {
  const bits = BigInt.asUintN(fractionBits, random64(random));
  const shift = BigInt(random.below(fractionBits));
  switch (random.below(6)) {
    case 0:
      return bits >> shift;
    case 1:
      return BigInt.asUintN(fractionBits, bits << shift);
    case 2:
      return 1n << shift;
    case 3:
      return BigInt.asUintN(fractionBits, -1n << shift);
    default:
      return bits;
  }
}

/** Near a bound of the integer conversions, or halfway between small integers. */
function nearInteger(random: Random, format: "s" | "d"): bigint {
  const power = 2 ** [0, 1, 2, 8, 23, 24, 31, 32, 52, 53, 62, 63, 64][random.below(13)];
  const value = power + [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1][random.below(9)];
  return fromNumber(random.below(2) === 0 ? value : -value, format);
}

const scratch = new DataView(new ArrayBuffer(8));

function fromNumber(value: number, format: "s" | "d"): bigint {
  if (format === "d") {
    scratch.setFloat64(0, value);
    return scratch.getBigUint64(0);
  }
  scratch.setFloat32(0, value);
  return BigInt(scratch.getUint32(0));
}

function toNumber(pattern: bigint, format: "s" | "d"): number {
  if (format === "d") {
    scratch.setBigUint64(0, pattern);
    return scratch.getFloat64(0);
  }
  scratch.setUint32(0, Number(pattern));
  return scratch.getFloat32(0);
}
