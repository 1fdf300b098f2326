/** What linting costs where nobody asks for it: nothing. */
import { assert, assertEquals } from "@std/assert";
import { emitEngine } from "../../../core/hart/engine.ts";
import { layoutOf } from "../../../core/hart/layout.ts";
import { lintImports } from "../../../core/hart/linting.ts";

const layout = (linting: boolean) => layoutOf(1 << 20, 2, 256, linting);

Deno.test("an engine that does not lint has neither its code nor its memory", () => {
  const imports = (linting: boolean) => {
    const { bytes } = emitEngine(layout(linting), 8192);
    return WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(({ name }) => name);
  };
  const told = Object.keys(lintImports(() => {
    throw new Error("nobody listens");
  }));
  const plain = imports(false);
  assertEquals(told.filter((name) => plain.includes(name)), []);
  assertEquals(new Set(imports(true)), new Set([...plain, ...told]));
  const { knownWalks, wasmPages, ...rest } = layout(true);
  const { knownWalks: none, wasmPages: pages, ...same } = layout(false);
  assertEquals([rest, none], [same, undefined]);
  assert(knownWalks !== undefined && wasmPages > pages);
});
