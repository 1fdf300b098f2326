/** Operands that find faults: the special values of each format, and seeded mixtures around them. */
import type { FloatName, Format } from "../../../core/isa/effect.ts";
import type { Random } from "../../../core/random.ts";

const FRACTION_BITS = { s: 23, d: 52 };
const BIAS = { s: 127, d: 1023 };
const WIDTH = { s: 32, d: 64 };

/** How many operands an operation takes. */
export function operandCount(name: FloatName): number {
  if (name === "fma") return 3;
  return ["add", "sub", "mul", "div", "min", "max", "eq", "lt", "le"].includes(name) ? 2 : 1;
}

/** The bits of a number with this unbiased exponent; below the least exponent: a subnormal's fraction. */
export function compose(
  format: Format,
  negative: boolean,
  exponent: number,
  fraction: bigint,
): bigint {
  const field = Math.min(Math.max(exponent + BIAS[format], 0), 2 * BIAS[format]);
  return (negative ? 1n << BigInt(WIDTH[format] - 1) : 0n) |
    BigInt(field) << BigInt(FRACTION_BITS[format]) |
    (fraction & ((1n << BigInt(FRACTION_BITS[format])) - 1n));
}

/** Special values: a short list for products of three, a long one for pairs and single operands. */
export function specials(format: Format, length: "short" | "long"): bigint[] {
  const one = compose(format, false, 0, 0n);
  const infinity = compose(format, false, BIAS[format], 0n) + (1n << BigInt(FRACTION_BITS[format]));
  const leastNormal = compose(format, false, 1 - BIAS[format], 0n);
  const half = 1n << BigInt(FRACTION_BITS[format] - 1);
  const positive = [
    0n,
    1n, // the least subnormal
    leastNormal,
    one,
    one + 1n,
    infinity - 1n, // the greatest finite number
    infinity,
    infinity | half, // the canonical NaN
    infinity | 1n, // a signalling NaN
  ];
  if (length === "long") {
    positive.push(
      leastNormal - 1n,
      leastNormal + 1n,
      one - 1n,
      one | half, // 1.5
      compose(format, false, 0, (half << 1n) - 1n),
      compose(format, false, -1, 0n),
      compose(format, false, -2, 0n),
      infinity | half | 3n, // a quiet NaN with a payload
      infinity | (half - 1n), // a signalling NaN with another
      ...[2, 31, 32, 63, 64].map((power) => compose(format, false, power, 0n)),
      ...[31, 32, 63, 64].map((power) => compose(format, false, power, 0n) - 1n),
      compose(format, false, FRACTION_BITS[format], 1n),
      compose(format, false, FRACTION_BITS[format] - 1, 1n), // an integer and a half
      compose(format, false, FRACTION_BITS[format] - 1, 3n),
      compose(format, false, -FRACTION_BITS[format] - 1, 0n), // half an ulp of 1
    );
  }
  return positive.flatMap((bits) => [bits, bits | 1n << BigInt(WIDTH[format] - 1)]);
}

/** Integers at the boundaries of the integer types and of the formats' precisions. */
export function specialIntegers(): bigint[] {
  const powers = [0, 1, 8, 23, 24, 25, 31, 32, 33, 52, 53, 54, 62, 63].map((n) => 1n << BigInt(n));
  const around = powers.flatMap((n) => [n - 1n, n, n + 1n, 3n * n, n | n >> 24n, n | n >> 53n]);
  return around.flatMap((n) => [BigInt.asUintN(64, n), BigInt.asUintN(64, -n)]);
}

/** Random operands for one operation. */
export function randomOperands(random: Random, name: FloatName, format: Format): bigint[] {
  if (name.startsWith("from")) return [randomInteger(random)];
  const a = randomNumber(random, format);
  if (name === "toOther" && format === "d") return [nearBinary32(random, a)];
  if (name.startsWith("to")) return [nearInteger(random, format, a)];
  if (name === "sqrt") return [random.below(3) === 0 ? square(random, format) : a];
  const b = partner(random, name, format, a);
  return name === "fma"
    ? [a, b, addend(random, format, a, b)]
    : [a, b].slice(0, operandCount(name));
}

function randomBits(random: Random, count: number): bigint {
  const bits = BigInt(random.next()) << 32n | BigInt(random.next());
  return bits & ((1n << BigInt(count)) - 1n);
}

/** Uniform, of few bits, or with long runs of equal bits: products and midpoints come out exact. */
function randomFraction(random: Random, format: Format): bigint {
  const count = FRACTION_BITS[format];
  const mask = (1n << BigInt(count)) - 1n;
  switch (random.below(4)) {
    case 0:
      return randomBits(random, count);
    case 1:
      return randomBits(random, random.below(count)) & mask; // the low bits
    case 2:
      return randomBits(random, random.below(12)) << BigInt(random.below(count)) & mask;
    default:
      return (mask >> BigInt(random.below(count)) << BigInt(random.below(count))) & mask;
  }
}

function randomNumber(random: Random, format: Format): bigint {
  const negative = random.below(2) === 1;
  const fraction = randomFraction(random, format);
  switch (random.below(8)) {
    case 0: {
      const list = specials(format, "long");
      return list[random.below(list.length)];
    }
    case 1: // subnormal, or just above
      return compose(format, negative, 1 - BIAS[format] - random.below(3) + 1, fraction);
    case 2: // about to overflow
      return compose(format, negative, BIAS[format] - random.below(3), fraction);
    case 3:
      return randomBits(random, WIDTH[format]);
    default:
      return compose(format, negative, random.below(130) - 65, fraction);
  }
}

function exponentOf(format: Format, bits: bigint): number {
  return Number(bits >> BigInt(FRACTION_BITS[format]) & BigInt(2 * BIAS[format] + 1)) -
    BIAS[format];
}

/** A second operand: unrelated, close enough to cancel, or such that the result is at a limit. */
function partner(random: Random, name: FloatName, format: Format, a: bigint): bigint {
  const negative = random.below(2) === 1;
  const fraction = randomFraction(random, format);
  const exponent = exponentOf(format, a);
  const precision = FRACTION_BITS[format] + 1;
  switch (random.below(6)) {
    case 0:
      return randomNumber(random, format);
    case 1: // nearly the same magnitude
      return BigInt.asUintN(WIDTH[format], a + BigInt(random.below(7) - 3)) ^
        (negative ? 1n << BigInt(WIDTH[format] - 1) : 0n);
    case 2: { // the result near the least normal number or near overflow
      const limit = random.below(4) === 0
        ? BIAS[format]
        : 1 - BIAS[format] - random.below(precision);
      const towards = limit + random.below(3) - 1;
      return compose(
        format,
        negative,
        name === "div" ? exponent - towards : towards - exponent,
        fraction,
      );
    }
    default: // exponents within the precision
      return compose(
        format,
        negative,
        exponent + random.below(2 * precision + 6) - precision - 3,
        fraction,
      );
  }
}

/** A third operand near the product of the first two: cancels, or decides a midpoint. */
function addend(random: Random, format: Format, a: bigint, b: bigint): bigint {
  const precision = FRACTION_BITS[format] + 1;
  const exponent = exponentOf(format, a) + exponentOf(format, b);
  const negative = random.below(2) === 1;
  switch (random.below(4)) {
    case 0:
      return randomNumber(random, format);
    case 1: { // the product itself, nearly, with the other sign
      const product = toHost(format, a) * toHost(format, b);
      const bits = fromHost(format, -product);
      return BigInt.asUintN(WIDTH[format], bits + BigInt(random.below(5) - 2));
    }
    case 2: // the product is about half a unit in the last place, or around the guard bits
      return compose(
        format,
        negative,
        exponent + precision - 2 + random.below(5),
        randomFraction(random, format),
      );
    default:
      return compose(
        format,
        negative,
        exponent + random.below(4 * precision) - 2 * precision,
        randomFraction(random, format),
      );
  }
}

/** Numbers whose square root is exact, or next to such. */
function square(random: Random, format: Format): bigint {
  const root = random.below(1 << (format === "s" ? 12 : 26));
  const bits = fromHost(format, root * root * 4 ** (random.below(60) - 30));
  return bits + BigInt(random.below(2));
}

/** A binary64 at, or next to, a binary32 or a midpoint of two, their subnormals included. */
function nearBinary32(random: Random, a: bigint): bigint {
  if (random.below(3) === 0) return a;
  const single = randomNumber(random, "s");
  const bits = fromHost("d", toHost("s", single));
  const steps = [0n, 1n, -1n, 1n << 28n, (1n << 28n) + 1n, (1n << 28n) - 1n];
  const scaled = random.below(3) === 0
    ? compose("d", random.below(2) === 1, -120 - random.below(40), randomFraction(random, "d"))
    : bits;
  return BigInt.asUintN(64, scaled + steps[random.below(steps.length)]);
}

/** A number near an integer, half an integer, or a limit of an integer type. */
function nearInteger(random: Random, format: Format, a: bigint): bigint {
  if (random.below(3) === 0) return a;
  const exponent = [0, 3, 31, 32, 63, 64][random.below(6)] - random.below(3);
  const kept = random.below(4) - 2 + exponent; // fraction bits kept: to about the units place
  const drop = BigInt(Math.max(0, FRACTION_BITS[format] - Math.max(kept, 0)));
  const fraction = randomFraction(random, format) >> drop << drop;
  return compose(format, random.below(2) === 1, exponent, fraction) + BigInt(random.below(2));
}

function randomInteger(random: Random): bigint {
  const magnitude = randomBits(random, 1 + random.below(64));
  const list = specialIntegers();
  switch (random.below(4)) {
    case 0:
      return list[random.below(list.length)];
    case 1: // at a midpoint, or next to it
      return BigInt.asUintN(
        64,
        (magnitude | 1n) << BigInt(random.below(40)) | BigInt(random.below(3)),
      );
    default:
      return BigInt.asUintN(64, random.below(2) ? magnitude : -magnitude);
  }
}

const view = new DataView(new ArrayBuffer(8));

function toHost(format: Format, bits: bigint): number {
  view.setBigUint64(0, bits);
  return format === "s" ? view.getFloat32(4) : view.getFloat64(0);
}

function fromHost(format: Format, value: number): bigint {
  if (format === "d") view.setFloat64(0, value);
  else {
    view.setUint32(0, 0);
    view.setFloat32(4, value);
  }
  return view.getBigUint64(0);
}
