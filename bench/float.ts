/**
 * Nanoseconds per floating-point operation of the engine, by the path that it takes.
 *
 * Each figure is the best of five runs of a wasm loop over 1,024 operand tuples in memory, less the
 * same loop without the operation. Run: `deno run bench/float.ts`.
 */
import { emitFloat } from "../core/hart/float/float.ts";
import type { FloatName, Format } from "../core/isa/effect.ts";
import { Random } from "../core/random.ts";
import { int, long } from "../core/wasm/code.ts";
import { br, loop, when } from "../core/wasm/control.ts";
import { Module } from "../core/wasm/module.ts";

const FLAGS_ADDRESS = 0;
const TUPLES_ADDRESS = 4096;
const TUPLE_COUNT = 1024;
const REPEATS = 2_000_000;

const NAMES: readonly FloatName[] = [
  "add",
  "mul",
  "div",
  "sqrt",
  "fma",
  "min",
  "lt",
  "class",
  "toW",
  "toLu",
  "fromL",
  "toOther",
];

/** How the operands and flags are chosen, and so the path. */
type Case = "inexact known" | "exact" | "inexact new" | "towards zero" | "subnormal";
const CASES: readonly Case[] = [
  "inexact known", // random significands, NX set
  "exact", // small integers, NX clear
  "inexact new", // random significands, NX cleared before each
  "towards zero",
  "subnormal", // operands subnormal, NX set
];

type Loop = (count: number, rounding: number, flagsBefore: bigint) => bigint;

function main(): void {
  const module = new Module();
  module.importMemory("env", "memory", 1, 1);
  const float = emitFloat(module);
  const emitLoop = (name: string, operation: FloatName | undefined, format: Format) => {
    const fn = module.function(name, ["i32", "i32", "i64"], "i64");
    module.define(fn, (f, count, rounding, flagsBefore) => {
      const address = f.i64();
      const sum = f.i64();
      const operands = [address.load64(0), address.load64(8), address.load64(16)];
      const result = operation
        ? float.call(operation, format, operands, rounding, long(FLAGS_ADDRESS))
        : operands[0].xor(operands[1]).xor(operands[2]);
      return [
        loop((again) => [
          address.set(
            count.and(int(TUPLE_COUNT - 1)).mul(24).extendU().add(TUPLES_ADDRESS),
          ),
          long(FLAGS_ADDRESS).store64(flagsBefore),
          sum.set(sum.add(result)),
          when(count.tee(count.sub(1)), [br(again)]),
        ]),
        sum,
      ];
    });
    module.export(fn);
  };
  emitLoop("empty", undefined, "d");
  for (const format of ["s", "d"] as const) {
    for (const name of NAMES) emitLoop(`${name}.${format}`, name, format);
  }
  const descriptor = { address: "i64", initial: 1n, maximum: 1n };
  const memory = new WebAssembly.Memory(descriptor as unknown as WebAssembly.MemoryDescriptor);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    env: { memory },
  });
  const tuples = new DataView(memory.buffer, TUPLES_ADDRESS);

  const measure = (name: string, kind: Case) => {
    const run = exports[name] as Loop;
    const rounding = kind === "towards zero" ? 1 : 0;
    const flags = kind === "exact" || kind === "inexact new" ? 0n : 1n;
    let bestMs = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      run(REPEATS, rounding, flags);
      bestMs = Math.min(bestMs, performance.now() - start);
    }
    return bestMs * 1e6 / REPEATS;
  };

  // Once through everything first, so that V8 has compiled what it means to optimise.
  for (const name of Object.keys(exports)) CASES.forEach((kind) => measure(name, kind));
  console.log(["ns per operation", ...CASES].map((title) => title.padStart(16)).join(""));
  for (const format of ["s", "d"] as const) {
    for (const name of NAMES) {
      const figures = CASES.map((kind) => {
        fill(tuples, name, format, kind);
        return (measure(`${name}.${format}`, kind) - measure("empty", kind)).toFixed(1);
      });
      console.log([`${name}.${format}`, ...figures].map((cell) => cell.padStart(16)).join(""));
    }
  }
}

function fill(tuples: DataView, name: FloatName, format: Format, kind: Case): void {
  const random = new Random(1);
  for (let i = 0; i < 3 * TUPLE_COUNT; i++) {
    const integer = 1 + random.below(1000);
    const uniform = (random.next() + random.next() / 2 ** 32 + 1) * 2 ** -20;
    const value = kind === "exact"
      ? name === "sqrt" || name === "div" && i % 3 === 0 ? integer * integer : integer
      : kind === "subnormal"
      ? uniform * (format === "s" ? 2 ** -140 : 2 ** -1040)
      : uniform * (random.below(2) ? -1 : 1);
    const positive = name === "sqrt" ? Math.abs(value) : value;
    tuples.setBigUint64(8 * i, 0n, true);
    if (name === "fromL") {
      const scale = kind === "exact" ? 1 : 2 ** 50;
      tuples.setBigInt64(8 * i, BigInt(Math.trunc(value * scale)), true);
    } else if (format === "s") tuples.setFloat32(8 * i, positive, true);
    else tuples.setFloat64(8 * i, positive, true);
    // A divisor that divides: the square above is not a multiple of a random integer.
    if (name === "div" && kind === "exact" && i % 3 === 1) {
      tuples.setBigUint64(8 * i, format === "s" ? 0x40800000n : 0x4010000000000000n, true);
    }
  }
}

main();
