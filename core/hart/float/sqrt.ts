/**
 * Square root. Digits from the host's correctly rounded square root, the sign of the remainder
 * from 64-bit integers, as for division. Source: IEEE 754-2019, 5.4.1, 6.3, 7.2.
 */
import { long } from "../../wasm/code.ts";
import { block, brIf, ret, when } from "../../wasm/control.ts";
import type { Module } from "../../wasm/module.ts";
import { aligned, nudged } from "./divide.ts";
import { BINARY64, isInexactNew, NX, raise, RNE } from "./format.ts";
import { invalid, type Packing, type UnaryOperation, unpacked } from "./pack.ts";

/** Emits the square root. */
export function emitSqrt(module: Module, packing: Packing): UnaryOperation {
  const { layout } = packing;
  const exactly = emitExactSqrt(module, packing);
  const sqrt = module.function(`float_sqrt_${layout.format}`, ["i64", "i32", "i64"], "i64");
  module.define(sqrt, (f, a, rounding, flagsAddress) => {
    const result = f.i64();
    const root = layout.toHost(result);
    const scale = layout.exponentField(a).add(layout.bias + layout.fractionBits)
      .sub(layout.exponentField(result).shl(1));
    const isInexact = layout.format === "s"
      ? root.mul(root).ne(layout.toHost(a))
      : layout.significand(result).mul(layout.significand(result))
        .ne(layout.significand(a).shl(scale));
    return [
      block((slow) => [
        brIf(slow, rounding.ne(RNE)),
        result.set(layout.fromHost(layout.toHost(a).sqrt())),
        brIf(slow, layout.isOrdinary(result).eqz()),
        when(isInexactNew(flagsAddress), [
          brIf(slow, layout.isNormal(a).eqz()),
          when(isInexact, [raise(flagsAddress, NX)]),
        ]),
        ret(result),
      ]),
      exactly.call(a, rounding, flagsAddress),
    ];
  });
  return sqrt;
}

function emitExactSqrt(module: Module, packing: Packing): UnaryOperation {
  const { layout, round, propagateNaN } = packing;
  const sqrt = module.function(`float_sqrt_exact_${layout.format}`, ["i64", "i32", "i64"], "i64");
  module.define(sqrt, (f, a, rounding, flagsAddress) => {
    const odd = f.i64();
    const root = f.i64();
    const remainder = f.i64();
    const { exponent, significand, unpack } = unpacked(f, layout, a);
    return [
      when(layout.isNaN(a), [ret(propagateNaN.call(a, a, flagsAddress))]),
      when(layout.magnitude(a).eqz(), [ret(a)]), // the root of -0 is -0
      when(layout.signOf(a).ne(0), [invalid(layout, flagsAddress)]),
      when(a.eq(layout.infinity), [ret(a)]),
      unpack,
      odd.set(exponent.and(1)),
      // 2^62 or 2^63 times a value in [1, 2): the root is 2^31 times a value in [1, 2).
      root.set(significand.shl(odd).toF64U().sqrt().asI64()),
      remainder.set(
        aligned(significand).shl(odd.add(BINARY64.fractionBits))
          .sub(BINARY64.significand(root).mul(BINARY64.significand(root))),
      ),
      round.call(
        long(0),
        exponent.shrS(1),
        nudged(root, remainder),
        rounding,
        flagsAddress,
      ),
    ];
  });
  return sqrt;
}
