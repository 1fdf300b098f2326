/**
 * The hash of a page, where it lies. Source: XXH64 of the xxHash specification, with seed 0; digests
 * hash every page that was written, and a copy of each would take longer than its hash.
 */
import { type I64, long } from "../wasm/code.ts";
import { br, loop, when } from "../wasm/control.ts";
import type { Module, WasmFunction } from "../wasm/module.ts";

const PAGE_BYTES = 4096;
const STRIPE_BYTES = 32;
const [P1, P2, P3, P4] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
].map((prime) => BigInt.asIntN(64, prime));

/** (address of a page) → its hash. */
export function emitPageHash(module: Module): WasmFunction<["i64"], "i64"> {
  const pageHash = module.function("pageHash", ["i64"], "i64");
  module.define(pageHash, (f, at) => {
    const end = f.i64();
    const hash = f.i64();
    const lanes = [f.i64(), f.i64(), f.i64(), f.i64()];
    const starts = [BigInt.asIntN(64, P1 + P2), P2, 0n, -P1];
    const [sum, ...others] = lanes.map((lane, i) => lane.rotl([1, 7, 12, 18][i]));
    return [
      ...lanes.map((lane, i) => lane.set(long(starts[i]))),
      end.set(at.add(PAGE_BYTES)),
      loop((again) => [
        ...lanes.map((lane, i) => lane.set(round(lane, at.load64(8 * i)))),
        when(at.tee(at.add(STRIPE_BYTES)).ltU(end), [br(again)]),
      ]),
      hash.set(others.reduce((all, lane) => all.add(lane), sum)),
      ...lanes.map((lane) => hash.set(hash.xor(round(long(0), lane)).mul(P1).add(P4))),
      hash.set(hash.add(PAGE_BYTES)),
      hash.set(stirred(hash, 33, P2)),
      hash.set(stirred(hash, 29, P3)),
      hash.xor(hash.shrU(32)),
    ];
  });
  return pageHash;
}

function round(lane: I64, word: I64): I64 {
  return lane.add(word.mul(P2)).rotl(31).mul(P1);
}

function stirred(hash: I64, bits: number, prime: bigint): I64 {
  return hash.xor(hash.shrU(bits)).mul(prime);
}
