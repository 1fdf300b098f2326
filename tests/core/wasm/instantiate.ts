/** Modules of the assembler, brought to life. */
import type { Module } from "../../../core/wasm/module.ts";

type Functions = Record<string, (...operands: (number | bigint)[]) => number | bigint | undefined>;

/** The exports of a module; `env` is what it imports. */
export function instantiate(module: Module, env: Record<string, unknown> = {}): Functions {
  const compiled = new WebAssembly.Module(module.encode());
  const imports = { env } as unknown as WebAssembly.Imports;
  return new WebAssembly.Instance(compiled, imports).exports as unknown as Functions;
}
