import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  cacheFolder,
  contentOf,
  hostFailure,
  isIntact,
  writeAtomically,
} from "../../../../guests/debian/deno/cache.ts";
import { HostFailure } from "../../../../guests/debian/failure.ts";
import { bytesOf } from "../build.ts";

/** Sets variables for the body, `undefined` unsets. */
function withEnvironment(values: Record<string, string | undefined>, body: () => void): void {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const [name, value] of Object.entries(values)) set(name, value);
    body();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

Deno.test("cacheFolder prefers HINDSIGHT_CACHE, then the user's cache folder", () => {
  withEnvironment({ HINDSIGHT_CACHE: "/there", XDG_CACHE_HOME: "/xdg" }, () => {
    assertEquals(cacheFolder(), "/there");
  });
  if (Deno.build.os !== "linux") return;
  withEnvironment({ HINDSIGHT_CACHE: "", XDG_CACHE_HOME: "/xdg", HOME: "/home/u" }, () => {
    assertEquals(cacheFolder(), "/xdg/hindsight/debian");
  });
  // A relative one is to be ignored (XDG Base Directory Specification).
  withEnvironment({ HINDSIGHT_CACHE: undefined, XDG_CACHE_HOME: "rel", HOME: "/home/u" }, () => {
    assertEquals(cacheFolder(), "/home/u/.cache/hindsight/debian");
  });
});

Deno.test("writeAtomically keeps the old file when it cannot write the new one", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/file`;
  const content = await writeAtomically(path, bytesOf("old"));
  assertEquals(await contentOf(path), content);
  assert(await isIntact(path, content));
  // The temporary file's name is taken by a folder: opening it fails.
  await Deno.mkdir(`${path}.${Deno.pid}.new/x`, { recursive: true });
  await assertRejects(() => writeAtomically(path, bytesOf("new")), HostFailure, "cannot write");
  assert(await isIntact(path, content));
  assertEquals(await contentOf(`${folder}/none`), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("hostFailure makes one line of an error and leaves its own alone", () => {
  const own = new HostFailure("mine");
  assertEquals(hostFailure(own, "x"), own);
  const reasons: [string, string][] = [["EACCES", "permission denied"], ["EROFS", "read-only"]];
  for (const [code, reason] of reasons) {
    const { message, exitCode } = hostFailure(Object.assign(new Error("?"), { code }), "cannot do");
    assert(message.startsWith("cannot do: ") && message.includes(reason), message);
    assertEquals(exitCode, 4);
  }
  assertEquals(hostFailure(new Error("two\n  lines"), "cannot do").message, "cannot do: two lines");
});
