/** Operands that were searched for because random ones do not find what they show. */
import type { FloatName, Format } from "../../../core/isa/effect.ts";
import { compose } from "./operands.ts";

/** One operation with operands, and what they are about. */
export interface Directed {
  readonly about: string;
  readonly name: FloatName;
  readonly format: Format;
  readonly operands: readonly bigint[];
}

// A * B = 2^105 + r with 0 < r < 2^33: a power of two and a rest far below it.
const NEAR_POWERS = [
  [0x1fb1689b8f19d6n, 0x1027ad23f5a491n],
  [0x129c88cf2f05dan, 0x1b828aa917fda4n],
  [0x107f3d27de8124n, 0x1f09306f2ed459n],
];

const MAX = 0x7fef_ffff_ffff_ffffn;
const SIGN = 1n << 63n;

export const DIRECTED: readonly Directed[] = [
  ...NEAR_POWERS.flatMap(([a, b]) =>
    [false, true].flatMap((subtract) =>
      [0n, 1n].map((odd): Directed => ({
        about: "half an ulp of the addend, and something more that a 64-bit shift would lose",
        name: "fma",
        format: "d",
        operands: [
          compose("d", subtract, -54, a),
          compose("d", false, 0, b),
          compose("d", false, 0, odd),
        ],
      }))
    )
  ),
  ...["add", "sub"].flatMap((name) =>
    [0x7fb1_d5d5_d5d5_d5d5n, 0x7fb1_0865_1b9a_c3e7n, 0x7fde_83b1_3579_bdf1n].flatMap((small) =>
      [[small, MAX | SIGN], [small | SIGN, MAX], [MAX, small], [MAX | SIGN, small]].map(
        (operands): Directed => ({
          about: "the error term of a finite sum overflows",
          name: name as FloatName,
          format: "d",
          operands,
        }),
      )
    )
  ),
  ...[0n, 0x19000000n, 0x19800000n, 0x19c00000n, 0x1a000000n].map((factor): Directed => ({
    about: "the least normal number, less 0, 1/8, 1/4, 3/8 or 1/2 of the least subnormal",
    name: "fma",
    format: "s",
    operands: [compose("s", true, -75, 0n), factor, compose("s", false, -126, 0n)],
  })),
  ...[0n, 1n, 2n, 3n, 4n, 5n].flatMap((step) =>
    [0xf_ffff_e000_0000n + (step << 26n), 0xf_ffff_f000_0000n + step - 3n].map(
      (fraction): Directed => ({
        about: "rounds up to the least normal binary32, tiny or not",
        name: "toOther",
        format: "d",
        operands: [compose("d", false, -127, fraction)],
      }),
    )
  ),
];
