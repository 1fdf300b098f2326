import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../core/random.ts";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { placeText, SymbolTable } from "../../../debugger/symbols/symbols.ts";
import { imageUrl } from "../../../guests/images.ts";
import { hasPeer, runPeer } from "../../peer.ts";
import { fromFileUrl } from "@std/path";

const SEED = 41;

Deno.test("SymbolTable finds the nearest name at or before", () => {
  const table = new SymbolTable([
    { name: "b", address: 0x200n, sizeBytes: 0n },
    { name: "a", address: 0x100n, sizeBytes: 0x10n },
    { name: "alias", address: 0x100n, sizeBytes: 0x10n },
  ]);
  assertEquals(table.address("alias"), 0x100n);
  assertEquals(table.address("c"), undefined);
  assertEquals(table.nearest(0x10fn), { name: "a", offset: 15n });
  assertEquals(table.nearest(0x110n), undefined);
  assertEquals(table.nearest(0xffn), undefined);
  assertEquals(placeText(table.nearest(0x204n)!), "b+0x4");
});

Deno.test("elfSymbols agrees with nm", async () => {
  if (!await hasPeer("nm", "binutils")) return;
  const { stdout } = await runPeer("nm", ["--defined-only", fromFileUrl(imageUrl("pocket"))]);
  const table = elfSymbols(Deno.readFileSync(imageUrl("pocket")));
  const expected = [...stdout.matchAll(/^([0-9a-f]{16}) [bBdDrRtT] ([a-z]\w*)$/gm)];
  const names = expected.map(([, , name]) => name);
  assert(expected.length > 50, stdout);
  for (const [, address, name] of expected) {
    // Static symbols of several files may share a name.
    if (names.filter((other) => other === name).length > 1) continue;
    assertEquals(table.address(name), BigInt(`0x${address}`), name);
  }
});

Deno.test(`elfSymbols survives 2,000 damaged files (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const good = Deno.readFileSync(imageUrl("empty"));
  assert(elfSymbols(good).count > 3);
  for (let i = 0; i < 2000; i++) {
    const bad = good.slice(0, random.below(4) === 0 ? random.below(good.length) : good.length);
    for (let flips = random.below(8); flips > 0; flips--) {
      const at = random.below(2) === 0 ? random.below(64) : random.below(good.length);
      if (at < bad.length) bad[at] = random.below(256);
    }
    elfSymbols(bad);
  }
  assertEquals(elfSymbols(new Uint8Array(10)).count, 0);
});
