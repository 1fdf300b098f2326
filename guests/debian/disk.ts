/**
 * The guest's root disk: an ext4 file system with a journal, made inside the guest by Debian's own
 * e2fsprogs. Source: mke2fs(8); Linux, Documentation/filesystems/ext4/super.rst.
 */
import { HostFailure } from "./failure.ts";
import type { CopiedFile } from "./extra.ts";
import type { TarEntry } from "./tar.ts";

export const DISK_BYTES = 64 << 20;

const SUPERBLOCK = 1024;
const MAGIC = 0xef53;
const HAS_JOURNAL = 0x4;

/** Programs, their settings, and the libraries of the packages that they come with. */
const TOOLS =
  /^(usr\/sbin\/(mke2fs|e2fsck)|etc\/mke2fs\.conf|usr\/lib\/([^/]+\/)?[^/]+\.so[.\d]*)$/;

/** In one `-E`: of several, mke2fs takes the last. */
const EXTENDED_OPTIONS = [
  "hash_seed=68696e64-7369-4768-8074-2068617368a6",
  "lazy_itable_init=0",
  "lazy_journal_init=0",
  "root_owner=0:0",
  "nodiscard",
];

/**
 * Makes the file system and checks it. Everything that mke2fs would take from the clock or from
 * chance is given, nothing is left to be initialised later, and the two features that e2fsprogs
 * before 1.47 cannot check are left out, so that older hosts can look at the disk too.
 */
export const DISK_COMMAND = `set -e
export E2FSPROGS_FAKE_TIME=1767225600
/usr/sbin/mke2fs -q -F -t ext4 -b 4096 -m 0 -L hindsight \\
  -U 68696e64-7369-4768-8074-2064656269a6 \\
  -O ^orphan_file,^metadata_csum_seed \\
  -E ${EXTENDED_OPTIONS.join(",")} /dev/vda
/usr/sbin/e2fsck -f -n /dev/vda
`;

/** Whether a file of a package is needed to run {@link DISK_COMMAND}. */
export function isDiskTool(path: string): boolean {
  return TOOLS.test(path);
}

/** The tools as files to copy into the guest; links become copies of what they lead to. */
export function diskTools(entries: readonly TarEntry[]): CopiedFile[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const files: CopiedFile[] = [];
  for (const { path } of entries) {
    let entry = byPath.get(path);
    for (let hops = 0; entry !== undefined && entry.type !== "file" && hops < 8; hops++) {
      entry = byPath.get(linkedPath(entry));
    }
    // A link into a package that is not needed leads nowhere here, and nobody follows it.
    if (entry?.type === "file") files.push({ path, bytes: entry.bytes, mode: entry.mode });
  }
  return files;
}

/**
 * Throws {@link HostFailure} unless the superblock says ext4 with a journal.
 * @param head the disk's first 4 KiB
 */
export function checkDisk(head: Uint8Array): void {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint16(SUPERBLOCK + 0x38, true) !== MAGIC) {
    throw new HostFailure("the guest made no file system on its disk");
  }
  if ((view.getUint32(SUPERBLOCK + 0x5c, true) & HAS_JOURNAL) === 0) {
    throw new HostFailure("the file system on the guest's disk has no journal");
  }
}

function linkedPath({ path, type, target }: TarEntry): string {
  if (type === "link") return target;
  if (target.startsWith("/")) return target.slice(1);
  const parts = path.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
