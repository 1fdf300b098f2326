/**
 * Writing a cpio archive of the "newc" format, which Linux takes as its initramfs.
 * Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const TRAILER = "TRAILER!!!";

/** One entry. `path` is relative to the root, without a leading slash. */
export type CpioEntry =
  & { readonly path: string }
  & (
    | { readonly type: "directory"; readonly mode: number }
    | { readonly type: "file"; readonly mode: number; readonly bytes: Uint8Array }
    | { readonly type: "symlink"; readonly target: string }
    | {
      readonly type: "device";
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
  );

/**
 * The archive that holds the entries in their order: the same entries give the same bytes. Owner
 * and times are 0, inode numbers count from 1. Its length is a multiple of 4, so that archives can
 * be joined end to end.
 */
export function cpio(entries: readonly CpioEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    const bytes = contentOf(entry);
    parts.push(header(entry, index + 1, bytes.length), bytes, zeros(bytes.length));
  });
  parts.push(header(undefined, 0, 0));
  return concatenate(parts);
}

/** Joins cpio archives into one initramfs: the kernel unpacks them in their order. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.type === "file") return entry.bytes;
  if (entry.type === "symlink") return new TextEncoder().encode(entry.target);
  return new Uint8Array(0);
}

function header(entry: CpioEntry | undefined, inode: number, sizeBytes: number): Uint8Array {
  const name = new TextEncoder().encode(`${entry?.path ?? TRAILER}\0`);
  const device = entry?.type === "device" ? entry : { major: 0, minor: 0 };
  const fields = [
    inode,
    entry ? modeOf(entry) : 0,
    0, // uid
    0, // gid
    entry?.type === "directory" ? 2 : 1, // nlink: a file with more would be looked up as a hard link
    0, // mtime
    sizeBytes,
    0, // device
    0,
    device.major,
    device.minor,
    name.length,
    0, // check: unused by 070701
  ];
  const text = "070701" + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const head = concatenate([new TextEncoder().encode(text), name]);
  return concatenate([head, zeros(head.length)]);
}

function modeOf(entry: CpioEntry): number {
  switch (entry.type) {
    case "directory":
      return S_IFDIR | entry.mode;
    case "file":
      return S_IFREG | entry.mode;
    case "symlink":
      return S_IFLNK | 0o777;
    case "device":
      return S_IFCHR | entry.mode;
  }
}

/** What fills up to the next multiple of 4. */
function zeros(sizeBytes: number): Uint8Array {
  return new Uint8Array(-sizeBytes & 3);
}
