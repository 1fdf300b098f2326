import { assertEquals, assertThrows } from "@std/assert";
import { arMembers } from "../../../guests/debian/ar.ts";
import { HostFailure } from "../../../guests/debian/failure.ts";
import { ar, bytesOf } from "./build.ts";

Deno.test("arMembers reads members of odd and even sizes, and GNU's trailing slash", () => {
  const members = arMembers(ar([
    ["debian-binary", bytesOf("2.0\n")],
    ["odd/", bytesOf("abc")],
    ["empty", bytesOf("")],
  ]));
  assertEquals(members.map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)]), [
    ["debian-binary", "2.0\n"],
    ["odd", "abc"],
    ["empty", ""],
  ]);
});

Deno.test("arMembers refuses what is no archive, is cut short, or has a broken header", () => {
  const whole = ar([["a", bytesOf("abcd")], ["b", bytesOf("efgh")]]);
  assertThrows(() => arMembers(bytesOf("hello, world")), HostFailure, "not an ar archive");
  assertThrows(() => arMembers(whole.slice(0, -1)), HostFailure, "cut short");
  assertThrows(() => arMembers(whole.slice(0, -20)), HostFailure, "no member header");
  const damaged = whole.slice();
  damaged[8 + 48] = "x".charCodeAt(0);
  assertThrows(() => arMembers(damaged), HostFailure, "cut short");
});
