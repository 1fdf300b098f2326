/**
 * The binary32 and binary64 formats, rounding modes and exception flags, as wasm expressions.
 *
 * A value is an i64 bit pattern; binary32 lies in the low half, the upper half is zero. Source:
 * IEEE 754-2019, 3.4; RISC-V unprivileged specification, F (floating-point control and status).
 */
import type { Format } from "../../isa/effect.ts";
import { f32BitsToF64, type F64, type I32, type I64, type Void } from "../../wasm/code.ts";

/** Accrued exceptions, as in `fflags`. */
export const NX = 1; // inexact
export const UF = 2; // underflow
export const OF = 4; // overflow
export const DZ = 8; // divide by zero
export const NV = 16; // invalid operation

/** Rounding modes, as in `frm`. */
export const RNE = 0; // to nearest, ties to even
export const RTZ = 1; // towards zero
export const RDN = 2; // down
export const RUP = 3; // up
export const RMM = 4; // to nearest, ties to max magnitude

/** An interchange format. */
export class Layout {
  /** Bits of the trailing significand. */
  readonly fractionBits: number;
  /** The exponent field of infinities and NaNs. */
  readonly exponentLimit: number;
  readonly bias: number;
  /** The exponent of the least normal number. */
  readonly exponentMin: number;
  readonly sign: bigint;
  readonly fractionMask: bigint;
  /** The bit that the exponent field implies; also the least normal number. */
  readonly implicit: bigint;
  readonly quiet: bigint;
  readonly infinity: bigint;
  readonly canonicalNaN: bigint;

  /** @param precision bits of the significand, the implied one included */
  constructor(readonly format: Format, readonly width: 32 | 64, readonly precision: number) {
    this.fractionBits = precision - 1;
    this.exponentLimit = 2 ** (width - precision) - 1;
    this.bias = this.exponentLimit >> 1;
    this.exponentMin = 1 - this.bias;
    this.sign = 1n << BigInt(width - 1);
    this.implicit = 1n << BigInt(this.fractionBits);
    this.fractionMask = this.implicit - 1n;
    this.quiet = this.implicit >> 1n;
    this.infinity = BigInt(this.exponentLimit) << BigInt(this.fractionBits);
    this.canonicalNaN = this.infinity | this.quiet;
  }

  /** The operand without its sign. */
  magnitude(bits: I64): I64 {
    return bits.and(this.sign - 1n);
  }

  signOf(bits: I64): I64 {
    return bits.and(this.sign);
  }

  /** The biased exponent. */
  exponentField(bits: I64): I64 {
    return bits.shrU(this.fractionBits).and(this.exponentLimit);
  }

  /** The significand of a normal number, as an integer of {@link precision} bits. */
  significand(bits: I64): I64 {
    return bits.and(this.fractionMask).or(this.implicit);
  }

  isNaN(bits: I64): I32 {
    return this.magnitude(bits).gtU(this.infinity);
  }

  isSignallingNaN(bits: I64): I32 {
    return bits.and(this.quiet).eqz().and(this.isNaN(bits));
  }

  isFinite(bits: I64): I32 {
    return this.#exponentBetween(bits, 0, this.exponentLimit - 1);
  }

  isNormal(bits: I64): I32 {
    return this.#exponentBetween(bits, 1, this.exponentLimit - 1);
  }

  /**
   * Finite and at least twice the least normal number: a rounded result of this size neither
   * overflowed nor was tiny. (The least normal number itself may be a rounded-up tiny value.)
   */
  isOrdinary(bits: I64): I32 {
    return this.#exponentBetween(bits, 2, this.exponentLimit - 1);
  }

  /** Whether |value| is in [2^low, 2^(high + 1)). */
  isBetween(bits: I64, low: number, high: number): I32 {
    return this.#exponentBetween(bits, low + this.bias, high + this.bias);
  }

  // The exponent field moved to the top, so that one unsigned comparison tests both bounds.
  #exponentBetween(bits: I64, low: number, high: number): I32 {
    const top = BigInt(this.precision + 64 - this.width);
    return bits.shl(65 - this.width).sub(BigInt(low) << top).ltU(BigInt(high - low + 1) << top);
  }

  /** The host f64 of equal value; exact. Some NaN for a NaN. */
  toHost(bits: I64): F64 {
    return this.format === "s" ? f32BitsToF64(bits) : bits.asF64();
  }

  /** A host f64 rounded to this format (to nearest even). Its bits mean nothing if it is a NaN. */
  fromHost(value: F64): I64 {
    return this.format === "s" ? value.asF32Bits() : value.asI64();
  }
}

export const BINARY32 = new Layout("s", 32, 24);
export const BINARY64 = new Layout("d", 64, 53);

/** ORs flags into the word at the address. */
export function raise(flagsAddress: I64, flags: I64 | number): Void {
  return flagsAddress.store64(flagsAddress.load64().or(flags));
}

/** 1 if a further inexact result would change the flags. */
export function isInexactNew(flagsAddress: I64): I32 {
  return flagsAddress.load64().and(NX).eqz();
}
