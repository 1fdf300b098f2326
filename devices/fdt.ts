/** The flattened device tree: a tree of nodes to one blob. Source: Devicetree Specification v0.4, section 5. */

/** A property: nothing, text, a list of texts, 32-bit cells, or bytes as they are. */
export type FdtValue = true | string | readonly string[] | readonly number[] | Uint8Array;

/** A node; its `name` carries the unit address, e.g. `serial@10000000`; the root's is empty. */
export interface FdtNode {
  readonly name: string;
  readonly properties: { readonly [name: string]: FdtValue };
  readonly children?: readonly FdtNode[];
}

const FDT_MAGIC = 0xd00dfeed;
const FDT_VERSION = 17;
const FDT_LAST_COMPATIBLE_VERSION = 16;
const FDT_HEADER_BYTES = 40;
const FDT_BEGIN_NODE = 1;
const FDT_END_NODE = 2;
const FDT_PROP = 3;
const FDT_END = 9;

/** A 64-bit quantity as the two cells, high first, of `#address-cells` or `#size-cells` = 2. */
export function cells64(value: number): [number, number] {
  return [Math.floor(value / 0x1_0000_0000), value % 0x1_0000_0000];
}

/**
 * The blob of a tree: header, an empty memory reservation block, structure block, strings block.
 * Everything in it is big-endian.
 *
 * @example
 * ```ts
 * import { flattenDeviceTree } from "./fdt.ts";
 * import { assertEquals } from "@std/assert";
 * const blob = flattenDeviceTree({ name: "", properties: { "#address-cells": [2] } });
 * assertEquals([...blob.slice(0, 4)], [0xd0, 0x0d, 0xfe, 0xed]);
 * ```
 */
export function flattenDeviceTree(root: FdtNode): Uint8Array {
  const structure: number[] = [];
  const strings = new Strings();
  appendNode(root, structure, strings);
  appendU32(structure, FDT_END);

  const reservations = new Array<number>(16).fill(0); // one terminating entry: address 0, size 0
  const offsetStructure = FDT_HEADER_BYTES + reservations.length;
  const offsetStrings = offsetStructure + structure.length;
  const totalSize = offsetStrings + strings.bytes.length;
  const header: number[] = [];
  for (
    const field of [
      FDT_MAGIC,
      totalSize,
      offsetStructure,
      offsetStrings,
      FDT_HEADER_BYTES,
      FDT_VERSION,
      FDT_LAST_COMPATIBLE_VERSION,
      0, // boot_cpuid_phys
      strings.bytes.length,
      structure.length,
    ]
  ) appendU32(header, field);
  return Uint8Array.from([...header, ...reservations, ...structure, ...strings.bytes]);
}

function appendNode(node: FdtNode, out: number[], strings: Strings): void {
  appendU32(out, FDT_BEGIN_NODE);
  out.push(...textBytes(node.name));
  align4(out);
  for (const [name, value] of Object.entries(node.properties)) {
    const bytes = valueBytes(value);
    appendU32(out, FDT_PROP);
    appendU32(out, bytes.length);
    appendU32(out, strings.offsetOf(name));
    out.push(...bytes);
    align4(out);
  }
  for (const child of node.children ?? []) appendNode(child, out, strings);
  appendU32(out, FDT_END_NODE);
}

function valueBytes(value: FdtValue): readonly number[] {
  if (value === true) return [];
  if (typeof value === "string") return textBytes(value);
  if (value instanceof Uint8Array) return [...value];
  const out: number[] = [];
  for (const item of value) {
    if (typeof item === "string") out.push(...textBytes(item));
    else appendU32(out, item);
  }
  return out;
}

/** The strings block: each property name once. */
class Strings {
  readonly bytes: number[] = [];
  readonly #offsets = new Map<string, number>();

  offsetOf(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.bytes.length;
    this.#offsets.set(name, offset);
    this.bytes.push(...textBytes(name));
    return offset;
  }
}

/** UTF-8 with a terminating zero: bootargs may hold any text. */
function textBytes(text: string): number[] {
  const out: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | code >> 6, 0x80 | code & 0x3f);
    else if (code < 0x1_0000) {
      out.push(0xe0 | code >> 12, 0x80 | code >> 6 & 0x3f, 0x80 | code & 0x3f);
    } else {
      out.push(
        0xf0 | code >> 18,
        0x80 | code >> 12 & 0x3f,
        0x80 | code >> 6 & 0x3f,
        0x80 | code & 0x3f,
      );
    }
  }
  out.push(0);
  return out;
}

function appendU32(out: number[], value: number): void {
  out.push(value >>> 24 & 0xff, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff);
}

function align4(out: number[]): void {
  while (out.length % 4 !== 0) out.push(0);
}
