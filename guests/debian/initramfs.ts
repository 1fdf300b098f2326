/** The guest's first initramfs: busybox under all its names, `/init`, and kernel modules. */
import { appletNames } from "./applets.ts";
import { cpio, type CpioEntry } from "./cpio.ts";
import { DISK_FOLDER, INIT_SCRIPT, MODULE_LIST } from "./init_script.ts";

/** Debian's merged /usr, with one folder for all programs: every customary path leads there. */
const LINKS: readonly [path: string, target: string][] = [
  ["bin", "usr/bin"],
  ["lib", "usr/lib"],
  ["sbin", "usr/bin"],
  ["usr/sbin", "bin"],
];

const FOLDERS = [
  "dev",
  "etc",
  DISK_FOLDER,
  "proc",
  "root",
  "run",
  "run/hindsight",
  "sys",
  "tmp",
  "usr",
  "usr/bin",
  "usr/lib",
  "usr/lib/modules",
  "var",
];

/** The folders that exist (some as links) once the initramfs is unpacked. */
export const INITRAMFS_FOLDERS: ReadonlySet<string> = new Set([
  ...FOLDERS,
  ...LINKS.map(([path]) => path),
]);

const ACCOUNTS = {
  "etc/group": "root:x:0:\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
};

/** What goes into the initramfs from the archive. */
export interface InitramfsParts {
  readonly busybox: Uint8Array;
  /** Uncompressed, in the order in which they are to be loaded. */
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** The archive, uncompressed: unpacking costs the guest less than inflating. */
export function initramfs(parts: InitramfsParts): Uint8Array<ArrayBuffer> {
  const modulePath = (name: string) => `usr/lib/modules/${name}.ko`;
  const list = parts.modules.map(({ name }) => `/${modulePath(name)}\n`).join("");
  const entries: CpioEntry[] = [
    ...FOLDERS.map((path): CpioEntry => ({ path, type: "directory", mode: 0o755 })),
    ...LINKS.map(([path, target]): CpioEntry => ({ path, type: "symlink", target })),
    // The kernel opens it for /init before anything is mounted.
    { path: "dev/console", type: "device", mode: 0o600, major: 5, minor: 1 },
    ...Object.entries(ACCOUNTS).map(([path, text]) => file(path, 0o644, text)),
    file("init", 0o755, INIT_SCRIPT),
    { path: "usr/bin/busybox", type: "file", mode: 0o755, bytes: parts.busybox },
    ...appletNames(parts.busybox).filter((name) => name !== "busybox").map((name): CpioEntry => ({
      path: `usr/bin/${name}`,
      type: "symlink",
      target: "busybox",
    })),
    ...parts.modules.map(({ name, bytes }): CpioEntry => ({
      path: modulePath(name),
      type: "file",
      mode: 0o644,
      bytes,
    })),
    file(MODULE_LIST, 0o644, list),
  ];
  return cpio(entries);
}

function file(path: string, mode: number, text: string): CpioEntry {
  return { path, type: "file", mode, bytes: new TextEncoder().encode(text) };
}
