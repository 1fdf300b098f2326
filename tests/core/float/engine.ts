/** The engine's floating-point functions, each exported from one small module. */
import { emitFloat } from "../../../core/hart/float/float.ts";
import type { FloatName, Format } from "../../../core/isa/effect.ts";
import { type I64, long } from "../../../core/wasm/code.ts";
import { Module } from "../../../core/wasm/module.ts";
import { operandCount } from "./operands.ts";

export const FORMATS: readonly Format[] = ["s", "d"];

export const NAMES: readonly FloatName[] = [
  "add",
  "sub",
  "mul",
  "div",
  "sqrt",
  "fma",
  "min",
  "max",
  "eq",
  "lt",
  "le",
  "class",
  "toW",
  "toWu",
  "toL",
  "toLu",
  "fromW",
  "fromWu",
  "fromL",
  "fromLu",
  "toOther",
];

const FLAGS_ADDRESS = 64;

/** Runs one operation on the engine; returns the result's bits and the flags word afterwards. */
export type Run = (
  name: FloatName,
  format: Format,
  operands: readonly bigint[],
  rounding: number,
  flagsBefore: bigint,
) => { bits: bigint; flags: bigint };

type Exported = (a: bigint, b: bigint, c: bigint, rounding: number) => bigint;

/** Compiles the functions into a module of their own. */
export function startEngine(): Run {
  const module = new Module();
  module.importMemory("env", "memory", 1, 1);
  const float = emitFloat(module);
  for (const format of FORMATS) {
    for (const name of NAMES) {
      const fn = module.function(`${name}_${format}`, ["i64", "i64", "i64", "i32"], "i64");
      module.define(fn, (_, a, b, c, rounding) => {
        const operands: I64[] = [a, b, c].slice(0, operandCount(name));
        return float.call(name, format, operands, rounding, long(FLAGS_ADDRESS));
      });
      module.export(fn);
    }
  }
  // A 64-bit memory: the library's types do not know `address` yet.
  const descriptor = { address: "i64", initial: 1n, maximum: 1n };
  const memory = new WebAssembly.Memory(descriptor as unknown as WebAssembly.MemoryDescriptor);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    env: { memory },
  });
  const flags = new BigUint64Array(memory.buffer, FLAGS_ADDRESS, 1);
  return (name, format, operands, rounding, flagsBefore) => {
    const [a, b = 0n, c = 0n] = operands;
    flags[0] = flagsBefore;
    const run = instance.exports[`${name}_${format}`] as Exported;
    return { bits: BigInt.asUintN(64, run(a, b, c, rounding)), flags: flags[0] };
  };
}
