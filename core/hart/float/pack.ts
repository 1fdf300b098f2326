/**
 * Unpacking operands, and the one place where an exact result is rounded and packed.
 *
 * Between the two a number is sign, exponent and a 64-bit significand: its magnitude is
 * significand * 2^(exponent - 62). A significand whose lowest bit stands for "and something more"
 * is *jammed*: what was lost below it was not zero. Source: IEEE 754-2019, 4.3 and 7.4 to 7.6;
 * RISC-V unprivileged specification, F (NaN generation; tininess is detected after rounding).
 */
import { type I32, type I64, int, long, type Void } from "../../wasm/code.ts";
import { after, ret, sequence, when } from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../../wasm/module.ts";
import { type Layout, NV, NX, OF, raise, RDN, RMM, RNE, RUP, UF } from "./format.ts";

/** The bit of an unpacked operand's leading one. */
export const LEADING = 62;

/** (a, b, rounding, flagsAddress) -> bits */
export type BinaryOperation = WasmFunction<readonly ["i64", "i64", "i32", "i64"], "i64">;
/** (a, rounding, flagsAddress) -> bits */
export type UnaryOperation = WasmFunction<readonly ["i64", "i32", "i64"], "i64">;

/** What the operations of one format share. */
export interface Packing {
  readonly layout: Layout;
  /** (sign in its place, exponent, significand that is not 0, rounding, flagsAddress) -> bits */
  readonly round: WasmFunction<readonly ["i64", "i64", "i64", "i32", "i64"], "i64">;
  /** (a, b, flagsAddress) -> the canonical NaN; invalid if a or b is signalling */
  readonly propagateNaN: WasmFunction<readonly ["i64", "i64", "i64"], "i64">;
}

/** An operand that is finite and not zero, taken apart. */
export interface Unpacked {
  readonly exponent: LocalOf<"i64">;
  /** Leading bit at {@link LEADING}. */
  readonly significand: LocalOf<"i64">;
  readonly unpack: Void;
}

/** Locals for an operand and the statement that fills them. Zero gives an undefined exponent. */
export function unpacked(f: FunctionBuilder, layout: Layout, bits: I64): Unpacked {
  const exponent = f.i64();
  const significand = f.i64();
  const shift = f.i64();
  const align = LEADING - layout.fractionBits;
  const unpack = sequence(
    exponent.set(layout.exponentField(bits)),
    significand.set(bits.and(layout.fractionMask)),
    when(exponent.eqz(), [
      shift.set(significand.clz().sub(63 - LEADING)),
      significand.set(significand.shl(shift)),
      exponent.set(long(layout.exponentMin + align).sub(shift)),
    ], [
      significand.set(significand.or(layout.implicit).shl(align)),
      exponent.set(exponent.sub(layout.bias)),
    ]),
  );
  return { exponent, significand, unpack };
}

/** `value` shifted right by any count, jammed. */
export function shiftRightJam(value: I64, count: I64): I64 {
  const lost = value.and(long(-1).shl(count).not()).ne(0).extendU();
  return count.ltU(64).choose(value.shrU(count).or(lost), value.ne(0).extendU());
}

/** Raises invalid and returns the canonical NaN. */
export function invalid(layout: Layout, flagsAddress: I64): Void {
  return sequence(raise(flagsAddress, NV), ret(long(layout.canonicalNaN)));
}

/** The sign of a sum of exactly zero, of terms with unlike signs. */
export function signOfCancelled(layout: Layout, rounding: I32): I64 {
  return rounding.eq(RDN).select(long(layout.sign), long(0));
}

/** Emits what all operations of a format share. */
export function emitPacking(module: Module, layout: Layout): Packing {
  const { format } = layout;
  const round = module.function(
    `float_round_${format}`,
    ["i64", "i64", "i64", "i32", "i64"],
    "i64",
  );
  defineRound(module, layout, round);
  const propagateNaN = module.function(`float_nan_${format}`, ["i64", "i64", "i64"], "i64");
  module.define(propagateNaN, (_, a, b, flagsAddress) => [
    when(layout.isSignallingNaN(a).or(layout.isSignallingNaN(b)), [raise(flagsAddress, NV)]),
    long(layout.canonicalNaN),
  ]);
  return { layout, round, propagateNaN };
}

function defineRound(module: Module, layout: Layout, round: Packing["round"]): void {
  const droppedBits = LEADING - layout.fractionBits;
  const droppedMask = (1n << BigInt(droppedBits)) - 1n;
  const half = 1n << BigInt(droppedBits - 1);
  module.define(round, (f, sign, exponent, significand, rounding, flagsAddress) => {
    const shift = f.i64();
    const increment = f.i64();
    const tiny = f.i32();
    const dropped = f.i64();
    const packed = f.i64();
    const normalise = sequence(
      shift.set(significand.clz().sub(63 - LEADING)),
      exponent.set(exponent.sub(shift)),
      significand.set(
        shift.ltS(0).choose(
          shiftRightJam(significand, long(1)),
          significand.shl(shift),
        ),
      ),
    );
    // Towards an infinity: away from zero if the signs agree, else truncation.
    const directed = rounding.eq(sign.eqz().select(int(RUP), int(RDN)));
    const chooseIncrement = increment.set(
      rounding.eq(RNE).or(rounding.eq(RMM)).select(
        long(half),
        directed.select(long(droppedMask), long(0)),
      ),
    );
    const denormalise = when(exponent.ltS(layout.exponentMin), [
      // Not tiny if rounding with an unbounded exponent would reach the least normal number.
      tiny.set(
        exponent.ltS(layout.exponentMin - 1).or(significand.add(increment).ltU(1n << 63n)),
      ),
      significand.set(shiftRightJam(significand, long(layout.exponentMin).sub(exponent))),
      // The leading bit is gone, so the packed exponent field below comes out as 0.
      exponent.set(long(layout.exponentMin)),
    ]);
    const pack = [
      dropped.set(significand.and(droppedMask)),
      packed.set(significand.add(increment).shrU(droppedBits)),
      when(rounding.eq(RNE).and(dropped.eq(half)), [packed.set(packed.and(-2))]),
      // The leading bit adds 1 to the exponent field, and so does a carry out of the fraction.
      packed.set(packed.add(exponent.add(layout.bias - 1).shl(layout.fractionBits))),
    ];
    const overflow = sequence(
      raise(flagsAddress, OF | NX),
      ret(
        sign.or(
          increment.eqz().select(long(layout.infinity - 1n), long(layout.infinity)),
        ),
      ),
    );
    return after([
      normalise,
      chooseIncrement,
      denormalise,
      when(exponent.gtS(layout.bias), [overflow]),
      ...pack,
      when(packed.geU(layout.infinity), [overflow]),
      when(dropped.ne(0), [
        raise(flagsAddress, tiny.select(long(NX | UF), long(NX))),
      ]),
    ], sign.or(packed));
  });
}
