import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { debEntries, decompress } from "../../../../guests/debian/deno/deb.ts";
import { HostFailure } from "../../../../guests/debian/failure.ts";
import { ar, bytesOf, tar } from "../build.ts";

// `printf 'hello from xz\n' | xz -9`, xz 5.4.1
const HELLO_XZ =
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQANaGVsbG8gZnJvbSB4egoAAABb+Ybd5id65gABJg4IG+AEH7bz" +
  "fQEAAAAABFla";
// A GNU tar of ./usr/bin/x, which holds `hello`; python3.11, tarfile and lzma
const TAR_XZ =
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AF9dABcLyyeJ8u0IBPB48pWz+8CYZXjQrdsi6Hk2Gc4tVbhFNk3i" +
  "UfXJyXyNLUBNnXeU8D8rMDVAah5GuH4dnzAjlz/N8YfWHzN4HM65VGIo7CR19DrH1Vd7YNrWzcekAD0AAACOWE26O2hHgAABe4BQ" +
  "AAAA75Zb2LHEZ/sCAAAAAARZWg==";

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

async function read(suffix: string, data: Uint8Array): Promise<[string, string][]> {
  const deb = ar([["debian-binary", bytesOf("2.0\n")], [`data.tar${suffix}`, data]]);
  const entries = await Array.fromAsync(debEntries(deb, () => true));
  return entries.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]);
}

Deno.test("decompress inflates by the file's name", async () => {
  const hello = async (name: string, bytes: Uint8Array) =>
    new TextDecoder().decode(await decompress(name, new Uint8Array(bytes)));
  assertEquals(await hello("a.ko.xz", fromBase64(HELLO_XZ)), "hello from xz\n");
  assertEquals(await hello("a.ko.zst", zstdCompressSync(bytesOf("hello"))), "hello");
  assertEquals(await hello("a.gz", gzipSync(bytesOf("hello"))), "hello");
  assertEquals(await hello("a.ko", bytesOf("hello")), "hello");
});

Deno.test("debEntries reads packages of all compressions, one after another", async () => {
  const plain = tar([{ name: "./usr/bin/x", bytes: bytesOf("hello") }]);
  const cases: [string, Uint8Array][] = [
    [".xz", fromBase64(TAR_XZ)],
    [".zst", zstdCompressSync(plain)],
    [".gz", gzipSync(plain)],
    ["", plain],
    [".xz", fromBase64(TAR_XZ)],
  ];
  for (const [suffix, data] of cases) {
    assertEquals(await read(suffix, data), [["usr/bin/x", "hello"]]);
  }
});

Deno.test("debEntries refuses a package without data, and damaged data", async () => {
  await assertRejects(
    () => Array.fromAsync(debEntries(ar([["debian-binary", bytesOf("2.0\n")]]), () => true)),
    HostFailure,
    "no data.tar",
  );
  const cut = fromBase64(TAR_XZ).slice(0, 60);
  await assertRejects(() => read(".xz", cut), HostFailure, "data.tar.xz is damaged");
  const damaged = fromBase64(TAR_XZ);
  damaged[40] ^= 0xff;
  await assertRejects(() => read(".xz", damaged), HostFailure, "data.tar.xz is damaged");
  await assertRejects(() => read(".zst", bytesOf("no zstd")), HostFailure, "is damaged");
  await assertRejects(() => read(".gz", bytesOf("no gzip")), HostFailure, "is damaged");
  // The next one is not disturbed.
  assertEquals(await read(".xz", fromBase64(TAR_XZ)), [["usr/bin/x", "hello"]]);
});
