/** A module of ours agrees with the kernel of the guest on all that it must agree on. */
import { assertEquals, assertThrows } from "@std/assert";
import { cpio } from "../../guests/debian/cpio.ts";
import { sectionOf } from "../../guests/debian/modinfo.ts";
import { fileInCpio } from "../../guests/linux/cpio_file.ts";
import { buildModule } from "../../guests/linux/deno/module.ts";
import { hasPeer } from "../peer.ts";
import { preparedGuest } from "./debian/prepared.ts";

const SOURCE = new URL("../../guests/linux/provoke/provoke.c", import.meta.url);
const THIS_MODULE = ".gnu.linkonce.this_module";

Deno.test("fileInCpio() finds a file among others, and says so if there is none", () => {
  const file = (path: string, text: string) => {
    const bytes = new TextEncoder().encode(text);
    return { path, type: "file", mode: 0o644, bytes } as const;
  };
  const archive = cpio([file("a", "first"), file("b/c", "second, longer"), file("d", "")]);
  assertEquals(new TextDecoder().decode(fileInCpio(archive, "b/c")), "second, longer");
  assertThrows(() => fileInCpio(archive, "c"), RangeError, "has no c");
});

Deno.test("a module is built for the kernel that the guest boots, without its headers", async () => {
  const guest = await preparedGuest();
  const hasCompiler = await hasPeer("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf");
  if (guest === undefined || !hasCompiler) return;
  const initramfs = await Deno.readFile(guest.initrd);
  const theirs = fileInCpio(initramfs, "usr/lib/modules/ext4.ko");
  const ours = await buildModule(SOURCE, initramfs);
  for (const what of [sizeBytes, init, vermagic]) assertEquals(what(ours), what(theirs));
});

function sizeBytes(module: Uint8Array): number {
  return sectionOf(module, THIS_MODULE).length;
}

/** Where the structure's first pointer that the loader sets is. */
function init(module: Uint8Array): bigint {
  const bytes = sectionOf(module, `.rela${THIS_MODULE}`);
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

function vermagic(module: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(sectionOf(module, ".modinfo"));
  return text.split("\0").find((entry) => entry.startsWith("vermagic="));
}
