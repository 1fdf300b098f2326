/** A WebAssembly module under construction: functions, one imported memory, imports, exports. */
import {
  Code,
  type CodeOf,
  codeOf,
  F64,
  I32,
  I64,
  type Label,
  type Part,
  TYPE_BYTES,
  unsigned,
  type ValueType,
  Void,
} from "./code.ts";

/** A local variable: reading it is using it as an expression. */
export interface Local<T extends ValueType> {
  readonly index: number;
  /** `local = value` */
  set(value: CodeOf<T>): Void;
  /** `(local = value)`, as an expression */
  tee(value: CodeOf<T>): CodeOf<T>;
}

/** An i64 local is an {@link I64}, and so on. */
export type LocalOf<T extends ValueType> = CodeOf<T> & Local<T>;

type Locals<P extends readonly ValueType[]> = { [K in keyof P]: LocalOf<P[K]> };
type Arguments<P extends readonly ValueType[]> = { [K in keyof P]: CodeOf<P[K]> };

/** A declared function: callable before it is defined, so functions may be mutually recursive. */
export class WasmFunction<
  P extends readonly ValueType[] = readonly ValueType[],
  R extends ValueType | "void" = ValueType | "void",
> {
  /** Its position in the module's function index space, fixed when the module is encoded. */
  index = -1;
  body: number[] | undefined;

  constructor(
    readonly name: string,
    readonly parameters: Readonly<P>,
    readonly result: R,
  ) {}

  /** A call, as an expression of the result's type. */
  call(...values: Arguments<P>): CodeOf<R> {
    return codeOf(this.result, [...(values as readonly Code[]), 0x10, new FunctionIndex(this)]);
  }
}

/** Collects the locals of one function. */
export class FunctionBuilder {
  readonly locals: ValueType[] = [];

  constructor(readonly parameterCount: number) {}

  i32(): LocalOf<"i32"> {
    return this.#local("i32");
  }

  i64(): LocalOf<"i64"> {
    return this.#local("i64");
  }

  f64(): LocalOf<"f64"> {
    return this.#local("f64");
  }

  #local<T extends ValueType>(type: T): LocalOf<T> {
    this.locals.push(type);
    return makeLocal(type, this.parameterCount + this.locals.length - 1);
  }
}

/**
 * A module under construction.
 *
 * @example
 * ```ts
 * import { Module } from "./module.ts";
 * const module = new Module();
 * const twice = module.function("twice", ["i32"], "i32");
 * module.define(twice, (_, x) => x.add(x));
 * module.export(twice);
 * const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()));
 * console.assert((instance.exports.twice as (x: number) => number)(21) === 42);
 * ```
 */
export class Module {
  readonly #imports: { from: string; fn: WasmFunction }[] = [];
  readonly #functions: WasmFunction[] = [];
  readonly #exports: WasmFunction[] = [];
  #memory: { from: string; name: string; pagesMin: number; pagesMax: number } | undefined;

  /** Declares an imported function. */
  import<const P extends readonly ValueType[], R extends ValueType | "void">(
    from: string,
    name: string,
    parameters: P,
    result: R,
  ): WasmFunction<P, R> {
    const fn = new WasmFunction<P, R>(name, parameters as Readonly<P>, result);
    this.#imports.push({ from, fn: fn as unknown as WasmFunction });
    return fn;
  }

  /** Declares the imported 64-bit memory; sizes in wasm pages of 64 KiB. */
  importMemory(from: string, name: string, pagesMin: number, pagesMax: number): void {
    this.#memory = { from, name, pagesMin, pagesMax };
  }

  /** Declares a function; {@link define} gives its body. */
  function<const P extends readonly ValueType[], R extends ValueType | "void">(
    name: string,
    parameters: P,
    result: R,
  ): WasmFunction<P, R> {
    const fn = new WasmFunction<P, R>(name, parameters as Readonly<P>, result);
    this.#functions.push(fn as unknown as WasmFunction);
    return fn;
  }

  /** Gives a declared function its body: one expression of the result's type, or statements. */
  define<P extends readonly ValueType[], R extends ValueType | "void">(
    fn: WasmFunction<P, R>,
    body: (f: FunctionBuilder, ...parameters: Locals<P>) => CodeOf<R> | readonly Code[],
  ): void {
    const builder = new FunctionBuilder(fn.parameters.length);
    const parameters = fn.parameters.map(makeLocal) as unknown as Locals<P>;
    const code = body(builder, ...parameters);
    this.#bodies.set(fn as unknown as WasmFunction, {
      locals: builder.locals,
      code: code instanceof Code ? [code] : code as readonly Code[],
    });
  }

  export(fn: { readonly name: string }): void {
    this.#exports.push(fn as WasmFunction);
  }

  /** The module's bytes. Throws if a declared function has no body. */
  encode(): Uint8Array<ArrayBuffer> {
    this.#imports.forEach(({ fn }, index) => fn.index = index);
    this.#functions.forEach((fn, index) => fn.index = this.#imports.length + index);
    const all = [...this.#imports.map(({ fn }) => fn), ...this.#functions];
    const types = new Map<string, number>();
    const typeIndex = (fn: WasmFunction) => {
      const key = signature(fn).join();
      if (!types.has(key)) types.set(key, types.size);
      return types.get(key)!;
    };
    all.forEach(typeIndex);
    const imports = this.#imports.map(({ from, fn }) => [
      ...text(from),
      ...text(fn.name),
      0x00,
      ...unsigned(typeIndex(fn)),
    ]);
    if (this.#memory) {
      const { from, name, pagesMin, pagesMax } = this.#memory;
      // Limits flag 5: 64-bit addresses, with a maximum.
      imports.push([
        ...text(from),
        ...text(name),
        2,
        5,
        ...unsigned(pagesMin),
        ...unsigned(pagesMax),
      ]);
    }
    const out: number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    append(out, section(1, vector([...types.keys()].map((key) => key.split(",").map(Number)))));
    append(out, section(2, vector(imports)));
    append(out, section(3, vector(this.#functions.map((fn) => unsigned(typeIndex(fn))))));
    append(
      out,
      section(
        7,
        vector(this.#exports.map((fn) => [...text(fn.name), 0x00, ...unsigned(fn.index)])),
      ),
    );
    const bodies = this.#functions.map((fn) => this.#encodeBody(fn));
    const hints = this.#functions.flatMap((fn, i) =>
      bodies[i].hints.length === 0 ? [] : [[...unsigned(fn.index), ...vector(bodies[i].hints)]]
    );
    append(out, section(0, concatenated(text("metadata.code.branch_hint"), vector(hints))));
    append(out, section(10, vector(bodies.map(({ bytes }) => bytes))));
    append(out, section(0, [...text("name"), ...this.#functionNames(all)]));
    return new Uint8Array(out);
  }

  readonly #bodies = new Map<WasmFunction, { locals: ValueType[]; code: readonly Code[] }>();

  #encodeBody(fn: WasmFunction): { bytes: number[]; hints: number[][] } {
    const body = this.#bodies.get(fn);
    if (!body) throw new TypeError(`Cannot encode "${fn.name}": it was declared but not defined`);
    const bytes = vector(body.locals.map((type) => [1, TYPE_BYTES[type]]));
    const hints: number[][] = [];
    flatten(body.code, bytes, { labels: [], hints, name: fn.name });
    bytes.push(0x0b);
    return { bytes: concatenated(unsigned(bytes.length), bytes), hints };
  }

  // Custom section "name", subsection 1: function names, for profilers and stack traces.
  #functionNames(all: readonly WasmFunction[]): number[] {
    const names = vector(all.map((fn) => [...unsigned(fn.index), ...text(fn.name)]));
    return [1, ...unsigned(names.length), ...names];
  }
}

/** A function's index, known only when the module is encoded. */
class FunctionIndex extends Void {
  constructor(readonly target: { readonly index: number }) {
    super([]);
  }
}

function makeLocal<T extends ValueType>(type: T, index: number): LocalOf<T> {
  const constructors = { i32: I32, i64: I64, f64: F64 };
  const local = new constructors[type]([0x20, ...unsigned(index)]) as unknown as LocalOf<T>;
  return Object.assign(local, {
    index,
    set: (value: CodeOf<T>) => new Void([value as unknown as Code, 0x21, ...unsigned(index)]),
    tee: (value: CodeOf<T>) =>
      codeOf(type, [value as unknown as Code, 0x22, ...unsigned(index)]) as CodeOf<T>,
  });
}

function signature(fn: WasmFunction): number[] {
  const results = fn.result === "void" ? [] : [TYPE_BYTES[fn.result]];
  return [
    0x60,
    fn.parameters.length,
    ...fn.parameters.map((type) => TYPE_BYTES[type]),
    results.length,
    ...results,
  ];
}

interface Flattening {
  readonly labels: Label[];
  /** Offset from the body's start, size 1, and whether the branch there is taken likely. */
  readonly hints: number[][];
  readonly name: string;
}

function flatten(parts: readonly Part[], out: number[], into: Flattening): void {
  const { labels, hints, name } = into;
  for (const part of parts) {
    if (typeof part === "number") out.push(part);
    else if (part instanceof FunctionIndex) {
      if (part.target.index < 0) {
        throw new TypeError(`"${name}" calls a function of another module`);
      }
      append(out, unsigned(part.target.index));
    } else if (part instanceof Code) flatten(part.parts, out, into);
    else if ("enter" in part) labels.push(part.enter);
    else if ("leave" in part) labels.pop();
    else if ("hint" in part) hints.push([...unsigned(out.length), 1, part.hint ? 1 : 0]);
    else {
      const position = labels.lastIndexOf(part.branch);
      if (position < 0) {
        throw new TypeError(`"${name}" branches to a label that does not enclose it`);
      }
      append(out, unsigned(labels.length - 1 - position));
    }
  }
}

function section(id: number, content: number[]): number[] {
  return concatenated([id, ...unsigned(content.length)], content);
}

function vector(items: readonly (readonly number[])[]): number[] {
  const out = unsigned(items.length);
  for (const item of items) append(out, item);
  return out;
}

function text(value: string): number[] {
  const bytes = [...value].map((character) => character.charCodeAt(0));
  return [...unsigned(bytes.length), ...bytes];
}

function concatenated(head: number[], tail: readonly number[]): number[] {
  append(head, tail);
  return head;
}

// Not push(...items): an argument list is bounded.
function append(out: number[], items: readonly number[]): void {
  for (const item of items) out.push(item);
}
