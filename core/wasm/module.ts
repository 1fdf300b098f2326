/** A WebAssembly module under construction: functions, one imported memory, imports, exports. */
import { Bytes } from "./bytes.ts";
import {
  type Callee,
  Code,
  type CodeOf,
  codeOf,
  F64,
  I32,
  I64,
  type Label,
  type Mark,
  type Part,
  type Signature,
  TYPE_BYTES,
  type ValueType,
  Void,
} from "./code.ts";
import { unsigned } from "./leb128.ts";

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
  readonly #mark: Mark = { mark: "function", of: this };

  constructor(
    readonly name: string,
    readonly parameters: Readonly<P>,
    readonly result: R,
  ) {}

  /** A call, as an expression of the result's type. */
  call(...values: Arguments<P>): CodeOf<R> {
    return codeOf(this.result, [...(values as readonly Code[]), 0x10, this.#mark]);
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
  /** Functions of other modules that are imported once they are called, and from where. */
  readonly #offered = new Map<WasmFunction, string>();
  readonly #functions: WasmFunction[] = [];
  readonly #exports: WasmFunction[] = [];
  /** Positions among the imports, and among the own functions, which follow them. */
  readonly #importIndices = new Map<WasmFunction, number>();
  readonly #ownIndices = new Map<WasmFunction, number>();
  /** Some body has an own function's index: nothing more can be imported. */
  #callsOwn = false;
  readonly #types = new Map<string, number>();
  /** Encoded as they are defined: trees of code are large. */
  readonly #bodies = new Map<WasmFunction, Body>();
  #memory: { from: string; name: string; pagesMin: number; pagesMax: number } | undefined;
  #table: { from: string; name: string } | undefined;
  readonly #globals: { from: string; name: string }[] = [];

  /** Its own functions, in the order of their declaration. */
  get functions(): readonly WasmFunction[] {
    return this.#functions;
  }

  /** Declares an imported function. */
  import<const P extends readonly ValueType[], R extends ValueType | "void">(
    from: string,
    name: string,
    parameters: P,
    result: R,
  ): WasmFunction<P, R> {
    const fn = new WasmFunction<P, R>(name, parameters as Readonly<P>, result);
    this.#import(from, fn as unknown as WasmFunction);
    return fn;
  }

  /** Lets functions of another module be called here too: those that are called are imported. */
  offer(from: string, fns: readonly WasmFunction[]): void {
    for (const fn of fns) this.#offered.set(fn, from);
  }

  #import(from: string, fn: WasmFunction): void {
    if (this.#callsOwn) throw new TypeError(`Import "${fn.name}" before own functions are called`);
    this.#importIndices.set(fn, this.#imports.length);
    this.#imports.push({ from, fn });
    this.#typeIndex(fn);
  }

  /** Declares the imported table of functions. */
  importTable(from: string, name: string): void {
    this.#table = { from, name };
  }

  /** Imports a constant. */
  importGlobal(from: string, name: string): I32 {
    this.#globals.push({ from, name });
    return new I32([0x23, ...unsigned(this.#globals.length - 1)]);
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
    const own = fn as unknown as WasmFunction;
    this.#ownIndices.set(own, this.#functions.length);
    this.#functions.push(own);
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
    const own = fn as unknown as WasmFunction;
    this.#bodies.set(own, this.#encodeBody(own, builder.locals, code));
  }

  export(fn: { readonly name: string }): void {
    this.#exports.push(fn as WasmFunction);
  }

  /** Exports every function, by its name. */
  exportAll(): void {
    this.#exports.splice(0, Infinity, ...this.#functions);
  }

  /** The module's bytes. Throws if a declared function has no body. */
  encode(): Uint8Array<ArrayBuffer> {
    const bodies = this.#functions.map((fn) => {
      const body = this.#bodies.get(fn);
      if (!body) throw new TypeError(`Cannot encode "${fn.name}": it was declared but not defined`);
      return body;
    });
    const imports = this.#importSection();
    const functions = vector(this.#functions.map((fn) => unsigned(this.#typeIndex(fn))));
    const out = new Bytes();
    out.append([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, 1, vector([...this.#types.keys()].map((key) => key.split(",").map(Number))));
    section(out, 2, imports);
    section(out, 3, functions);
    section(
      out,
      7,
      vector(
        this.#exports.map((fn) => [...text(fn.name), 0x00, ...unsigned(this.#indexOf(fn)!)]),
      ),
    );
    const hints = this.#functions.flatMap((fn, i) =>
      bodies[i].hints.length === 0
        ? []
        : [[...unsigned(this.#indexOf(fn)!), ...vector(bodies[i].hints).take()]]
    );
    section(out, 0, custom("metadata.code.branch_hint", vector(hints)));
    section(out, 10, vector(bodies.map(({ bytes }) => bytes)));
    section(out, 0, custom("name", this.#functionNames()));
    return out.take();
  }

  #importSection(): Bytes {
    const out = new Bytes();
    const others = this.#globals.length + (this.#table ? 1 : 0) + (this.#memory ? 1 : 0);
    out.unsigned(this.#imports.length + others);
    for (const { from, fn } of this.#imports) {
      out.append(importHead(from, fn));
      out.unsigned(this.#typeIndex(fn));
    }
    const begin = ({ from, name }: { from: string; name: string }) => {
      out.text(from);
      out.text(name);
    };
    if (this.#table) {
      begin(this.#table);
      out.append([1, 0x70, 0, 0]); // functions, at least none
    }
    for (const global of this.#globals) {
      begin(global);
      out.append([3, TYPE_BYTES.i32, 0]);
    }
    if (this.#memory) {
      begin(this.#memory);
      out.append([2, 5]); // 64-bit addresses, with a maximum
      out.unsigned(this.#memory.pagesMin);
      out.unsigned(this.#memory.pagesMax);
    }
    return out;
  }

  /** In the function index space: imports first. */
  #indexOf(fn: WasmFunction): number | undefined {
    const own = this.#ownIndices.get(fn);
    return own === undefined ? this.#importIndices.get(fn) : this.#imports.length + own;
  }

  #typeIndex(of: Signature): number {
    const key = signatureKey(of);
    let index = this.#types.get(key);
    if (index === undefined) this.#types.set(key, index = this.#types.size);
    return index;
  }

  #encodeBody(
    { name }: WasmFunction,
    locals: readonly ValueType[],
    code: Code | readonly Code[],
  ): Body {
    const bytes = vector(locals.map((type) => [1, TYPE_BYTES[type]]));
    const hints: number[][] = [];
    flatten(code instanceof Code ? code.parts : code, bytes, {
      labels: [],
      hints,
      name,
      indexOf: (callee) => {
        const fn = callee as WasmFunction; // nothing else makes such marks
        const from = this.#offered.get(fn);
        if (from !== undefined && !this.#importIndices.has(fn)) this.#import(from, fn);
        this.#callsOwn ||= this.#ownIndices.has(fn);
        return this.#indexOf(fn);
      },
      typeIndex: (signature) => this.#typeIndex(signature),
    });
    bytes.push(0x0b);
    const sized = new Bytes();
    sized.sized(bytes);
    return { bytes: sized.take(), hints };
  }

  // Custom section "name", subsection 1: function names, for profilers and stack traces.
  #functionNames(): Bytes {
    const names = vector(
      this.#functions.map((fn) => [...unsigned(this.#indexOf(fn)!), ...text(fn.name)]),
    );
    const out = new Bytes();
    out.push(1);
    out.sized(names);
    return out;
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

const signatureKeys = new WeakMap<Signature, string>();

function signatureKey(of: Signature): string {
  let key = signatureKeys.get(of);
  if (key === undefined) signatureKeys.set(of, key = signature(of).join());
  return key;
}

function signature({ parameters, result }: Signature): number[] {
  const results = result === "void" ? [] : [TYPE_BYTES[result]];
  return [
    0x60,
    parameters.length,
    ...parameters.map((type) => TYPE_BYTES[type]),
    results.length,
    ...results,
  ];
}

interface Body {
  /** Its size, its locals and its code. */
  readonly bytes: Uint8Array;
  readonly hints: readonly number[][];
}

interface Flattening {
  readonly labels: Label[];
  /** Offset from the body's start, size 1, and whether the branch there is taken likely. */
  readonly hints: number[][];
  readonly name: string;
  readonly indexOf: (fn: Callee) => number | undefined;
  readonly typeIndex: (signature: Signature) => number;
}

function flatten(parts: readonly Part[], out: Bytes, into: Flattening): void {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part === "number") out.push(part);
    else if (part instanceof Code) flatten(part.parts, out, into);
    else place(part, out, into);
  }
}

function place(part: Mark, out: Bytes, into: Flattening): void {
  const { labels, hints, name } = into;
  switch (part.mark) {
    case "enter":
      labels.push(part.of);
      return;
    case "leave":
      if (labels.pop() !== part.of) throw new TypeError(`"${name}" nests labels the wrong way`);
      return;
    case "branch": {
      const position = labels.lastIndexOf(part.of);
      if (position < 0) {
        throw new TypeError(`"${name}" branches to a label that does not enclose it`);
      }
      out.unsigned(labels.length - 1 - position);
      return;
    }
    case "hint":
      hints.push([...unsigned(out.length), 1, part.of ? 1 : 0]);
      return;
    case "signature":
      out.unsigned(into.typeIndex(part.of));
      return;
    case "function": {
      const index = into.indexOf(part.of);
      if (index === undefined) {
        throw new TypeError(`"${name}" calls a function of another module`);
      }
      out.unsigned(index);
      return;
    }
  }
}

function section(out: Bytes, id: number, content: Bytes): void {
  out.push(id);
  out.sized(content);
}

function custom(name: string, content: Bytes): Bytes {
  const out = new Bytes();
  out.text(name);
  out.append(content.take());
  return out;
}

function vector(items: readonly ArrayLike<number>[]): Bytes {
  const out = new Bytes();
  out.unsigned(items.length);
  for (const item of items) out.append(item);
  return out;
}

const importHeads = new WeakMap<WasmFunction, Uint8Array>();

// Names, and that it is a function. The same functions are imported by many modules.
function importHead(from: string, fn: WasmFunction): Uint8Array {
  let head = importHeads.get(fn);
  if (!head) importHeads.set(fn, head = Uint8Array.from([...text(from), ...text(fn.name), 0x00]));
  return head;
}

function text(value: string): Uint8Array {
  const out = new Bytes();
  out.text(value);
  return out.take();
}
