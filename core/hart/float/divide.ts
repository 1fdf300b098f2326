/**
 * Division. The quotient's digits come from the host's division, which is correctly rounded, and
 * the sign of the remainder from 64-bit integers. Source: IEEE 754-2019, 5.4.1, 7.2, 7.3.
 */
import { type F64, type I64, long } from "../../wasm/code.ts";
import { block, brIf, ret, when } from "../../wasm/control.ts";
import type { Module } from "../../wasm/module.ts";
import { BINARY64, DZ, isInexactNew, NX, raise, RNE } from "./format.ts";
import { type BinaryOperation, invalid, LEADING, type Packing, unpacked } from "./pack.ts";

/** Emits `a / b`. */
export function emitDivide(module: Module, packing: Packing): BinaryOperation {
  const { layout } = packing;
  const exactly = emitExactDivide(module, packing);
  const divide = module.function(
    `float_div_${layout.format}`,
    ["i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(divide, (f, a, b, rounding, flagsAddress) => {
    const result = f.i64();
    // |quotient * b - a| < 2^64 in units of the product's last place: low halves suffice.
    const scale = layout.exponentField(a).add(layout.bias + layout.fractionBits)
      .sub(layout.exponentField(b)).sub(layout.exponentField(result));
    const isInexact = layout.format === "s"
      ? layout.toHost(result).mul(layout.toHost(b)).ne(layout.toHost(a))
      : layout.significand(result).mul(layout.significand(b))
        .ne(layout.significand(a).shl(scale));
    return [
      block((slow) => [
        brIf(slow, rounding.ne(RNE)),
        result.set(layout.fromHost(layout.toHost(a).div(layout.toHost(b)))),
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
  return divide;
}

/** Moves a significand's leading bit from {@link LEADING} to where binary64 has it. */
export function aligned(significand: I64): I64 {
  return significand.shrU(LEADING - BINARY64.fractionBits);
}

/**
 * A host result that is correctly rounded, as a significand with its leading bit at
 * {@link LEADING}, moved by the sign of the remainder. The true value lies strictly between the
 * result and its neighbour on that side, hence so do all of its roundings.
 */
export function nudged(result: I64, remainder: I64): I64 {
  return BINARY64.significand(result).shl(LEADING - BINARY64.fractionBits)
    .add(remainder.shrS(63).or(remainder.ne(0).extendU()));
}

function emitExactDivide(module: Module, packing: Packing): BinaryOperation {
  const { layout, round, propagateNaN } = packing;
  const divide = module.function(
    `float_div_exact_${layout.format}`,
    ["i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(divide, (f, a, b, rounding, flagsAddress) => {
    const sign = f.i64();
    const quotient = f.i64();
    const exponent = f.i64();
    const remainder = f.i64();
    const left = unpacked(f, layout, a);
    const right = unpacked(f, layout, b);
    const isInfinite = (bits: I64) => layout.magnitude(bits).eq(layout.infinity);
    const isZero = (bits: I64) => layout.magnitude(bits).eqz();
    const host = (significand: I64): F64 => significand.toF64S();
    return [
      when(layout.isNaN(a).or(layout.isNaN(b)), [ret(propagateNaN.call(a, b, flagsAddress))]),
      sign.set(layout.signOf(a.xor(b))),
      when(isInfinite(a), [
        when(isInfinite(b), [invalid(layout, flagsAddress)]),
        ret(sign.or(layout.infinity)),
      ]),
      when(isZero(b), [
        when(isZero(a), [invalid(layout, flagsAddress)]),
        raise(flagsAddress, DZ),
        ret(sign.or(layout.infinity)),
      ]),
      when(isInfinite(b).or(isZero(a)), [ret(sign)]),
      left.unpack,
      right.unpack,
      quotient.set(host(left.significand).div(host(right.significand)).asI64()),
      exponent.set(BINARY64.exponentField(quotient).sub(BINARY64.bias)), // -1 or 0
      remainder.set(
        aligned(left.significand).shl(long(BINARY64.fractionBits).sub(exponent))
          .sub(BINARY64.significand(quotient).mul(aligned(right.significand))),
      ),
      round.call(
        sign,
        left.exponent.sub(right.exponent).add(exponent),
        nudged(quotient, remainder),
        rounding,
        flagsAddress,
      ),
    ];
  });
  return divide;
}
