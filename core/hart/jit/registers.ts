/** The registers of a region: in locals while it runs. */
import type { I64, Void } from "../../wasm/code.ts";
import { long } from "../../wasm/code.ts";
import type { FunctionBuilder, LocalOf } from "../../wasm/module.ts";
import { F, RUNNING_REGISTERS, X } from "../layout.ts";

/** Locals for the registers that a region names, loaded where it begins and stored where it ends. */
export class Registers {
  /** By number in both files: x0 to x31, then f0 to f31. */
  readonly #locals = new Map<number, LocalOf<"i64">>();
  readonly #written = new Set<number>();

  constructor(readonly builder: FunctionBuilder) {}

  readX(number: number): I64 {
    return number === 0 ? long(0) : this.#local(number);
  }

  readF(number: number): I64 {
    return this.#local(32 + number);
  }

  /** Undefined for x0, which takes no value. */
  writeX(number: number): LocalOf<"i64"> | undefined {
    if (number === 0) return undefined;
    this.#written.add(number);
    return this.#local(number);
  }

  writeF(number: number): LocalOf<"i64"> {
    this.#written.add(32 + number);
    return this.#local(32 + number);
  }

  /** Only once all of the region has been emitted. */
  load(): Void[] {
    return [...this.#locals].map(([number, local]) =>
      local.set(long(RUNNING_REGISTERS).load64(offset(number)))
    );
  }

  store(): Void[] {
    return [...this.#written].map((number) =>
      long(RUNNING_REGISTERS).store64(this.#locals.get(number)!, offset(number))
    );
  }

  #local(number: number): LocalOf<"i64"> {
    let local = this.#locals.get(number);
    if (!local) this.#locals.set(number, local = this.builder.i64());
    return local;
  }
}

function offset(number: number): number {
  return number < 32 ? X + number * 8 : F + (number - 32) * 8;
}
