import { assert, assertEquals, assertThrows } from "@std/assert";
import { appletNames } from "../../../guests/debian/applets.ts";
import { concatenate, cpio } from "../../../guests/debian/cpio.ts";
import { extraInitramfs } from "../../../guests/debian/extra.ts";
import { HostFailure } from "../../../guests/debian/failure.ts";
import { INIT_SCRIPT } from "../../../guests/debian/init_script.ts";
import { initramfs, INITRAMFS_FOLDERS } from "../../../guests/debian/initramfs.ts";
import { APPLETS, busyboxWith, bytesOf } from "./build.ts";

interface Entry {
  readonly mode: string;
  readonly inode: number;
  readonly mtime: number;
  readonly content: string;
}

/** Reads joined newc archives as the kernel does: later entries replace earlier ones. */
function unpack(archive: Uint8Array): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const text = (from: number, to: number) => new TextDecoder().decode(archive.subarray(from, to));
  for (let at = 0; at < archive.length;) {
    assertEquals(text(at, at + 6), "070701", `magic at ${at}`);
    const field = (n: number) => parseInt(text(at + 6 + n * 8, at + 14 + n * 8), 16);
    const [inode, mode, mtime, sizeBytes, nameBytes] = [0, 1, 5, 6, 11].map(field);
    const name = text(at + 110, at + 110 + nameBytes - 1);
    const start = (at + 110 + nameBytes + 3) & ~3;
    at = (start + sizeBytes + 3) & ~3;
    const content = text(start, start + sizeBytes);
    if (name !== "TRAILER!!!") entries.set(name, { mode: mode.toString(8), inode, mtime, content });
  }
  return entries;
}

Deno.test("appletNames finds the table, not a string that looks like its start", () => {
  assertEquals(appletNames(busyboxWith(APPLETS)), APPLETS);
  assertThrows(() => appletNames(busyboxWith(["[", "[["])), HostFailure, "no table of applets");
});

Deno.test("initramfs holds busybox under its names, /init, a console and the modules in order", () => {
  const modules = [{ name: "b", bytes: bytesOf("B") }, { name: "a", bytes: bytesOf("A") }];
  const busybox = busyboxWith(APPLETS);
  const archive = initramfs({ busybox, modules });
  const entries = unpack(archive);
  assertEquals(entries.get("usr/bin/applet07"), {
    mode: "120777",
    inode: entries.get("usr/bin/applet07")!.inode,
    mtime: 0,
    content: "busybox",
  });
  assertEquals(entries.get("bin")!.content, "usr/bin");
  assertEquals(entries.get("dev/console")!.mode, "20600");
  assertEquals(entries.get("init")!.content, INIT_SCRIPT);
  assertEquals(entries.get("init")!.mode, "100755");
  assertEquals(
    entries.get("usr/lib/modules/hindsight.order")!.content,
    "/usr/lib/modules/b.ko\n/usr/lib/modules/a.ko\n",
  );
  assertEquals(initramfs({ busybox, modules }), archive);
  // Every folder must come before what is in it.
  const seen = new Set<string>();
  for (const path of entries.keys()) {
    const parent = path.split("/").slice(0, -1).join("/");
    assert(parent === "" || seen.has(parent), `${path} before ${parent}`);
    seen.add(path);
  }
});

Deno.test("extraInitramfs carries the command and files, the same bytes in whatever order", () => {
  const a = { path: "/opt/tool/a", bytes: bytesOf("A"), mode: 0o100755 };
  const b = { path: "bin/b", bytes: bytesOf("BB"), mode: 0o600 };
  const archive = extraInitramfs({ run: "echo ü", copy: [a, b] });
  const entries = unpack(archive);
  assertEquals([...entries].map(([path, { mode, content }]) => [path, mode, content]), [
    ["opt", "40755", ""],
    ["opt/tool", "40755", ""],
    ["bin/b", "100600", "BB"],
    ["opt/tool/a", "100755", "A"],
    ["run/hindsight/command", "100644", "echo ü"],
  ]);
  assertEquals(extraInitramfs({ run: "echo ü", copy: [b, a] }), archive);
  assertEquals(unpack(extraInitramfs({ copy: [] })).size, 0);
});

Deno.test("extraInitramfs never replaces a folder or link of the first archive", () => {
  for (const folder of INITRAMFS_FOLDERS) {
    const archive = extraInitramfs({
      copy: [{ path: `${folder}/x`, bytes: bytesOf(""), mode: 0 }],
    });
    assertEquals([...unpack(archive).keys()], [`${folder}/x`]);
    const copy = [{ path: `/${folder}`, bytes: bytesOf(""), mode: 0 }];
    assertThrows(() => extraInitramfs({ copy }), RangeError, "is a folder of the guest");
  }
});

Deno.test("extraInitramfs refuses paths that are not files in the guest", () => {
  for (const path of ["", "/", "a/../b", "..", "a/", "a\0b"]) {
    const copy = [{ path, bytes: bytesOf(""), mode: 0 }];
    assertThrows(() => extraInitramfs({ copy }), RangeError, "Cannot copy to");
  }
  const file = (path: string) => ({ path, bytes: bytesOf(""), mode: 0 });
  assertThrows(
    () => extraInitramfs({ copy: [file("/a"), file("//./a")] }),
    RangeError,
    'two files to "/a"',
  );
  assertThrows(() => extraInitramfs({ copy: [file("/a"), file("/a/b")] }), RangeError, "folder");
});

Deno.test("extraInitramfs may follow any archive: all lengths are multiples of four", () => {
  for (let length = 0; length < 5; length++) {
    const bytes = new Uint8Array(length);
    const first = cpio([{ path: "x".repeat(length + 1), type: "file", mode: 0o644, bytes }]);
    const second = extraInitramfs({ run: "x".repeat(length), copy: [] });
    assertEquals([first.length % 4, second.length % 4], [0, 0]);
    assertEquals(unpack(concatenate([first, second])).size, 2);
  }
});
