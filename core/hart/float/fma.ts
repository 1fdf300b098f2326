/**
 * Fused multiply-add, `a * b + c` with one rounding: the host's fast path and special operands.
 *
 * Source: IEEE 754-2019, 5.4.1, 6.3, 7.2; RISC-V unprivileged specification, F (infinity * 0 +
 * quiet NaN is invalid). Error-free transformations: Dekker 1971 (product), Knuth (sum).
 */
import { double, type F64, type I64, type Label, type Void } from "../../wasm/code.ts";
import { block, brIf, ret, sequence, when } from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf, Module } from "../../wasm/module.ts";
import { errorOfSum } from "./add.ts";
import { BINARY32, BINARY64, isInexactNew, NX, raise, RNE } from "./format.ts";
import { emitFusedSum, type TernaryOperation } from "./fused_sum.ts";
import type { MultiplyHigh } from "./multiply.ts";
import { type BinaryOperation, invalid, type Packing } from "./pack.ts";

type Operands = readonly [a: I64, b: I64, c: I64];

/** Emits `a * b + c`. */
export function emitFma(
  module: Module,
  packing: Packing,
  add: BinaryOperation,
  multiplyHigh: MultiplyHigh,
): TernaryOperation {
  const { layout } = packing;
  const exactly = emitExactFma(module, packing, add, multiplyHigh);
  const fma = module.function(
    `float_fma_${layout.format}`,
    ["i64", "i64", "i64", "i32", "i64"],
    "i64",
  );
  const fast = layout.format === "s" ? fastBinary32 : fastBinary64;
  module.define(fma, (f, a, b, c, rounding, flagsAddress) => {
    const result = f.i64();
    return [
      block((slow) => [
        brIf(slow, rounding.ne(RNE)),
        ...fast(f, slow, [a, b, c], result, flagsAddress),
        ret(result),
      ]),
      exactly.call(a, b, c, rounding, flagsAddress),
    ];
  });
  return fma;
}

// The product is exact in binary64. Rounding the sum twice goes wrong only where the first rounding
// yields the midpoint of two binary32 numbers.
function fastBinary32(
  f: FunctionBuilder,
  slow: Label,
  [a, b, c]: Operands,
  result: LocalOf<"i64">,
  flagsAddress: I64,
): Void[] {
  const product = f.f64();
  const addend = f.f64();
  const sum = f.f64();
  const { error, compute } = errorOfSum(f, product, addend, sum);
  const belowBinary32 = BINARY64.fractionBits - BINARY32.fractionBits;
  return [
    product.set(BINARY32.toHost(a).mul(BINARY32.toHost(b))),
    addend.set(BINARY32.toHost(c)),
    sum.set(product.add(addend)),
    brIf(slow, sum.asI64().and((1 << belowBinary32) - 1).eq(1 << (belowBinary32 - 1))),
    result.set(BINARY32.fromHost(sum)),
    brIf(slow, BINARY32.isOrdinary(result).eqz()),
    when(isInexactNew(flagsAddress), [
      compute,
      when(error.ne(double(0)).or(BINARY32.toHost(result).ne(sum)), [raise(flagsAddress, NX)]),
    ]),
  ];
}

// product + productError = a * b and sum + sumError = product + c, exactly. The two errors added
// are off by less than 2^-52 of their sum, so the result is right if that much more or less of them
// rounds alike.
function fastBinary64(
  f: FunctionBuilder,
  slow: Label,
  [a, b, c]: Operands,
  result: LocalOf<"i64">,
  flagsAddress: I64,
): Void[] {
  const product = f.f64();
  const sum = f.f64();
  const rest = f.f64();
  const rounded = f.f64();
  const [aHigh, bHigh] = [f.f64(), f.f64()];
  const [aLow, bLow] = [f.f64(), f.f64()];
  const [x, y, z] = [a.asF64(), b.asF64(), c.asF64()];
  const { error, compute } = errorOfSum(f, product, z, sum);
  const productError = aLow.mul(bLow).add(
    aLow.mul(bHigh).add(aHigh.mul(bLow).add(aHigh.mul(bHigh).sub(product))),
  );
  return [
    // Within these bounds no step overflows, the product's error does not underflow, and the result
    // is 0 or at least 2^-1004: a multiple of the product's last place, or of a like magnitude to c.
    brIf(
      slow,
      BINARY64.isBetween(a, -450, 450).and(BINARY64.isBetween(b, -450, 450))
        .and(BINARY64.isBetween(c, BINARY64.exponentMin - 1, 900)).eqz(),
    ),
    product.set(x.mul(y)),
    sum.set(product.add(z)),
    split(x, aHigh, aLow),
    split(y, bHigh, bLow),
    compute,
    rest.set(error.add(productError)),
    rounded.set(sum.add(rest.mul(double(1 + 2 ** -52)))),
    brIf(slow, rounded.ne(sum.add(rest.mul(double(1 - 2 ** -52))))),
    result.set(rounded.asI64()),
    // Inexact for the first time, which is rare: let the exact path find out.
    when(rest.ne(double(0)), [brIf(slow, isInexactNew(flagsAddress))]),
  ];
}

// Veltkamp's splitting: high + low = x, each of at most 26 bits.
function split(x: F64, high: LocalOf<"f64">, low: LocalOf<"f64">): Void {
  const scaled = x.mul(double(2 ** 27 + 1));
  return sequence(
    high.set(scaled),
    high.set(high.sub(high.sub(x))),
    low.set(x.sub(high)),
  );
}

function emitExactFma(
  module: Module,
  packing: Packing,
  add: BinaryOperation,
  multiplyHigh: MultiplyHigh,
): TernaryOperation {
  const { layout, propagateNaN } = packing;
  const fusedSum = emitFusedSum(module, packing, multiplyHigh);
  const fma = module.function(
    `float_fma_exact_${layout.format}`,
    ["i64", "i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(fma, (f, a, b, c, rounding, flagsAddress) => {
    const product = f.i64();
    const isInfinite = (bits: I64) => layout.magnitude(bits).eq(layout.infinity);
    const isZero = (bits: I64) => layout.magnitude(bits).eqz();
    return [
      when(isInfinite(a).and(isZero(b)).or(isZero(a).and(isInfinite(b))), [
        // Even if c is a quiet NaN.
        invalid(layout, flagsAddress),
      ]),
      when(layout.isNaN(a).or(layout.isNaN(b)).or(layout.isNaN(c)), [
        product.set(propagateNaN.call(a, b, flagsAddress)),
        ret(propagateNaN.call(product, c, flagsAddress)),
      ]),
      product.set(layout.signOf(a.xor(b))),
      when(isInfinite(a).or(isInfinite(b)), [
        when(isInfinite(c).and(layout.signOf(c).ne(product)), [invalid(layout, flagsAddress)]),
        ret(product.or(layout.infinity)),
      ]),
      when(isInfinite(c), [ret(c)]),
      when(isZero(a).or(isZero(b)), [ret(add.call(product, c, rounding, flagsAddress))]),
      fusedSum.call(a, b, c, rounding, flagsAddress),
    ];
  });
  return fma;
}
