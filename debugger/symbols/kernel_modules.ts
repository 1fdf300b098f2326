/**
 * The symbols of Linux modules, found by the shape of their structures: offsets differ between
 * configurations. Source: Linux, include/linux/module.h (`struct module` begins with its state, its
 * list and its name; `struct mod_kallsyms` is a symbol table, its length, its strings and its types).
 */
import { readSymbols } from "./elf_symbols.ts";
import { SymbolTable } from "./symbols.ts";

/** Virtual memory; `undefined` where nothing is mapped. */
export type ReadVirtual = (address: bigint, sizeBytes: number) => Uint8Array | undefined;

/** One module's names. */
export interface ModuleSymbols {
  /** Of the module. */
  readonly name: string;
  readonly table: SymbolTable;
}

const LIST = 8n;
const NAME = 24;
const NAME_BYTES = 56;
const MODULE_BYTES = 2048;
const SYM_BYTES = 24;
const MODULES_MAX = 512;
const SYMBOLS_MAX = 20_000;
const STRINGS_BYTES_MAX = 1 << 20;
const KERNEL_HALF = 1n << 63n;

/** @param list address of the kernel's `modules`, the head of its list */
export function readModules(read: ReadVirtual, list: bigint): ModuleSymbols[] {
  const modules: ModuleSymbols[] = [];
  let node = pointer(read, list);
  while (node !== undefined && node !== list && modules.length < MODULES_MAX) {
    const module = read(node - LIST, MODULE_BYTES);
    if (module === undefined) break;
    const name = module.subarray(NAME, NAME + NAME_BYTES);
    const text = String.fromCharCode(...name.subarray(0, Math.max(0, name.indexOf(0))));
    if (!/^\w+$/.test(text)) break;
    modules.push({ name: text, table: symbolsOf(read, module) ?? new SymbolTable([]) });
    node = pointer(read, node);
  }
  return modules;
}

// Looks through a module's structure for the one that describes its symbols.
function symbolsOf(read: ReadVirtual, module: Uint8Array): SymbolTable | undefined {
  const view = new DataView(module.buffer, module.byteOffset, module.byteLength);
  for (let at = NAME + NAME_BYTES; at + 32 <= module.length; at += 8) {
    const symtab = view.getBigUint64(at, true);
    const count = view.getBigUint64(at + 8, true) & 0xffff_ffffn;
    const strtab = view.getBigUint64(at + 16, true);
    const types = view.getBigUint64(at + 24, true);
    const isShape = symtab >= KERNEL_HALF && symtab % 8n === 0n && types > strtab &&
      strtab >= symtab && count > 1n && count <= BigInt(SYMBOLS_MAX) &&
      types - strtab <= BigInt(STRINGS_BYTES_MAX);
    if (!isShape) continue;
    const symbols = read(symtab, Number(count) * SYM_BYTES);
    const strings = read(strtab, Number(types - strtab));
    // The first symbol and the first name are empty.
    const isTable = symbols?.subarray(0, SYM_BYTES).every((byte) => byte === 0) &&
      strings?.[0] === 0;
    if (isTable) return new SymbolTable(readSymbols(symbols!, strings!));
  }
  return undefined;
}

function pointer(read: ReadVirtual, address: bigint): bigint | undefined {
  const bytes = read(address, 8);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}
