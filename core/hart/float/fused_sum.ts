/**
 * The exact sum of a product and an addend in 128-bit integers, rounded once.
 * Source: IEEE 754-2019, 5.4.1 and 6.3.
 */
import { type I64, long, type Void } from "../../wasm/code.ts";
import { ret, sequence, when } from "../../wasm/control.ts";
import type { FunctionBuilder, LocalOf, Module, WasmFunction } from "../../wasm/module.ts";
import type { MultiplyHigh } from "./multiply.ts";
import { LEADING, type Packing, signOfCancelled, unpacked } from "./pack.ts";

/** (a, b, c, rounding, flagsAddress) -> bits */
export type TernaryOperation = WasmFunction<readonly ["i64", "i64", "i64", "i32", "i64"], "i64">;

/** An unsigned 128-bit integer in two locals. */
interface Wide {
  readonly high: LocalOf<"i64">;
  readonly low: LocalOf<"i64">;
}

/** Emits `a * b + c` for finite operands, `a` and `b` not zero. */
export function emitFusedSum(
  module: Module,
  { layout, round }: Packing,
  multiplyHigh: MultiplyHigh,
): TernaryOperation {
  const fusedSum = module.function(
    `float_fused_sum_${layout.format}`,
    ["i64", "i64", "i64", "i32", "i64"],
    "i64",
  );
  module.define(fusedSum, (f, a, b, c, rounding, flagsAddress) => {
    const sign = f.i64();
    const exponent = f.i64();
    const count = f.i64();
    const left = unpacked(f, layout, a);
    const right = unpacked(f, layout, b);
    const third = unpacked(f, layout, c);
    const product: Wide = { high: f.i64(), low: f.i64() };
    const addend: Wide = { high: f.i64(), low: f.i64() };
    return [
      left.unpack,
      right.unpack,
      third.unpack,
      sign.set(layout.signOf(a.xor(b))),
      exponent.set(left.exponent.add(right.exponent)),
      when(layout.magnitude(c).eqz(), [third.exponent.set(exponent)]),
      // Both in units of 2^(exponent - 2 * LEADING), leading bits at 2 * LEADING or just above.
      product.high.set(multiplyHigh.call(left.significand, right.significand)),
      product.low.set(left.significand.mul(right.significand)),
      addend.high.set(third.significand.shrU(64 - LEADING)),
      addend.low.set(third.significand.shl(LEADING)),
      // At least 20 zero bits lie below either, so where bits are jammed nothing much cancels.
      count.set(exponent.sub(third.exponent)),
      when(count.ltS(0), [
        exponent.set(third.exponent),
        shiftWideRightJam(product, long(0).sub(count)),
      ], [shiftWideRightJam(addend, count)]),
      when(layout.signOf(c).eq(sign), [addTo(product, addend)], [
        ...subtractFrom(f, product, addend, sign, layout.sign),
        when(product.high.or(product.low).eqz(), [ret(signOfCancelled(layout, rounding))]),
      ]),
      ...narrow(product, exponent, count),
      round.call(sign, exponent, product.high, rounding, flagsAddress),
    ];
  });
  return fusedSum;
}

// The low half is set first: it needs the old high half.
function shiftWideRightJam({ high, low }: Wide, count: I64): Void {
  const kept = long(-1).shl(count);
  const jam = (lost: I64) => lost.ne(0).extendU();
  return when(count.ltU(64), [
    when(count.ne(0), [
      low.set(
        low.shrU(count).or(high.shl(long(0).sub(count))).or(jam(low.and(kept.not()))),
      ),
      high.set(high.shrU(count)),
    ]),
  ], [
    low.set(
      count.ltU(128).choose(
        high.shrU(count).or(jam(high.and(kept.not()).or(low))),
        jam(high.or(low)),
      ),
    ),
    high.set(long(0)),
  ]);
}

function addTo(sum: Wide, term: Wide): Void {
  return sequence(
    sum.low.set(sum.low.add(term.low)),
    sum.high.set(sum.high.add(term.high).add(sum.low.ltU(term.low).extendU())),
  );
}

/** `difference -= term`; if that is negative, negates it and flips `sign`. */
function subtractFrom(
  f: FunctionBuilder,
  difference: Wide,
  term: Wide,
  sign: LocalOf<"i64">,
  signBit: bigint,
): Void[] {
  const borrow = f.i64();
  const { high, low } = difference;
  return [
    borrow.set(low.ltU(term.low).extendU()),
    low.set(low.sub(term.low)),
    high.set(high.sub(term.high).sub(borrow)),
    when(high.ltS(0), [
      high.set(high.not().add(low.eqz().extendU())),
      low.set(long(0).sub(low)),
      sign.set(sign.xor(signBit)),
    ]),
  ];
}

/** Leaves in `high` 64 bits from the leading one on, jammed, with the exponent to match. */
function narrow({ high, low }: Wide, exponent: LocalOf<"i64">, shift: LocalOf<"i64">): Void[] {
  return [
    when(high.eqz(), [
      high.set(low),
      exponent.set(exponent.sub(LEADING)),
    ], [
      shift.set(high.clz()),
      // shrU(1).shrU(63 - shift): a shift by 64 in all when `shift` is 0.
      high.set(
        high.shl(shift).or(low.shrU(1).shrU(long(63).sub(shift)))
          .or(low.shl(shift).ne(0).extendU()),
      ),
      exponent.set(exponent.add(64 - LEADING).sub(shift)),
    ]),
  ];
}
