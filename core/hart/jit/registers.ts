/** The registers of a region: in memory, and in locals as far as that pays. */
import type { I64, Void } from "../../wasm/code.ts";
import { long } from "../../wasm/code.ts";
import type { FunctionBuilder, LocalOf } from "../../wasm/module.ts";
import { F, RUNNING_REGISTERS, X } from "../layout.ts";
import { carriedRegisters } from "./carried.ts";
import type { Region } from "./region.ts";

/**
 * A local for each register that the region names. Those that loops carry are loaded where the
 * region begins and stored where it ends. Any other one is loaded where a block reads it first, and
 * stored where the block ends or an instruction might end the region: so it takes no host register
 * from others, and no time where control only passes by.
 *
 * By number in both files: x0 to x31, then f0 to f31.
 */
export class Registers {
  readonly #locals = new Map<number, LocalOf<"i64">>();
  readonly #carried: ReadonlySet<number>;
  /** Carried, and written somewhere. */
  readonly #changed = new Set<number>();
  /** Their locals hold what they hold, from here to the end of the block. */
  readonly #known = new Set<number>();
  /** Their locals are newer than memory. */
  readonly #dirty = new Set<number>();
  #loads: Void[] = [];

  constructor(readonly builder: FunctionBuilder, region: Region) {
    this.#carried = carriedRegisters(region);
  }

  readX(number: number): I64 {
    return number === 0 ? long(0) : this.#read(number);
  }

  readF(number: number): I64 {
    return this.#read(32 + number);
  }

  /** Undefined for x0, which takes no value. What the instruction reads has been asked for before. */
  writeX(number: number): LocalOf<"i64"> | undefined {
    return number === 0 ? undefined : this.#write(number);
  }

  writeF(number: number): LocalOf<"i64"> {
    return this.#write(32 + number);
  }

  beginBlock(): void {
    this.#known.clear();
  }

  /** The loads that must precede what has been read since the last call. */
  takeLoads(): Void[] {
    const loads = this.#loads;
    this.#loads = [];
    return loads;
  }

  /** Brings memory up to date, carried registers aside: before what may leave, and where a block ends. */
  flush(): Void[] {
    const stores = this.#stores(this.#dirty);
    this.#dirty.clear();
    return stores;
  }

  /** Only once all of the region has been emitted. */
  loadCarried(): Void[] {
    return [...this.#carried].map((number) => this.#load(number));
  }

  storeCarried(): Void[] {
    return this.#stores(this.#changed);
  }

  #read(number: number): I64 {
    if (!this.#carried.has(number) && !this.#known.has(number)) {
      this.#known.add(number);
      this.#loads.push(this.#load(number));
    }
    return this.#local(number);
  }

  #write(number: number): LocalOf<"i64"> {
    this.#known.add(number);
    (this.#carried.has(number) ? this.#changed : this.#dirty).add(number);
    return this.#local(number);
  }

  #load(number: number): Void {
    return this.#local(number).set(long(RUNNING_REGISTERS).load64(offset(number)));
  }

  #stores(numbers: Iterable<number>): Void[] {
    return [...numbers].map((number) =>
      long(RUNNING_REGISTERS).store64(this.#local(number), offset(number))
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
