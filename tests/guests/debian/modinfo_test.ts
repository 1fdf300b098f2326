import { assertEquals, assertThrows } from "@std/assert";
import { HostFailure } from "../../../guests/debian/failure.ts";
import { concatenate } from "../../../guests/debian/cpio.ts";
import {
  builtinAliases,
  builtinModules,
  loadOrder,
  moduleInfo,
  withoutSignature,
} from "../../../guests/debian/modinfo.ts";
import { bytesOf, kernelModule } from "./build.ts";

/** Modules by name, described by the strings of their `.modinfo`. */
function finder(modules: Record<string, string[]>) {
  const all = Object.entries(modules).map(([name, lines]) =>
    moduleInfo(kernelModule([`name=${name}`, ...lines]))
  );
  return (name: string) =>
    all.find((one) => one.name === name) ?? all.find((one) => one.aliases.includes(name));
}

Deno.test("moduleInfo reads names, needs, soft needs and aliases from an ELF object", () => {
  const info = moduleInfo(kernelModule([
    "license=GPL",
    "softdep=pre: crypto-crc32c  other post: last-one",
    "alias=fs-ext4",
    "alias=ext3",
    "depends=jbd2,mb-cache",
    "name=ext4",
  ]));
  assertEquals(info, {
    name: "ext4",
    depends: ["jbd2", "mb_cache"],
    softBefore: ["crypto_crc32c", "other"],
    softAfter: ["last_one"],
    aliases: ["fs_ext4", "ext3"],
  });
  assertEquals(moduleInfo(kernelModule(["depends="])).depends, []);
});

Deno.test("moduleInfo refuses what is no ELF object, or a damaged one", () => {
  assertThrows(() => moduleInfo(bytesOf("#!/bin/sh\n")), HostFailure, "not a kernel module");
  const cut = kernelModule(["name=a"]).slice(0, -64);
  assertThrows(() => moduleInfo(cut), HostFailure, "not a kernel module");
  const wild = kernelModule(["name=a"]);
  new DataView(wild.buffer).setUint16(62, 9, true); // e_shstrndx beyond the table
  assertThrows(() => moduleInfo(wild), HostFailure, "not a kernel module");
});

Deno.test("loadOrder puts needs first, soft ones too, found by alias, and leaves out the built-in", () => {
  const find = finder({
    ext4: ["depends=jbd2,mbcache,crc16", "softdep=pre: crypto-crc32c"],
    jbd2: ["depends=", "softdep=pre: crypto-crc32c"],
    mbcache: [],
    crc32c_generic: ["alias=crypto-crc32c"],
    virtio_net: ["depends=net_failover,virtio"],
    net_failover: ["depends=failover"],
    failover: [],
    pair: ["softdep=post: follower"],
    follower: ["depends=pair"],
  });
  const builtin = new Set(["virtio", "crc16", "virtio_console"]);
  assertEquals(loadOrder(["virtio-net", "ext4", "virtio_console", "pair"], find, builtin), [
    "failover",
    "net_failover",
    "virtio_net",
    "crc32c_generic",
    "jbd2",
    "mbcache",
    "ext4",
    "pair",
    "follower",
  ]);
});

Deno.test("loadOrder passes over a soft need that does not exist, and refuses a hard one", () => {
  const find = finder({ a: ["softdep=pre: nowhere"], b: ["depends=nowhere"] });
  assertEquals(loadOrder(["a"], find, new Set()), ["a"]);
  assertThrows(
    () => loadOrder(["b"], find, new Set()),
    HostFailure,
    'no module "nowhere", needed by "b"',
  );
});

Deno.test("loadOrder refuses modules that need each other in a circle", () => {
  const hard = finder({ a: ["depends=b"], b: ["depends=c"], c: ["depends=b"] });
  assertThrows(() => loadOrder(["a"], hard, new Set()), HostFailure, "b > c > b");
  const soft = finder({ a: ["softdep=pre: b"], b: ["depends=a"] });
  assertThrows(() => loadOrder(["a"], soft, new Set()), HostFailure, "a > b > a");
});

Deno.test("builtinModules and builtinAliases read the kernel's lists", () => {
  const list = "kernel/drivers/virtio/virtio.ko\nkernel/drivers/char/hw_random/rng-core.ko\n";
  assertEquals([...builtinModules(list)], ["virtio", "rng_core"]);
  const modinfo = "aes.alias=crypto-aes\0aes.license=GPL\0virtio.alias=a.b=c\0";
  assertEquals([...builtinAliases(modinfo)], ["crypto_aes", "a.b=c"]);
});

Deno.test("withoutSignature cuts off what the build appended, and nothing else", () => {
  const module = kernelModule(["name=a"]);
  const information = new Uint8Array(12);
  new DataView(information.buffer).setUint32(8, 5);
  const magic = bytesOf("~Module signature appended~\n");
  const signed = concatenate([module, bytesOf("PKCS7"), information, magic]);
  assertEquals(withoutSignature(signed), module);
  assertEquals(withoutSignature(module), module);
});
