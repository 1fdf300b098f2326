/** The names in an ELF file's `.symtab`. Source: System V ABI (gABI) chapter 4, "Symbol Table". */
import { type Symbol, SymbolTable } from "./symbols.ts";

const SHT_SYMTAB = 2;
const EHDR_BYTES = 64;
const SHDR_BYTES = 64;
const SYM_BYTES = 24;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
const STT = { notype: 0, object: 1, func: 2 } as const;
const STB_LOCAL = 0;
const NAME_BYTES_MAX = 512;

/**
 * Functions, objects and labels of a 64-bit little-endian ELF file.
 *
 * @returns an empty table if the file is no such file, is damaged, or is stripped
 */
export function elfSymbols(bytes: Uint8Array): SymbolTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isElf64 = bytes.length >= EHDR_BYTES && view.getUint32(0) === 0x7f454c46 &&
    bytes[4] === 2 && bytes[5] === 1;
  if (!isElf64) return new SymbolTable([]);
  const table = Number(view.getBigUint64(40, true)); // e_shoff
  const count = view.getUint16(60, true); // e_shnum
  if (view.getUint16(58, true) !== SHDR_BYTES || table + count * SHDR_BYTES > bytes.length) {
    return new SymbolTable([]);
  }
  const section = (index: number) => {
    const header = table + index * SHDR_BYTES;
    const offset = Number(view.getBigUint64(header + 24, true));
    const sizeBytes = Number(view.getBigUint64(header + 32, true));
    const inside = index < count && offset + sizeBytes <= bytes.length;
    return inside
      ? {
        type: view.getUint32(header + 4, true),
        link: view.getUint32(header + 40, true),
        bytes: bytes.subarray(offset, offset + sizeBytes),
      }
      : undefined;
  };
  const symbols: Symbol[] = [];
  for (let index = 0; index < count; index++) {
    const symtab = section(index);
    if (symtab?.type !== SHT_SYMTAB || symtab.link >= count) continue;
    const strings = section(symtab.link);
    if (strings !== undefined) symbols.push(...readSymbols(symtab.bytes, strings.bytes));
  }
  return new SymbolTable(symbols);
}

/** The named, defined symbols of a symbol table, those that tell most first. */
export function readSymbols(symtab: Uint8Array, strings: Uint8Array): Symbol[] {
  const view = new DataView(symtab.buffer, symtab.byteOffset, symtab.byteLength);
  const found: { symbol: Symbol; rank: number }[] = [];
  for (let at = 0; at + SYM_BYTES <= symtab.length; at += SYM_BYTES) {
    const info = symtab[at + 4];
    const section = view.getUint16(at + 6, true);
    const type = info & 15;
    const isKind = type === STT.notype || type === STT.object || type === STT.func;
    if (!isKind || section === SHN_UNDEF || section === SHN_ABS) continue;
    const name = stringAt(strings, view.getUint32(at, true));
    // Mapping symbols such as $x say which ISA follows, and .L labels are the assembler's own.
    if (name === "" || name.startsWith("$") || name.startsWith(".L")) continue;
    found.push({
      symbol: {
        name,
        address: view.getBigUint64(at + 8, true),
        sizeBytes: view.getBigUint64(at + 16, true),
      },
      rank: (type === STT.notype ? 2 : 0) + (info >> 4 === STB_LOCAL ? 1 : 0),
    });
  }
  return found.sort((a, b) => a.rank - b.rank).map(({ symbol }) => symbol);
}

/** The NUL-terminated string at an offset; empty if it is outside or has no end. */
export function stringAt(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  if (offset >= bytes.length || end < 0 || end - offset > NAME_BYTES_MAX) return "";
  return String.fromCharCode(...bytes.subarray(offset, end));
}
