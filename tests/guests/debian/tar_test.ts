import { assertEquals, assertRejects } from "@std/assert";
import { HostFailure } from "../../../guests/debian/failure.ts";
import { tarEntries, type TarEntry } from "../../../guests/debian/tar.ts";
import { bytesOf, streamOf, tar, tarMember } from "./build.ts";

const LONG = `${"long/".repeat(40)}name`;

function read(archive: Uint8Array, wanted = (_: string) => true): Promise<TarEntry[]> {
  return Array.fromAsync(tarEntries(streamOf(archive), wanted));
}

Deno.test("tarEntries reads files, folders and links, and cleans their paths", async () => {
  const entries = await read(tar([
    { name: "./", type: "5", mode: 0o755 },
    { name: "./usr/bin/", type: "5", mode: 0o755 },
    { name: "./usr/bin/a", mode: 0o4755, bytes: bytesOf("x".repeat(700)) },
    { name: "./usr/bin/b", type: "2", target: "../lib/c" },
    { name: "usr/bin/d", type: "1", target: "./usr/bin/a" },
    { name: "dev/null", type: "3" },
    { name: "tail", prefix: "a/prefix", bytes: bytesOf("end") },
  ]));
  assertEquals(
    entries.map(({ path, type, mode, target, bytes }) => [
      path,
      type,
      mode.toString(8),
      target,
      bytes.length,
    ]),
    [
      ["", "directory", "755", "", 0],
      ["usr/bin", "directory", "755", "", 0],
      ["usr/bin/a", "file", "4755", "", 700],
      ["usr/bin/b", "symlink", "644", "../lib/c", 0],
      ["usr/bin/d", "link", "644", "usr/bin/a", 0],
      ["dev/null", "other", "644", "", 0],
      ["a/prefix/tail", "file", "644", "", 3],
    ],
  );
});

Deno.test("tarEntries takes GNU's long names and pax headers, each for one entry", async () => {
  const pax = (key: string, value: string) => {
    const record = ` ${key}=${value}\n`;
    const length = record.length + String(record.length + 3).length;
    return `${length}${record}`;
  };
  const entries = await read(tar([
    { name: "././@LongLink", type: "L", bytes: bytesOf(`./${LONG}\0`) },
    { name: "cut", bytes: bytesOf("1") },
    { name: "././@LongLink", type: "K", bytes: bytesOf(`${LONG}\0`) },
    { name: "link", type: "2", target: "cut" },
    { name: "global", type: "g", bytes: bytesOf(pax("path", "wrong")) },
    { name: "header", type: "x", bytes: bytesOf(pax("mtime", "1.5") + pax("path", LONG)) },
    { name: "cut", bytes: bytesOf("2") },
    { name: "plain", bytes: bytesOf("3") },
  ]));
  assertEquals(entries.map(({ path, target }) => [path, target]), [
    [LONG, ""],
    ["link", LONG],
    [LONG, ""],
    ["plain", ""],
  ]);
});

Deno.test("tarEntries passes over what is not wanted", async () => {
  const archive = tar([
    { name: "a", bytes: bytesOf("a".repeat(5000)) },
    { name: "b", bytes: bytesOf("b") },
  ]);
  const entries = await read(archive, (path) => path === "b");
  assertEquals(entries.map(({ bytes }) => new TextDecoder().decode(bytes)), ["b"]);
});

Deno.test("tarEntries refuses a damaged archive and one cut short", async () => {
  const member = tarMember({ name: "a", bytes: bytesOf("a".repeat(1000)) });
  await assertRejects(() => read(member.slice(0, 900)), HostFailure, "cut short");
  await assertRejects(() => read(member), HostFailure, "cut short");
  member[0] ^= 1;
  await assertRejects(() => read(member), HostFailure, "header sum");
});
