/** The engine's floating point against exact rational arithmetic: results and flags, bit for bit. */
import { assertEquals } from "@std/assert";
import type { FloatName, Format } from "../../../core/isa/effect.ts";
import { Random, seedFor } from "../../../core/random.ts";
import { DIRECTED } from "./directed.ts";
import { FORMATS, NAMES, type Run, startEngine } from "./engine.ts";
import { operandCount, randomOperands, specialIntegers, specials } from "./operands.ts";
import { oracle } from "./oracle.ts";

const SEED = Number(Deno.env.get("SEED") ?? 1);
const RANDOM_CASES = Number(Deno.env.get("FLOAT_CASES") ?? 1500);
const ROUNDING_MODES = ["RNE", "RTZ", "RDN", "RUP", "RMM"];
// Inexact set or not decides the path; the other bits of the word must survive.
const FLAGS_BEFORE = [0n, 1n, 0x18n, 0xffff_ffff_0000_0007n];

const run = startEngine();

for (const format of FORMATS) {
  for (const name of NAMES) {
    Deno.test(`emitFloat ${name}.${format} is exact on special operands`, () => {
      for (const operands of specialTuples(name, format)) check(run, name, format, operands);
    });
    Deno.test(`emitFloat ${name}.${format} is exact on random operands`, () => {
      const random = new Random(seedFor(SEED, `${name}.${format}`));
      for (let i = 0; i < RANDOM_CASES; i++) {
        check(run, name, format, randomOperands(random, name, format));
      }
    });
  }
}

Deno.test("emitFloat is exact on operands that were searched for", () => {
  for (const { name, format, operands } of DIRECTED) check(run, name, format, operands);
});

function specialTuples(name: FloatName, format: Format): bigint[][] {
  if (name.startsWith("from")) return specialIntegers().map((integer) => [integer]);
  const count = operandCount(name);
  const values = specials(format, count === 3 ? "short" : "long");
  let tuples: bigint[][] = [[]];
  for (let i = 0; i < count; i++) {
    tuples = tuples.flatMap((tuple) => values.map((value) => [...tuple, value]));
  }
  return tuples;
}

/** One tuple of operands in every rounding mode and with several flags set beforehand. */
function check(run: Run, name: FloatName, format: Format, operands: readonly bigint[]): void {
  for (let rounding = 0; rounding < ROUNDING_MODES.length; rounding++) {
    const expected = oracle(name, format, operands, rounding);
    for (const flagsBefore of FLAGS_BEFORE) {
      const actual = run(name, format, operands, rounding, flagsBefore);
      const flags = flagsBefore | BigInt(expected.flags);
      if (actual.bits === expected.bits && actual.flags === flags) continue;
      const values = operands.map((bits) => "0x" + bits.toString(16)).join(", ");
      assertEquals(
        { bits: "0x" + actual.bits.toString(16), flags: actual.flags },
        { bits: "0x" + expected.bits.toString(16), flags },
        `${name}.${format}(${values}) ${ROUNDING_MODES[rounding]}, ` +
          `flags 0x${flagsBefore.toString(16)} beforehand, seed ${SEED}`,
      );
    }
  }
}
