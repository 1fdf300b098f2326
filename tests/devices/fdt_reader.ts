/** Reads a flattened device tree back, for tests. Source: Devicetree Specification v0.4, section 5. */

/** A node as it was read; property values are raw bytes. */
export interface ReadNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array>;
  readonly children: ReadNode[];
}

/** @throws Error if the blob is not a device tree of version 17 */
export function readFdt(blob: Uint8Array): ReadNode {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const header = Array.from({ length: 10 }, (_, field) => view.getUint32(4 * field));
  const [magic, totalSize, offsetStructure, offsetStrings, , version] = header;
  if (magic !== 0xd00dfeed || version !== 17 || totalSize > blob.length) {
    throw new Error(`not a device tree: ${header.map((field) => field.toString(16))}`);
  }
  let position = offsetStructure;
  const u32 = () => view.getUint32((position += 4) - 4);
  const text = (offset: number) => {
    const end = blob.indexOf(0, offset);
    return new TextDecoder().decode(blob.subarray(offset, end));
  };
  const align = () => position = (position + 3) & ~3;

  function node(): ReadNode {
    const name = text(position);
    position += new TextEncoder().encode(name).length + 1;
    align();
    const result: ReadNode = { name, properties: new Map(), children: [] };
    for (;;) {
      const token = u32();
      if (token === 1) result.children.push(node());
      else if (token === 2) return result;
      else if (token === 3) {
        const length = u32();
        const property = text(offsetStrings + u32());
        result.properties.set(property, blob.slice(position, position + length));
        position += length;
        align();
      } else if (token !== 4) throw new Error(`token ${token} at ${position - 4}`);
    }
  }

  if (u32() !== 1) throw new Error("no root node");
  const root = node();
  if (u32() !== 9) throw new Error("no FDT_END");
  return root;
}

/** Every node by its path, the root's being "". */
export function nodesByPath(root: ReadNode, path = ""): Map<string, ReadNode> {
  const nodes = new Map([[path, root]]);
  for (const child of root.children) {
    for (const entry of nodesByPath(child, `${path}/${child.name}`)) nodes.set(...entry);
  }
  return nodes;
}

/** A property as 32-bit cells. */
export function cells(node: ReadNode, property: string): number[] {
  const bytes = node.properties.get(property);
  if (bytes === undefined) throw new Error(`no ${property} in ${node.name}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index));
}

/** A property as texts. */
export function texts(node: ReadNode, property: string): string[] {
  const bytes = node.properties.get(property);
  if (bytes === undefined) throw new Error(`no ${property} in ${node.name}`);
  return new TextDecoder().decode(bytes).split("\0").slice(0, -1);
}
