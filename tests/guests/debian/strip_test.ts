import { assertEquals, assertThrows } from "@std/assert";
import { concatenate } from "../../../guests/debian/cpio.ts";
import { HostFailure } from "../../../guests/debian/failure.ts";
import { discardLocals } from "../../../guests/debian/strip.ts";
import { bytesOf } from "./build.ts";

const STRINGS = bytesOf("\0.L1\0.L2\0local\0global\0");
const NAME = { none: 0, label1: 1, label2: 5, local: 9, global: 15 };

function symbol(name: number, isGlobal: boolean, value: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name, true);
  bytes[4] = isGlobal ? 0x10 : 0;
  view.setUint16(6, 1, true);
  view.setBigUint64(8, BigInt(value), true);
  return bytes;
}

function relocation(offset: number, symbolIndex: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(offset), true);
  view.setBigUint64(8, (BigInt(symbolIndex) << 32n) | 2n, true);
  return bytes;
}

type SectionSpec = [type: number, link: number, info: number, alignment: number, bytes: Uint8Array];

/** An ELF-64 object of these sections, after the null section. */
function object(sections: readonly SectionSpec[]): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array(64)];
  const headers: Uint8Array[] = [new Uint8Array(64)];
  let end = 64;
  for (const [type, link, info, alignment, bytes] of sections) {
    const gap = -end & (alignment - 1);
    const header = new Uint8Array(64);
    const view = new DataView(header.buffer);
    view.setUint32(4, type, true);
    view.setBigUint64(24, BigInt(end + gap), true);
    view.setBigUint64(32, BigInt(bytes.length), true);
    view.setUint32(40, link, true);
    view.setUint32(44, info, true);
    view.setBigUint64(48, BigInt(alignment), true);
    parts.push(new Uint8Array(gap), bytes);
    headers.push(header);
    end += gap + bytes.length;
  }
  const elf = concatenate([...parts, ...headers]);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(40, BigInt(end), true);
  view.setUint16(60, headers.length, true);
  return elf;
}

/** A section's bytes and `sh_info`. */
function section(elf: Uint8Array, index: number): { bytes: Uint8Array; info: number } {
  const view = new DataView(elf.buffer, elf.byteOffset);
  const at = Number(view.getBigUint64(40, true)) + index * 64;
  const offset = Number(view.getBigUint64(at + 24, true));
  const bytes = elf.slice(offset, offset + Number(view.getBigUint64(at + 32, true)));
  assertEquals(offset % Number(view.getBigUint64(at + 48, true)), 0);
  return { bytes, info: view.getUint32(at + 44, true) };
}

const OBJECT = object([
  [1, 0, 0, 4, bytesOf("text!")],
  [4, 3, 1, 8, concatenate([relocation(0, 3), relocation(8, 5), relocation(16, 4)])],
  [
    2,
    4,
    5,
    8,
    concatenate([
      symbol(NAME.none, false, 0),
      symbol(NAME.label1, false, 1),
      symbol(NAME.local, false, 2),
      symbol(NAME.label2, false, 3),
      symbol(NAME.none, false, 4),
      symbol(NAME.global, true, 5),
      symbol(NAME.label1, true, 6),
    ]),
  ],
  [3, 0, 0, 1, STRINGS],
  [17, 3, 2, 4, new Uint8Array(8)],
]);

Deno.test("discardLocals drops labels that nothing refers to, and renumbers what does", () => {
  const elf = discardLocals(OBJECT);
  assertEquals(section(elf, 1).bytes, bytesOf("text!"));
  const symtab = section(elf, 3);
  const strings = section(elf, 4).bytes;
  const view = new DataView(symtab.bytes.buffer);
  const symbols = Array.from({ length: symtab.bytes.length / 24 }, (_, i) => {
    const start = view.getUint32(i * 24, true);
    const name = new TextDecoder().decode(strings.subarray(start, strings.indexOf(0, start)));
    return [name, Number(view.getBigUint64(i * 24 + 8, true))];
  });
  // The global that happens to be called .L1 stays, and so does the label with a relocation.
  assertEquals(symbols, [["", 0], ["local", 2], [".L2", 3], ["", 4], ["global", 5], [".L1", 6]]);
  assertEquals(symtab.info, 4); // locals
  assertEquals(
    section(elf, 2).bytes,
    concatenate([relocation(0, 2), relocation(8, 4), relocation(16, 3)]),
  );
  assertEquals(section(elf, 5).info, 1); // the group's symbol
  assertEquals(discardLocals(elf), elf);
});

Deno.test("discardLocals refuses a damaged section table", () => {
  assertThrows(() => discardLocals(OBJECT.slice(0, -1)), HostFailure, "damaged: section table");
  const wild = OBJECT.slice();
  const view = new DataView(wild.buffer);
  view.setBigUint64(Number(view.getBigUint64(40, true)) + 64 + 32, 1n << 40n, true);
  assertThrows(() => discardLocals(wild), HostFailure, "damaged: section");
});
