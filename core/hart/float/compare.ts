/**
 * Comparison, minimum, maximum and classification.
 *
 * Source: RISC-V unprivileged specification, F: `feq` is quiet, `flt` and `fle` signal; `fmin` and
 * `fmax` are minimumNumber and maximumNumber of IEEE 754-2019, 9.6; `fclass`.
 */
import { type F64, type I32, int, long } from "../../wasm/code.ts";
import { after, ret, when } from "../../wasm/control.ts";
import type { Module, WasmFunction } from "../../wasm/module.ts";
import { NV, raise } from "./format.ts";
import type { Packing } from "./pack.ts";

/** (a, b, flagsAddress) -> bits, or 0 or 1 */
export type Comparison = WasmFunction<readonly ["i64", "i64", "i64"], "i64">;

/** Emits `a == b`. */
export function emitEqual(module: Module, { layout }: Packing): Comparison {
  const equal = module.function(`float_eq_${layout.format}`, ["i64", "i64", "i64"], "i64");
  module.define(equal, (f, a, b, flagsAddress) => {
    const [x, y] = [f.f64(), f.f64()];
    return [
      x.set(layout.toHost(a)),
      y.set(layout.toHost(b)),
      when(isUnordered(x, y), [
        when(layout.isSignallingNaN(a).or(layout.isSignallingNaN(b)), [raise(flagsAddress, NV)]),
      ]),
      x.eq(y).extendU(),
    ];
  });
  return equal;
}

/** Emits `a < b` or `a <= b`. */
export function emitLess(module: Module, { layout }: Packing, name: "lt" | "le"): Comparison {
  const less = module.function(`float_${name}_${layout.format}`, ["i64", "i64", "i64"], "i64");
  module.define(less, (f, a, b, flagsAddress) => {
    const [x, y] = [f.f64(), f.f64()];
    return [
      x.set(layout.toHost(a)),
      y.set(layout.toHost(b)),
      when(isUnordered(x, y), [raise(flagsAddress, NV)]),
      x[name](y).extendU(),
    ];
  });
  return less;
}

/** Emits minimumNumber or maximumNumber; -0 is less than +0. */
export function emitExtremum(module: Module, packing: Packing, name: "min" | "max"): Comparison {
  const { layout, propagateNaN } = packing;
  const extremum = module.function(`float_${name}_${layout.format}`, ["i64", "i64", "i64"], "i64");
  module.define(extremum, (f, a, b, flagsAddress) => {
    const result = f.f64();
    const nan = f.i64();
    return [
      result.set(layout.toHost(a)[name](layout.toHost(b))),
      when(result.ne(result), [
        nan.set(propagateNaN.call(a, b, flagsAddress)),
        // The operand that is a number, if there is one.
        ret(layout.isNaN(a).select(layout.isNaN(b).select(nan, b), a)),
      ]),
      layout.fromHost(result),
    ];
  });
  return extremum;
}

/** Emits the class mask of `fclass`. */
export function emitClass(
  module: Module,
  { layout }: Packing,
): WasmFunction<readonly ["i64"], "i64"> {
  const classify = module.function(`float_class_${layout.format}`, ["i64"], "i64");
  module.define(classify, (f, a) => {
    const magnitude = f.i64();
    const index = f.i32();
    // 4 zero, 5 subnormal, 6 normal, 7 infinity; the negative ones count down from 3.
    const positive = magnitude.ne(0).add(magnitude.geU(layout.implicit))
      .add(magnitude.eq(layout.infinity)).add(4);
    return after([
      magnitude.set(layout.magnitude(a)),
      when(magnitude.gtU(layout.infinity), [
        ret(a.and(layout.quiet).eqz().select(long(1 << 8), long(1 << 9))),
      ]),
      index.set(positive),
      index.set(layout.signOf(a).eqz().select(index, int(7).sub(index))),
    ], int(1).shl(index).extendU());
  });
  return classify;
}

function isUnordered(x: F64, y: F64): I32 {
  return x.ne(x).or(y.ne(y));
}
