import { assertEquals } from "@std/assert";
import { cpio } from "../../../guests/debian/cpio.ts";
import { bytesOf } from "./build.ts";

Deno.test("cpio writes newc entries on four-byte boundaries, and a trailer", () => {
  const archive = cpio([
    { path: "d", type: "directory", mode: 0o755 },
    { path: "d/file", type: "file", mode: 0o644, bytes: bytesOf("12345") },
    { path: "link", type: "symlink", target: "d/file" },
    { path: "console", type: "device", mode: 0o600, major: 5, minor: 1 },
  ]);
  // Written out by hand from the table in Linux's buffer-format.rst.
  const expected = [
    "07070100000001000041ed000000000000000000000002000000000000000000000000000000000000000000000000",
    "0000000200000000d\0",
    "07070100000002000081a4000000000000000000000001000000000000000500000000000000000000000000000000",
    "0000000700000000d/file\0\0\0\x0012345\0\0\0",
    "070701000000030000a1ff000000000000000000000001000000000000000600000000000000000000000000000000",
    "0000000500000000link\0\0d/file\0\0",
    "07070100000004000021800000000000000000000000010000000000000000000000000000000000000005",
    "000000010000000800000000console\0\0\0",
    "07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000",
    "000000b00000000TRAILER!!!\0\0\0\0",
  ].join("");
  assertEquals(new TextDecoder().decode(archive), expected);
  assertEquals(archive.length % 4, 0);
});
