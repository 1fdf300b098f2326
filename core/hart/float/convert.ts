/**
 * Conversions between floating-point numbers and integers, and between the two formats.
 *
 * Source: IEEE 754-2019, 5.4.1, 5.8, 7.1; RISC-V unprivileged specification, F (domains of
 * float-to-integer conversions and behaviour for invalid inputs).
 */
import { double, type F64, type I64, long } from "../../wasm/code.ts";
import { ret, when } from "../../wasm/control.ts";
import type { Module, WasmFunction } from "../../wasm/module.ts";
import {
  BINARY32,
  BINARY64,
  isInexactNew,
  type Layout,
  NV,
  NX,
  raise,
  RDN,
  RMM,
  RNE,
  RTZ,
  RUP,
} from "./format.ts";
import { LEADING, type Packing, type UnaryOperation, unpacked } from "./pack.ts";

/** (value, rounding, flagsAddress) -> integer */
export type ToInteger = WasmFunction<readonly ["f64", "i32", "i64"], "i64">;

type RoundToIntegral = WasmFunction<readonly ["f64", "i32"], "f64">;

/** Emits the conversions of a host f64, which holds either format exactly, to integers. */
export function emitToIntegers(module: Module): Record<"toW" | "toWu" | "toL" | "toLu", ToInteger> {
  const roundToIntegral = emitRoundToIntegral(module);
  const toInteger = (name: string, lowest: number, limit: number, convert: (x: F64) => I64) => {
    const convertTo = module.function(`float_${name}`, ["f64", "i32", "i64"], "i64");
    module.define(convertTo, (f, x, rounding, flagsAddress) => {
      const rounded = f.f64();
      return [
        rounded.set(
          rounding.eq(RTZ).choose(x.trunc(), roundToIntegral.call(x, rounding)),
        ),
        when(rounded.ge(double(lowest)).and(rounded.lt(double(limit))), [
          when(rounded.ne(x), [raise(flagsAddress, NX)]),
          ret(convert(rounded)),
        ]),
        raise(flagsAddress, NV),
        // The host's conversions saturate as the table asks, but for NaN: that is the greatest.
        convert(x.ne(x).select(double(Infinity), x)),
      ];
    });
    return convertTo;
  };
  return {
    toW: toInteger("to_w", -(2 ** 31), 2 ** 31, (x) => x.truncToI32S().extendS()),
    toWu: toInteger("to_wu", 0, 2 ** 32, (x) => x.truncToI32U().extendS()),
    toL: toInteger("to_l", -(2 ** 63), 2 ** 63, (x) => x.truncToI64S()),
    toLu: toInteger("to_lu", 0, 2 ** 64, (x) => x.truncToI64U()),
  };
}

// All steps are exact: an f64 at or above 2^52 is an integer already.
function emitRoundToIntegral(module: Module): RoundToIntegral {
  const roundToIntegral = module.function("float_round_to_integral", ["f64", "i32"], "f64");
  module.define(roundToIntegral, (_, x, rounding) => {
    const isHalfOrMore = x.sub(x.trunc()).abs().ge(double(0.5));
    const awayFromZero = x.trunc().add(double(1).copysign(x));
    return [
      when(rounding.eq(RNE), [ret(x.nearest())]),
      when(rounding.eq(RDN), [ret(x.floor())]),
      when(rounding.eq(RUP), [ret(x.ceil())]),
      when(rounding.eq(RMM).and(isHalfOrMore), [ret(awayFromZero)]),
      x.trunc(),
    ];
  });
  return roundToIntegral;
}

/** Emits the conversion of a 64-bit integer. */
export function emitFromLong(
  module: Module,
  { layout, round }: Packing,
  signed: boolean,
): UnaryOperation {
  const name = `float_from_${signed ? "l" : "lu"}_${layout.format}`;
  const fromLong = module.function(name, ["i64", "i32", "i64"], "i64");
  // Every integer of at most this magnitude is a number of the format.
  const exactMax = 1n << BigInt(layout.precision);
  module.define(fromLong, (f, x, rounding, flagsAddress) => {
    const sign = f.i64();
    const isExact = signed ? x.add(exactMax).leU(2n * exactMax) : x.leU(exactMax);
    const isNearestFlagged = rounding.eq(RNE).and(isInexactNew(flagsAddress).eqz());
    return [
      when(isExact.or(isNearestFlagged), [ret(fromHostInteger(layout, x, signed))]),
      sign.set(signed ? x.shrS(63) : long(0)), // 0 or -1
      round.call(
        sign.and(layout.sign),
        long(LEADING),
        x.xor(sign).sub(sign),
        rounding,
        flagsAddress,
      ),
    ];
  });
  return fromLong;
}

function fromHostInteger(layout: Layout, x: I64, signed: boolean): I64 {
  if (layout.format === "s") return signed ? x.toF32BitsS() : x.toF32BitsU();
  return (signed ? x.toF64S() : x.toF64U()).asI64();
}

/** Emits binary32 to binary64, which is exact. */
export function emitWiden(module: Module): UnaryOperation {
  const widen = module.function("float_s_to_d", ["i64", "i32", "i64"], "i64");
  module.define(widen, (_, a, _rounding, flagsAddress) => [
    when(BINARY32.isNaN(a), [
      when(BINARY32.isSignallingNaN(a), [raise(flagsAddress, NV)]),
      ret(long(BINARY64.canonicalNaN)),
    ]),
    BINARY32.toHost(a).asI64(),
  ]);
  return widen;
}

/** Emits binary64 to binary32; `single` is the packing of binary32. */
export function emitNarrow(module: Module, single: Packing): UnaryOperation {
  const narrow = module.function("float_d_to_s", ["i64", "i32", "i64"], "i64");
  module.define(narrow, (f, a, rounding, flagsAddress) => {
    const result = f.i64();
    const { exponent, significand, unpack } = unpacked(f, BINARY64, a);
    return [
      result.set(BINARY32.fromHost(a.asF64())),
      when(BINARY32.toHost(result).eq(a.asF64()), [ret(result)]), // exact, infinities included
      when(rounding.eq(RNE).and(BINARY32.isOrdinary(result)), [
        raise(flagsAddress, NX),
        ret(result),
      ]),
      when(BINARY64.isNaN(a), [
        when(BINARY64.isSignallingNaN(a), [raise(flagsAddress, NV)]),
        ret(long(BINARY32.canonicalNaN)),
      ]),
      unpack,
      single.round.call(
        a.shrU(BINARY64.width - BINARY32.width).and(BINARY32.sign),
        exponent,
        significand,
        rounding,
        flagsAddress,
      ),
    ];
  });
  return narrow;
}
