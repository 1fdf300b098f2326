/** Code laid out from a graph visits the nodes that a walk of the graph visits. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Graph, structure } from "../../../../core/hart/jit/structure.ts";
import { int } from "../../../../core/wasm/code.ts";
import { rarely, ret, unreachable, when } from "../../../../core/wasm/control.ts";
import { Module } from "../../../../core/wasm/module.ts";
import { instantiate } from "../../wasm/instantiate.ts";

const FUEL = 300;

/** A hash of the nodes that are visited from an entry, where a seed chooses among successors. */
type Walk = (entry: number, seed: number, fuel: number) => number;

/** Both choose by the upper half of a linear congruential sequence. */
const [MULTIPLIER, INCREMENT] = [1664525, 1013904223];

function walkOf(graph: Graph, entries: readonly number[]): Walk {
  return (entry, seed, fuel) => {
    let trace = 0;
    for (let node = entries[entry];;) {
      trace = Math.imul(trace, 31) + node + 1 | 0;
      if (--fuel === 0) return trace;
      const to = graph.get(node)!;
      if (to.length === 0) return ~trace;
      seed = Math.imul(seed, MULTIPLIER) + INCREMENT | 0;
      node = to[Math.imul(seed >>> 16, to.length) >>> 16];
    }
  };
}

function compiled(graph: Graph, entries: readonly number[]): Walk {
  const module = new Module();
  const fn = module.function("walk", ["i32", "i32", "i32"], "i32");
  module.define(fn, (f, entry, seed, fuel) => {
    const trace = f.i32();
    const choice = f.i32();
    const selector = { value: entry, set: entry.set.bind(entry) };
    const code = structure(graph, entries, selector, (node, go) => {
      const to = graph.get(node)!;
      return [
        trace.set(trace.mul(31).add(node + 1)),
        fuel.set(fuel.sub(1)),
        rarely(fuel.eqz(), [ret(trace)]),
        seed.set(seed.mul(MULTIPLIER).add(INCREMENT)),
        choice.set(seed.shrU(16).mul(to.length).shrU(16)),
        ...to.slice(0, -1).map((each, i) => when(choice.eq(i), go(each))),
        ...(to.length > 0 ? go(to.at(-1)!) : [ret(trace.xor(-1))]),
      ];
    });
    return [...code, unreachable(), int(0)];
  });
  module.export(fn);
  return instantiate(module).walk as Walk;
}

function requireSameWalks(
  graph: Graph,
  entries: readonly number[],
  seeds: readonly number[],
): void {
  const [expected, actual] = [walkOf(graph, entries), compiled(graph, entries)];
  entries.forEach((_, entry) => {
    for (const seed of seeds) {
      assertEquals(actual(entry, seed, FUEL), expected(entry, seed, FUEL), `entry ${entry}`);
    }
  });
}

/** What can be reached; numbers are spread, as offsets in a page are. */
function reachable(edges: readonly (readonly number[])[], entries: readonly number[]): Graph {
  const found = new Set(entries);
  for (const node of found) for (const to of edges[node]) found.add(to);
  return new Map([...found].sort((a, b) => a - b).map((node) => [node, [...new Set(edges[node])]]));
}

const graphs = fc.integer({ min: 1, max: 24 }).chain((count) => {
  const node = fc.nat(count - 1);
  return fc.record({
    edges: fc.array(fc.array(node, { maxLength: 4 }), { minLength: count, maxLength: count }),
    entries: fc.uniqueArray(node, { minLength: 1, maxLength: 5 }),
    seeds: fc.array(fc.integer(), { minLength: 6, maxLength: 6 }),
  });
});

Deno.test("structure() lays out any graph, irreducible ones too", () => {
  let irreducible = 0;
  fc.assert(
    fc.property(graphs, ({ edges, entries, seeds }) => {
      const graph = reachable(edges, entries);
      if (!isReducible(graph, entries)) irreducible++;
      requireSameWalks(graph, entries, seeds);
    }),
    { numRuns: 1000, seed: 20_261_123 },
  );
  assert(irreducible > 100, `only ${irreducible} of the graphs were irreducible`);
});

Deno.test("structure() lays out a line of 2,000 nodes", () => {
  const graph = new Map(
    Array.from({ length: 2000 }, (_, i) => [i, i < 1999 ? [i + 1] : []] as const),
  );
  const [expected, actual] = [walkOf(graph, [0, 999]), compiled(graph, [0, 999])];
  for (const entry of [0, 1]) {
    assertEquals(actual(entry, 1, 10_000), expected(entry, 1, 10_000));
  }
});

Deno.test("structure() lays out 500 loops, each within the one before", () => {
  const depth = 500;
  const graph = new Map<number, number[]>();
  for (let i = 0; i < depth; i++) {
    graph.set(i, [i + 1 < depth ? i + 1 : depth + i]);
    // The tail of a loop goes to its head, or on to the tail of the loop around.
    graph.set(depth + i, i > 0 ? [i, depth + i - 1] : [i]);
  }
  const [expected, actual] = [walkOf(graph, [0]), compiled(graph, [0])];
  for (let seed = 0; seed < 20; seed++) {
    assertEquals(actual(0, seed, 20_000), expected(0, seed, 20_000));
  }
});

/** By removing loops of a node to itself and merging nodes into their only predecessor. */
function isReducible(graph: Graph, entries: readonly number[]): boolean {
  const ROOT = -1;
  const to = new Map([...graph].map(([node, list]) => [node, new Set(list)]));
  to.set(ROOT, new Set(entries));
  for (let changed = true; changed;) {
    changed = false;
    for (const [node, own] of to) {
      own.delete(node);
      const before = [...to].filter(([, list]) => list.has(node)).map(([from]) => from);
      if (node === ROOT || before.length !== 1) continue;
      const into = to.get(before[0])!;
      into.delete(node);
      for (const each of own) into.add(each);
      to.delete(node);
      changed = true;
    }
  }
  return to.size === 1;
}
