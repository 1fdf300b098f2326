/**
 * The F and D extensions' arithmetic as WebAssembly functions, bit-exact with exact flags.
 *
 * Each operation has a fast path on the host's f64 where that provably gives the same bits and
 * flags, and an exact integer path for everything else. No NaN comes from the host: results that
 * may be one take the exact path, which returns the canonical NaN. Source: RISC-V unprivileged
 * specification, F and D; IEEE 754-2019.
 */
import type { FloatName, Format } from "../../isa/effect.ts";
import type { I32, I64 } from "../../wasm/code.ts";
import type { Module } from "../../wasm/module.ts";
import { emitAdd } from "./add.ts";
import { emitClass, emitEqual, emitExtremum, emitLess } from "./compare.ts";
import { emitFromLong, emitNarrow, emitToIntegers, emitWiden } from "./convert.ts";
import { emitDivide } from "./divide.ts";
import { emitFma } from "./fma.ts";
import { BINARY32, BINARY64, type Layout } from "./format.ts";
import { emitMultiply, emitMultiplyHigh } from "./multiply.ts";
import { emitPacking } from "./pack.ts";
import { emitSqrt } from "./sqrt.ts";

/** The floating-point operations of a module. */
export interface FloatFunctions {
  /**
   * The code of one operation: a call of an emitted function.
   *
   * `toOther` of format `s` takes a binary32 to binary64, of format `d` a binary64 to binary32.
   * @param operands as many as the operation takes: bit patterns (a binary32 has zero above it),
   *   or integers, of which `fromW` and `fromWu` read the low 32 bits; each is evaluated once
   * @param rounding 0 RNE, 1 RTZ, 2 RDN, 3 RUP, 4 RMM: resolved and valid; `min`, `max`, `class`
   *   and the comparisons ignore it
   * @param flagsAddress of a 64-bit word into which raised flags are ORed, as in `fflags`
   * @returns bits of the result's format, 0 or 1, the class mask, or an integer; `toW` and `toWu`
   *   sign-extend theirs from 32 bits
   */
  call(
    name: FloatName,
    format: Format,
    operands: readonly I64[],
    rounding: I32,
    flagsAddress: I64,
  ): I64;
}

type Emit = (operands: readonly I64[], rounding: I32, flagsAddress: I64) => I64;

/** Adds the functions to a module, which must have an imported memory. */
export function emitFloat(module: Module): FloatFunctions {
  const multiplyHigh = emitMultiplyHigh(module);
  const toInteger = emitToIntegers(module);
  const packings = { s: emitPacking(module, BINARY32), d: emitPacking(module, BINARY64) };
  const toOther = { s: emitWiden(module), d: emitNarrow(module, packings.s) };

  const emitFormat = (layout: Layout): Record<FloatName, Emit> => {
    const { format } = layout;
    const packing = packings[format];
    const add = emitAdd(module, packing);
    const multiply = emitMultiply(module, packing, multiplyHigh);
    const divide = emitDivide(module, packing);
    const sqrt = emitSqrt(module, packing);
    const fma = emitFma(module, packing, add, multiplyHigh);
    const comparisons = {
      min: emitExtremum(module, packing, "min"),
      max: emitExtremum(module, packing, "max"),
      eq: emitEqual(module, packing),
      lt: emitLess(module, packing, "lt"),
      le: emitLess(module, packing, "le"),
    };
    const compare = (name: keyof typeof comparisons): Emit => ([a, b], _, flagsAddress) =>
      comparisons[name].call(a, b, flagsAddress);
    const classify = emitClass(module, packing);
    const fromL = emitFromLong(module, packing, true);
    const fromLu = emitFromLong(module, packing, false);
    const convert = (name: keyof typeof toInteger): Emit => ([a], rounding, flagsAddress) =>
      toInteger[name].call(layout.toHost(a), rounding, flagsAddress);
    return {
      add: ([a, b], ...rest) => add.call(a, b, ...rest),
      sub: ([a, b], ...rest) => add.call(a, b.xor(layout.sign), ...rest),
      mul: ([a, b], ...rest) => multiply.call(a, b, ...rest),
      div: ([a, b], ...rest) => divide.call(a, b, ...rest),
      sqrt: ([a], ...rest) => sqrt.call(a, ...rest),
      fma: ([a, b, c], ...rest) => fma.call(a, b, c, ...rest),
      min: compare("min"),
      max: compare("max"),
      eq: compare("eq"),
      lt: compare("lt"),
      le: compare("le"),
      class: ([a]) => classify.call(a),
      toW: convert("toW"),
      toWu: convert("toWu"),
      toL: convert("toL"),
      toLu: convert("toLu"),
      fromW: ([x], ...rest) => fromL.call(x.extend32(), ...rest),
      fromWu: ([x], ...rest) => fromLu.call(x.and(0xffffffff), ...rest),
      fromL: ([x], ...rest) => fromL.call(x, ...rest),
      fromLu: ([x], ...rest) => fromLu.call(x, ...rest),
      toOther: ([a], ...rest) => toOther[format].call(a, ...rest),
    };
  };

  const functions = { s: emitFormat(BINARY32), d: emitFormat(BINARY64) };
  return {
    call: (name, format, operands, rounding, flagsAddress) =>
      functions[format][name](operands, rounding, flagsAddress),
  };
}
