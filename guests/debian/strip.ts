/**
 * Dropping the compiler's labels from a kernel module. Those of RISC-V hold one for every address
 * that the linker might have moved: of ext4's 215,113 symbols most are such, five of its seven
 * megabytes, and the guest would copy and walk them at every boot. The names of functions stay.
 * As `strip --discard-locals` does. Source: ELF-64 Object File Format, version 1.5; RISC-V ABIs
 * Specification, 1.0, "Linker Relaxation".
 */
import { HostFailure } from "./failure.ts";

const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
const SHT_GROUP = 17;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const RELA_BYTES = 24;

interface Section {
  /** Where its header lies. */
  readonly header: number;
  readonly type: number;
  readonly link: number;
  info: number;
  readonly alignment: number;
  readonly offset: number;
  bytes: Uint8Array;
}

/** The object without local symbols that begin with `.L` and that no relocation names. */
export function discardLocals(elf: Uint8Array): Uint8Array {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = sectionsOf(elf, view);
  const symtabIndex = sections.findIndex(({ type }) => type === SHT_SYMTAB);
  if (symtabIndex < 0) return elf;
  const symtab = sections[symtabIndex];
  const strtab = sections[symtab.link];
  const users = sections.filter(({ link }) => link === symtabIndex);
  const relocations = users.filter(({ type }) => type === SHT_RELA);

  const referenced = new Set<number>();
  for (const { bytes } of relocations) {
    for (let at = 0; at < bytes.length; at += RELA_BYTES) referenced.add(u32(bytes, at + 12));
  }
  for (const { type, info } of users) if (type === SHT_GROUP) referenced.add(info);

  const renumbered = keepSymbols(symtab, strtab, referenced);
  for (const section of relocations) {
    section.bytes = section.bytes.slice();
    for (let at = 0; at < section.bytes.length; at += RELA_BYTES) {
      // r_info: the symbol is its upper half
      setU32(section.bytes, at + 12, renumbered.get(u32(section.bytes, at + 12))!);
    }
  }
  for (const section of users) {
    if (section.type === SHT_GROUP) section.info = renumbered.get(section.info)!;
  }
  return layOut(elf, sections);
}

/** Shortens the symbol table; returns each kept symbol's new index by its old one. */
function keepSymbols(
  symtab: Section,
  strtab: Section,
  referenced: ReadonlySet<number>,
): Map<number, number> {
  const renumbered = new Map<number, number>();
  const symbols: Uint8Array[] = [];
  let locals = 0;
  for (let i = 0; i * SYMBOL_BYTES < symtab.bytes.length; i++) {
    const symbol = symtab.bytes.subarray(i * SYMBOL_BYTES, (i + 1) * SYMBOL_BYTES);
    const name = u32(symbol, 0);
    const isLabel = strtab.bytes[name] === 0x2e && strtab.bytes[name + 1] === 0x4c; // ".L"
    const isLocal = i < symtab.info; // sh_info: locals come first
    if (isLocal && isLabel && !referenced.has(i)) continue;
    if (isLocal) locals++;
    renumbered.set(i, symbols.length);
    symbols.push(symbol.slice());
  }
  symtab.info = locals;
  const texts = new Map<string, number>();
  const names: number[] = [0];
  for (const symbol of symbols) {
    const start = u32(symbol, 0);
    const bytes = strtab.bytes.subarray(start, strtab.bytes.indexOf(0, start) + 1);
    const text = String.fromCharCode(...bytes);
    if (bytes.length > 1 && !texts.has(text)) {
      texts.set(text, names.length);
      names.push(...bytes);
    }
    setU32(symbol, 0, texts.get(text) ?? 0);
  }
  strtab.bytes = Uint8Array.from(names);
  const bytes = new Uint8Array(symbols.length * SYMBOL_BYTES);
  symbols.forEach((symbol, i) => bytes.set(symbol, i * SYMBOL_BYTES));
  symtab.bytes = bytes;
  return renumbered;
}

function sectionsOf(elf: Uint8Array, view: DataView): Section[] {
  const tableOffset = Number(view.getBigUint64(40, true)); // e_shoff
  const count = view.getUint16(60, true); // e_shnum
  if (tableOffset + count * SECTION_BYTES > elf.length) {
    throw new HostFailure("kernel module is damaged: section table");
  }
  return Array.from({ length: count }, (_, i) => {
    const header = tableOffset + i * SECTION_BYTES;
    const type = view.getUint32(header + 4, true);
    const offset = Number(view.getBigUint64(header + 24, true));
    const sizeBytes = type === SHT_NOBITS ? 0 : Number(view.getBigUint64(header + 32, true));
    if (offset + sizeBytes > elf.length) throw new HostFailure("kernel module is damaged: section");
    return {
      header,
      type,
      link: view.getUint32(header + 40, true),
      info: view.getUint32(header + 44, true),
      alignment: Math.max(1, Number(view.getBigUint64(header + 48, true))),
      offset,
      bytes: elf.subarray(offset, offset + sizeBytes),
    };
  });
}

/** Writes header, sections in the order in which they lay, and the section table. */
function layOut(elf: Uint8Array, sections: readonly Section[]): Uint8Array {
  const inPlace = [...sections.keys()].filter((i) => i > 0).sort((a, b) =>
    sections[a].offset - sections[b].offset || a - b
  );
  const headers = sections.map(({ header }) => elf.slice(header, header + SECTION_BYTES));
  let end = 64;
  const offsets = new Map<number, number>();
  for (const i of inPlace) {
    const { alignment, bytes, info, type } = sections[i];
    end = Math.ceil(end / alignment) * alignment;
    offsets.set(i, end);
    const fields = new DataView(headers[i].buffer);
    fields.setBigUint64(24, BigInt(end), true);
    if (type !== SHT_NOBITS) fields.setBigUint64(32, BigInt(bytes.length), true);
    fields.setUint32(44, info, true);
    end += bytes.length;
  }
  const tableOffset = Math.ceil(end / 8) * 8;
  const out = new Uint8Array(tableOffset + headers.length * SECTION_BYTES);
  out.set(elf.subarray(0, 64));
  new DataView(out.buffer).setBigUint64(40, BigInt(tableOffset), true);
  for (const [i, offset] of offsets) out.set(sections[i].bytes, offset);
  headers.forEach((header, i) => out.set(header, tableOffset + i * SECTION_BYTES));
  return out;
}

function u32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] | bytes[offset + 1] << 8 | bytes[offset + 2] << 16 |
    bytes[offset + 3] << 24) >>> 0;
}

function setU32(bytes: Uint8Array, offset: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[offset + i] = value >>> 8 * i;
}
