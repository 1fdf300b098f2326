/** The second initramfs, joined to the first: it carries `--run` and `--copy`. */
import { cpio, type CpioEntry } from "./cpio.ts";
import { COMMAND_FILE } from "./init_script.ts";
import { INITRAMFS_FOLDERS } from "./initramfs.ts";

/** What one run adds to the guest. */
export interface Extra {
  /** A shell command; when it ends, so does the machine. Absent: an interactive shell. */
  readonly run?: string;
  readonly copy: readonly CopiedFile[];
}

export interface CopiedFile {
  /** In the guest, from its root; folders on the way are made. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * The archive for these files: sorted, without times, so that the same files give the same bytes,
 * and of a length that is a multiple of 4, so that it may follow or precede another.
 * Throws RangeError for a path that is empty, climbs with `..`, is given twice or is a folder.
 */
export function extraInitramfs(extra: Extra): Uint8Array<ArrayBuffer> {
  const files = new Map<string, CpioEntry>();
  for (const { path, bytes, mode } of extra.copy) {
    const clean = cleanPath(path);
    if (files.has(clean)) throw new RangeError(`Cannot copy two files to "/${clean}"`);
    files.set(clean, { path: clean, type: "file", mode: mode & 0o7777, bytes });
  }
  if (extra.run !== undefined) {
    const bytes = new TextEncoder().encode(extra.run);
    files.set(COMMAND_FILE, { path: COMMAND_FILE, type: "file", mode: 0o644, bytes });
  }
  const folders = new Set([...files.keys()].flatMap(parents));
  for (const path of files.keys()) {
    if (folders.has(path) || INITRAMFS_FOLDERS.has(path)) {
      throw new RangeError(`Cannot copy a file to "/${path}": it is a folder of the guest`);
    }
  }
  // An entry for a folder that exists would replace it where it is a link, as /bin is.
  const missing = [...folders].filter((path) => !INITRAMFS_FOLDERS.has(path)).sort();
  return cpio([
    ...missing.map((path): CpioEntry => ({ path, type: "directory", mode: 0o755 })),
    ...[...files.keys()].sort().map((path) => files.get(path)!),
  ]);
}

function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || path.endsWith("/") || path.includes("\0")) {
    throw new RangeError(
      `Cannot copy to ${JSON.stringify(path)}: give a file's path from the guest's root`,
    );
  }
  return parts.join("/");
}

/** `a/b/c` gives `a` and `a/b`. */
function parents(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}
