/** Taking the kernel image and the drivers out of Debian's `linux-image` package. */
import { HostFailure } from "../failure.ts";
import {
  builtinAliases,
  builtinModules,
  canonical,
  loadOrder,
  type ModuleInfo,
  moduleInfo,
  withoutSignature,
} from "../modinfo.ts";
import { discardLocals } from "../strip.ts";
import type { TarEntry } from "../tar.ts";
import { debEntries, decompress } from "./deb.ts";
import { DRIVERS } from "./guest.ts";

const MODULE = /\/([^/]+)\.ko(\.xz|\.zst|\.gz)?$/;
/** Soft dependencies name algorithms (`crypto-crc32c`); the modules that bear such aliases lie here. */
const CRYPTO_FOLDER = /\/kernel\/(arch\/riscv\/)?crypto\//;

export interface KernelParts {
  /** The flat `Image` that Debian calls `vmlinux`. */
  readonly image: Uint8Array<ArrayBuffer>;
  /** Uncompressed, in the order in which they must be loaded. */
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** Unpacks a `linux-image` package; throws {@link HostFailure} if something is missing in it. */
export async function unpackKernel(deb: Uint8Array<ArrayBuffer>): Promise<KernelParts> {
  let image: Uint8Array<ArrayBuffer> | undefined;
  const builtin = new Set<string>();
  const packed = new Map<string, TarEntry>();
  const wanted = (path: string) =>
    path.startsWith("boot/vmlinux-") || /\/modules\.builtin(\.modinfo)?$/.test(path) ||
    MODULE.test(path);
  for await (const entry of debEntries(deb, wanted)) {
    const module = MODULE.exec(entry.path)?.[1];
    if (entry.path.startsWith("boot/")) image = entry.bytes;
    else if (module !== undefined) packed.set(canonical(module), entry);
    else {
      const text = new TextDecoder().decode(entry.bytes);
      const names = entry.path.endsWith(".modinfo") ? builtinAliases(text) : builtinModules(text);
      for (const name of names) builtin.add(name);
    }
  }
  if (image === undefined) throw new HostFailure("the kernel package has no boot/vmlinux");

  const unpacked = new Map<string, { info: ModuleInfo; bytes: Uint8Array }>();
  const unpack = async (name: string) => {
    const entry = packed.get(name);
    if (entry === undefined || unpacked.has(name)) return;
    const bytes = discardLocals(withoutSignature(await decompress(entry.path, entry.bytes)));
    const info = { ...moduleInfo(bytes), name };
    unpacked.set(name, { info, bytes });
    for (const need of [...info.depends, ...info.softBefore, ...info.softAfter]) await unpack(need);
  };
  for (const driver of DRIVERS) await unpack(driver);
  for (const [name, { path }] of packed) if (CRYPTO_FOLDER.test(path)) await unpack(name);
  const byAlias = new Map<string, ModuleInfo>();
  for (const { info } of unpacked.values()) {
    for (const alias of info.aliases) if (!byAlias.has(alias)) byAlias.set(alias, info);
  }
  const order = loadOrder(
    DRIVERS,
    (name) => unpacked.get(name)?.info ?? byAlias.get(name),
    builtin,
  );
  return { image, modules: order.map((name) => ({ name, bytes: unpacked.get(name)!.bytes })) };
}
