/** Modules: control flow, memory, calls, hints, and what the assembler refuses. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { int, type Label, long } from "../../../core/wasm/code.ts";
import {
  block,
  br,
  brIf,
  brTable,
  drop,
  loop,
  memoryCopy,
  memoryFill,
  rarely,
  ret,
  sequence,
  unreachable,
  when,
} from "../../../core/wasm/control.ts";
import { Module } from "../../../core/wasm/module.ts";
import { instantiate } from "./instantiate.ts";

Deno.test("branches go to the label that they name, through any depth", () => {
  const module = new Module();
  const fn = module.function("depth", ["i32"], "i32");
  module.define(fn, (f, index) => {
    const out = f.i32();
    const labels: Label[] = [];
    const nested = (depth: number): ReturnType<typeof block> =>
      block((label) => {
        labels.push(label);
        return [
          depth === 0 ? brTable(index, [...labels].reverse(), labels[0]) : nested(depth - 1),
          // Leaving the block of depth d runs what stands behind it, and everything further out.
          out.set(out.add(1 << depth)),
        ];
      });
    return [nested(9), out];
  });
  module.export(fn);
  const { depth } = instantiate(module);
  // labels[0] is the outermost; index i leaves i + 1 blocks.
  for (let index = 0; index < 10; index++) {
    let expected = 0;
    for (let level = index + 1; level <= 9; level++) expected += 1 << level;
    assertEquals(depth(index), expected, `index ${index}`);
  }
  assertEquals(depth(10), 0);
  assertEquals(depth(-1), 0);
});

Deno.test("loops repeat, leave and nest", () => {
  const module = new Module();
  const gauss = module.function("gauss", ["i64"], "i64");
  module.define(gauss, (f, n) => {
    const sum = f.i64();
    return [
      loop((again) => [
        sum.set(sum.add(n)),
        brIf(again, n.tee(n.sub(1)).ne(0), true),
      ]),
      sum,
    ];
  });
  const multiply = module.function("multiply", ["i64", "i64"], "i64");
  module.define(multiply, (f, a, b) => {
    const [i, j, sum] = [f.i64(), f.i64(), f.i64()];
    return [
      loop((outer) => [
        when(i.ltU(a), [
          j.set(long(0)),
          block((done) => [
            loop((again) => [
              rarely(j.geU(b), [br(done)]),
              sum.set(sum.add(1)),
              j.set(j.add(1)),
              br(again),
            ]),
          ]),
          i.set(i.add(1)),
          br(outer),
        ]),
      ]),
      ret(sum),
      unreachable(),
    ];
  });
  const sign = module.function("sign", ["i64"], "i32");
  module.define(sign, (f, a) => {
    const out = f.i32();
    return [
      when(a.ltS(0), [out.set(int(-1))], [when(a.ne(0), [out.set(int(1))], [], true)], false),
      out,
    ];
  });
  for (const fn of [gauss, multiply, sign]) module.export(fn);
  const functions = instantiate(module);
  assertEquals(functions.gauss(100n), 5050n);
  assertEquals(functions.multiply(13n, 17n), 221n);
  assertEquals(functions.multiply(0n, 17n), 0n);
  assertEquals([-5n, 0n, 9n].map((value) => functions.sign(value)), [-1, 0, 1]);
});

Deno.test("functions call one another, imports, and themselves", () => {
  const module = new Module();
  const seen: (number | bigint)[] = [];
  const note = module.import("env", "note", ["i32", "i64"], "void");
  const isOdd = module.function("isOdd", ["i64"], "i32");
  const isEven = module.function("isEven", ["i64"], "i32");
  module.define(isEven, (_, n) => [
    note.call(int(7), n),
    n.eqz().choose(int(1), isOdd.call(n.sub(1))),
  ]);
  module.define(isOdd, (_, n) => n.eqz().choose(int(0), isEven.call(n.sub(1))));
  module.export(isEven);
  const functions = instantiate(module, {
    note: (a: number, b: bigint) => seen.push(a, b),
  });
  assertEquals([functions.isEven(5n), functions.isEven(4n)], [0, 1]);
  assertEquals(seen, [7, 5n, 7, 3n, 7, 1n, 7, 4n, 7, 2n, 7, 0n]);
});

Deno.test("loads and stores have their width, sign and offset", () => {
  const descriptor: unknown = { address: "i64", initial: 1n, maximum: 1n };
  const memory = new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
  const bytes = new Uint8Array(memory.buffer);
  const module = new Module();
  module.importMemory("env", "memory", 1, 1);
  const names = ["load8U", "load8S", "load16U", "load16S", "load32U", "load32S", "load64"] as const;
  for (const name of names) {
    const fn = module.function(name, ["i64"], "i64");
    module.define(fn, (_, address) => address[name](300));
    module.export(fn);
  }
  const narrow = ["loadI32", "loadI32From8U", "loadI32From16U"] as const;
  for (const name of narrow) {
    const fn = module.function(name, ["i64"], "i32");
    module.define(fn, (_, address) => address[name](300));
    module.export(fn);
  }
  for (const name of ["store8", "store16", "store32", "store64"] as const) {
    const fn = module.function(name, ["i64", "i64"], "void");
    module.define(fn, (_, address, value) => [address[name](value, 300)]);
    module.export(fn);
  }
  for (const name of ["storeI32", "storeI32As8"] as const) {
    const fn = module.function(name, ["i64", "i32"], "void");
    module.define(fn, (_, address, value) => [address[name](value, 300)]);
    module.export(fn);
  }
  const copy = module.function("copy", ["i64", "i64", "i64"], "void");
  module.define(copy, (_, to, from, size) => [memoryCopy(to, from, size), drop(size)]);
  const fill = module.function("fill", ["i64", "i64"], "void");
  module.define(fill, (_, to, size) => [sequence(memoryFill(to, 0xab, size))]);
  for (const fn of [copy, fill]) module.export(fn);
  const functions = instantiate(module, { memory });

  bytes.set([0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88], 305);
  assertEquals(names.map((name) => functions[name](5n)), [
    0xf1n,
    -0xfn,
    0xe2f1n,
    -0x1d0fn,
    0xc4d3e2f1n,
    -0x3b2c1d0fn,
    BigInt.asIntN(64, 0x8897a6b5c4d3e2f1n),
  ]);
  assertEquals(narrow.map((name) => functions[name](5n)), [-0x3b2c1d0f, 0xf1, 0xe2f1]);
  for (
    const [name, size] of [["store8", 1], ["store16", 2], ["store32", 4], ["store64", 8]] as const
  ) {
    bytes.fill(0xee, 400, 420);
    functions[name](105n, 0x1122334455667788n);
    const expected = [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11].slice(0, size);
    assertEquals([...bytes.subarray(404, 406 + size)], [0xee, ...expected, 0xee], name);
  }
  bytes.fill(0xee, 400, 420);
  functions.storeI32(105n, 0x55667788);
  functions.storeI32As8(115n, 0x55667799);
  assertEquals([...bytes.subarray(404, 410)], [0xee, 0x88, 0x77, 0x66, 0x55, 0xee]);
  assertEquals([...bytes.subarray(414, 417)], [0xee, 0x99, 0xee]);
  functions.fill(500n, 3n);
  functions.copy(501n, 500n, 3n);
  assertEquals([...bytes.subarray(499, 505)], [0, 0xab, 0xab, 0xab, 0xab, 0]);
});

Deno.test("hints stand at the branches that they belong to, and the module validates", () => {
  const module = new Module();
  const fn = module.function("hinted", ["i32"], "i32");
  module.define(fn, (f, a) => {
    const out = f.i32();
    return [
      when(a.gtU(200), [out.set(int(2))], [out.set(int(3))], true),
      block((done) => [brIf(done, a.eqz(), false), out.set(out.add(10))]),
      out,
    ];
  });
  module.export(fn);
  const bytes = module.encode();
  assertEquals([300, 5, 0].map((a) => instantiate(module).hinted(a)), [12, 13, 3]);
  const name = "metadata.code.branch_hint";
  const text = String.fromCharCode(...bytes);
  const at = text.indexOf(name) + name.length;
  // One function; its index; two hints, each: offset in the body, 1, likely or not.
  const [functions, index, count, first, , likely, second, , unlikely] = bytes.subarray(at);
  assertEquals([functions, index, count, likely, unlikely], [1, 0, 2, 1, 0]);
  // The body begins behind the code section's header, its count and the body's size.
  const code = bytes.indexOf(10, at + 9);
  const body = code + 4;
  assertEquals([bytes[body + first], bytes[body + second]], [0x04, 0x0d], "an if and a br_if");
});

Deno.test("what cannot be encoded is refused by name", () => {
  const undefinedFunction = new Module();
  const missing = undefinedFunction.function("missing", [], "i32");
  const caller = undefinedFunction.function("caller", [], "i32");
  undefinedFunction.define(caller, () => missing.call());
  assertThrows(() => undefinedFunction.encode(), TypeError, `"missing"`);

  const stray = new Module();
  const jumper = stray.function("jumper", [], "void");
  let outside: Label | undefined;
  assertThrows(
    () =>
      stray.define(jumper, () => [
        block((label) => {
          outside = label;
          return [];
        }),
        br(outside!),
      ]),
    TypeError,
    `"jumper" branches to a label`,
  );

  const other = new Module();
  const foreign = new Module().function("foreign", [], "void");
  const local = other.function("local", [], "void");
  assertThrows(
    () => other.define(local, () => [foreign.call()]),
    TypeError,
    `"local" calls a function of another module`,
  );
  other.define(local, () => [local.call()]);
  assertThrows(() => other.import("env", "late", [], "void"), TypeError, `Import "late" before`);
});

Deno.test("offer() imports what is called, and only that", () => {
  const library = new Module();
  const [one, two, three] = [1, 2, 3].map((n) => {
    const fn = library.function(`f${n}`, [], "i32");
    library.define(fn, () => int(n));
    return fn;
  });
  library.exportAll();
  const module = new Module();
  module.offer("library", library.functions);
  const first = module.function("first", [], "i32");
  module.define(first, () => three.call().mul(10).add(one.call()));
  const second = module.function("second", [], "i32");
  module.define(second, () => three.call());
  module.export(first);
  module.export(second);
  const compiled = new WebAssembly.Module(module.encode());
  assertEquals(WebAssembly.Module.imports(compiled).map(({ name }) => name), ["f3", "f1"]);
  const { exports } = new WebAssembly.Instance(compiled, { library: instantiate(library) });
  assertEquals((exports.first as () => number)(), 31);
  assertEquals((exports.second as () => number)(), 3);
  assertEquals(two.name, "f2");
});

Deno.test("encode() holds more functions, locals and code than one byte can count", () => {
  const module = new Module();
  const functions = Array.from({ length: 300 }, (_, i) => module.function(`f${i}`, ["i64"], "i64"));
  functions.forEach((fn, i) => {
    module.define(fn, (f, a) => {
      const locals = Array.from({ length: 200 }, () => f.i64());
      return [
        ...locals.map((local, n) => local.set((n === 0 ? a : locals[n - 1]).add(1))),
        i + 1 < functions.length ? functions[i + 1].call(locals[199]) : locals[199],
      ];
    });
  });
  module.export(functions[0]);
  const bytes = module.encode();
  assert(bytes.length > 0x1_0000);
  assertEquals(instantiate(module).f0(0n), 60_000n);
});
