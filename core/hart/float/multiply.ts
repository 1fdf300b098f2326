/** Multiplication. Source: IEEE 754-2019, 5.4.1, 6.1, 6.3, 7.2. */
import { type I64 } from "../../wasm/code.ts";
import { block, brIf, ret, when } from "../../wasm/control.ts";
import type { Module, WasmFunction } from "../../wasm/module.ts";
import { isInexactNew, NX, raise, RNE } from "./format.ts";
import { type BinaryOperation, invalid, type Packing, unpacked } from "./pack.ts";

/** (a, b) -> the high half of the unsigned 128-bit product */
export type MultiplyHigh = WasmFunction<readonly ["i64", "i64"], "i64">;

/** Emits `a * b`. */
export function emitMultiply(
  module: Module,
  packing: Packing,
  multiplyHigh: MultiplyHigh,
): BinaryOperation {
  const { layout } = packing;
  const exactly = emitExactMultiply(module, packing, multiplyHigh);
  const multiply = module.function(
    `float_mul_${layout.format}`,
    ["i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(multiply, (f, a, b, rounding, flagsAddress) => {
    const product = f.f64();
    const result = f.i64();
    // The exact product and the result, as integers of one scale, differ by less than 2^64: their
    // low halves tell whether they are equal.
    const scale = layout.exponentField(result).add(layout.bias + layout.fractionBits)
      .sub(layout.exponentField(a)).sub(layout.exponentField(b));
    const isInexact = layout.format === "s"
      ? layout.toHost(result).ne(product) // 48 bits: the host's product is exact
      : layout.significand(a).mul(layout.significand(b))
        .ne(layout.significand(result).shl(scale));
    return [
      block((slow) => [
        brIf(slow, rounding.ne(RNE)),
        product.set(layout.toHost(a).mul(layout.toHost(b))),
        result.set(layout.fromHost(product)),
        brIf(slow, layout.isOrdinary(result).eqz()),
        when(isInexactNew(flagsAddress), [
          brIf(slow, layout.isNormal(a).and(layout.isNormal(b)).eqz()),
          when(isInexact, [raise(flagsAddress, NX)]),
        ]),
        ret(result),
      ]),
      exactly.call(a, b, rounding, flagsAddress),
    ];
  });
  return multiply;
}

/** Emits the high half of a 64 by 64 bit product, from 32-bit pieces. */
export function emitMultiplyHigh(module: Module): MultiplyHigh {
  const multiplyHigh = module.function("float_multiply_high", ["i64", "i64"], "i64");
  module.define(multiplyHigh, (f, a, b) => {
    const low = (x: I64) => x.and(0xffffffff);
    const high = (x: I64) => x.shrU(32);
    const cross = f.i64();
    const middle = f.i64();
    return [
      cross.set(high(a).mul(low(b)).add(high(low(a).mul(low(b))))),
      middle.set(low(a).mul(high(b)).add(low(cross))),
      high(a).mul(high(b)).add(high(cross)).add(high(middle)),
    ];
  });
  return multiplyHigh;
}

function emitExactMultiply(
  module: Module,
  packing: Packing,
  multiplyHigh: MultiplyHigh,
): BinaryOperation {
  const { layout, round, propagateNaN } = packing;
  const multiply = module.function(
    `float_mul_exact_${layout.format}`,
    ["i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(multiply, (f, a, b, rounding, flagsAddress) => {
    const sign = f.i64();
    const low = f.i64();
    const left = unpacked(f, layout, a);
    const right = unpacked(f, layout, b);
    const isInfinite = (bits: I64) => layout.magnitude(bits).eq(layout.infinity);
    const isZero = (bits: I64) => layout.magnitude(bits).eqz();
    return [
      when(layout.isNaN(a).or(layout.isNaN(b)), [ret(propagateNaN.call(a, b, flagsAddress))]),
      sign.set(layout.signOf(a.xor(b))),
      when(isInfinite(a).or(isInfinite(b)), [
        when(isZero(a).or(isZero(b)), [invalid(layout, flagsAddress)]),
        ret(sign.or(layout.infinity)),
      ]),
      when(isZero(a).or(isZero(b)), [ret(sign)]),
      left.unpack,
      right.unpack,
      // Leading bits at 62 and 62: that of the high half is at 60 or 61.
      low.set(left.significand.mul(right.significand).ne(0).extendU()),
      round.call(
        sign,
        left.exponent.add(right.exponent).add(2),
        multiplyHigh.call(left.significand, right.significand).or(low),
        rounding,
        flagsAddress,
      ),
    ];
  });
  return multiply;
}
