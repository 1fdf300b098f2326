/**
 * Addition; a subtraction is an addition of the negated operand.
 * Source: IEEE 754-2019, 5.4.1, 6.1, 6.3. The fast path's error term: Knuth, The Art of Computer
 * Programming 2, 4.2.2, theorem B (TwoSum).
 */
import { double, type F64, long, type Void } from "../../wasm/code.ts";
import { block, brIf, ret, when } from "../../wasm/control.ts";
import type { FunctionBuilder, Module } from "../../wasm/module.ts";
import { isInexactNew, NX, raise, RNE } from "./format.ts";
import {
  type BinaryOperation,
  invalid,
  type Packing,
  shiftRightJam,
  signOfCancelled,
  unpacked,
} from "./pack.ts";

/** Emits `a + b`. */
export function emitAdd(module: Module, packing: Packing): BinaryOperation {
  const { layout } = packing;
  const exactly = emitExactAdd(module, packing);
  const add = module.function(`float_add_${layout.format}`, ["i64", "i64", "i32", "i64"], "i64");
  module.define(add, (f, a, b, rounding, flagsAddress) => {
    const x = f.f64();
    const y = f.f64();
    const sum = f.f64();
    const result = f.i64();
    const { error, compute } = errorOfSum(f, x, y, sum);
    // For binary32 the sum is rounded twice: innocuous, since 53 >= 2 * 24 + 2 (Figueroa 1995).
    const isInexact = layout.format === "s"
      ? error.ne(double(0)).or(layout.toHost(result).ne(sum))
      : error.ne(double(0));
    return [
      block((slow) => [
        brIf(slow, rounding.ne(RNE)),
        x.set(layout.toHost(a)),
        y.set(layout.toHost(b)),
        sum.set(x.add(y)),
        result.set(layout.fromHost(sum)),
        // A finite sum cannot underflow: where it is subnormal it is exact.
        brIf(slow, layout.isFinite(result).eqz()),
        when(isInexactNew(flagsAddress), [compute, when(isInexact, [raise(flagsAddress, NX)])]),
        ret(result),
      ]),
      exactly.call(a, b, rounding, flagsAddress),
    ];
  });
  return add;
}

/**
 * What rounding lost in the host's finite `sum` of `x` and `y`: exact, or a NaN if a step overflowed,
 * which happens to inexact sums only (where the sum is exact the steps give back `x` and `y`).
 */
export function errorOfSum(
  f: FunctionBuilder,
  x: F64,
  y: F64,
  sum: F64,
): { error: F64; compute: Void } {
  const error = f.f64();
  const part = f.f64();
  const compute = error.set(
    x.sub(sum.sub(part.tee(sum.sub(x)))).add(y.sub(part)),
  );
  return { error, compute };
}

function emitExactAdd(module: Module, packing: Packing): BinaryOperation {
  const { layout, round, propagateNaN } = packing;
  const add = module.function(
    `float_add_exact_${layout.format}`,
    ["i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(add, (f, a, b, rounding, flagsAddress) => {
    const other = f.i64();
    const unlike = f.i32();
    const left = unpacked(f, layout, a);
    const right = unpacked(f, layout, b);
    return [
      when(layout.isNaN(a).or(layout.isNaN(b)), [ret(propagateNaN.call(a, b, flagsAddress))]),
      // From here on |a| >= |b|.
      when(layout.magnitude(a).ltU(layout.magnitude(b)), [
        other.set(a),
        a.set(b),
        b.set(other),
      ]),
      unlike.set(layout.signOf(a.xor(b)).ne(0)),
      when(layout.magnitude(a).eq(layout.infinity), [
        when(unlike.and(layout.magnitude(b).eq(layout.infinity)), [invalid(layout, flagsAddress)]),
        ret(a),
      ]),
      when(unlike.and(layout.magnitude(a).eq(layout.magnitude(b))), [
        ret(signOfCancelled(layout, rounding)),
      ]),
      when(layout.magnitude(b).eqz(), [ret(a)]),
      left.unpack,
      right.unpack,
      // At least 10 bits lie below the fraction, so a jammed operand still rounds right: where
      // bits are lost, cancellation takes at most one of these.
      right.significand.set(
        shiftRightJam(right.significand, left.exponent.sub(right.exponent)),
      ),
      when(unlike, [right.significand.set(long(0).sub(right.significand))]),
      round.call(
        layout.signOf(a),
        left.exponent,
        left.significand.add(right.significand),
        rounding,
        flagsAddress,
      ),
    ];
  });
  return add;
}
