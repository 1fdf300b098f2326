/** Rules that hold for the whole repository: purity, import directions, docstrings, no dead files, a true README. */
import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { COMMANDS } from "../command/commands.ts";
import { DEBUG_FLAGS } from "../command/debug.ts";
import { GUEST_FLAGS } from "../command/guest.ts";
import { HUNT_FLAGS } from "../command/hunt.ts";
import { EVENTS_FLAGS } from "../command/events.ts";
import { LAB_RUN_FLAGS } from "../command/lab_flags.ts";
import { WHAT_IF_FLAGS } from "../command/what_if.ts";
import { MACHINE_FLAGS } from "../command/machine_config.ts";
import { PACKETS_FLAGS } from "../command/packets.ts";
import { RECORD_FLAGS } from "../command/record.ts";
import { complaints, imports, withoutComments } from "./tidy.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
const FOLDERS = [
  "core",
  "deno",
  "devices",
  "replay",
  "debugger",
  "guests",
  "command",
  "tests",
  "bench",
];

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory && (folder !== "" || FOLDERS.includes(entry.name))) yield* sources(path);
    else if (entry.isFile && path.endsWith(".ts")) yield path;
  }
}

const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

Deno.test("every source file keeps the rules", () => {
  const found = [...sources("")].flatMap((path) =>
    complaints(path, read(path)).map((complaint) => `${path}: ${complaint}`)
  );
  assertEquals(found, []);
});

Deno.test("every rule is broken by what it forbids, and by that alone", () => {
  const doc = "/** A file. */\n";
  const cases: [path: string, code: string, complaint: string | undefined][] = [
    ["core/a.ts", 'import { b } from "./b.ts";', undefined],
    ["core/a.ts", 'import xxhash from "xxhash-wasm";', undefined],
    ["core/a.ts", "// Date and Deno in a comment", undefined],
    ["core/a.ts", 'const text = "Deno and Date";', undefined],
    ["core/a.ts", 'import fs from "node:fs";', "import of node:fs"],
    ["core/a.ts", 'import { z } from "zod";', "import of zod"],
    ["devices/a.ts", 'export { z } from "npm:zod@4";', "import of npm:zod@4"],
    ["core/a.ts", 'const m = await import("zod");', "import of zod"],
    ["core/a.ts", "const now = Date.now();", "Date:"],
    ["core/a.ts", "const x = Math.random();", "Math.random"],
    ["core/a.ts", "const x = globalThis;", "globalThis"],
    ["core/a.ts", 'eval("1");', "eval"],
    ["core/a.ts", 'new Function("1");', "eval"],
    ["core/a.ts", "setTimeout(f, 1);", "host time"],
    ["core/a.ts", "performance.now();", "host time"],
    ["devices/a.ts", "crypto.getRandomValues(x);", "the host"],
    ["devices/a.ts", 'console.log("x");', "console"],
    ["core/a.ts", 'Deno.readFileSync("x");', "Deno:"],
    ["devices/host/a.ts", 'Deno.readFileSync("x");', "Deno:"],
    ["devices/deno/a.ts", 'import fs from "node:fs"; Deno.exit(Date.now());', undefined],
    ["guests/a.ts", "Deno.exit();", "Deno:"],
    ["command/a.ts", "Deno.exit();", undefined],
    ["core/a.ts", 'import { b } from "../devices/b.ts";', "core/ may import core alone"],
    ["devices/a.ts", 'import { b } from "../core/b.ts";', undefined],
    ["devices/a.ts", 'import { b } from "../replay/b.ts";', "devices/ may import"],
    ["replay/a.ts", 'import { b } from "../devices/b.ts";', "replay/ may import"],
    ["command/a.ts", 'import { b } from "../tests/b.ts";', "command/ may import"],
    ["devices/a.ts", 'import { b } from "./deno/b.ts";', "what runs on Deno alone"],
    ["command/a.ts", 'import { b } from "../devices/deno/b.ts";', undefined],
    ["replay/deno/a.ts", 'import { b } from "../../deno/b.ts";', undefined],
    ["replay/a.ts", 'import { b } from "../deno/b.ts";', "what runs on Deno alone"],
    ["deno/a.ts", 'import { b } from "../replay/deno/b.ts";', "deno/ may import"],
  ];
  for (const [path, code, complaint] of cases) {
    const found = complaints(path, doc + code);
    assertEquals(found.length, complaint === undefined ? 0 : 1, `${path}: ${code}: ${found}`);
    assert(found.every((text) => text.includes(complaint!)), `${code}: ${found}`);
  }
  assertEquals(complaints("core/a.ts", "export {};").length, 1);
});

function workers(code: string): string[] {
  return [...code.matchAll(/new Worker\(new URL\("([^"]+)", import\.meta\.url\)/g)]
    .map(([, path]) => path);
}

Deno.test("no source file is dead", () => {
  const all = [...sources("")];
  const used = new Set(
    all.flatMap((path) =>
      [...imports(withoutComments(read(path))), ...workers(read(path))]
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => join(dirname(path), specifier))
    ),
  );
  const isRoot = (path: string) =>
    /^(main|mod)\.ts$|^guests\/build\.ts$|^(tests|bench)\//.test(path);
  assertEquals(all.filter((path) => !isRoot(path) && !used.has(path)), []);
});

async function checkPure(files: readonly string[]): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--config", join(ROOT, "types/pure.json"), ...files],
    env: { NO_COLOR: "1" },
  }).output();
  return success ? "" : new TextDecoder().decode(stderr);
}

Deno.test("core, devices and replay know no host: the type checker says so", async () => {
  const files = [...sources("")].filter((path) =>
    /^(core|devices|replay)\//.test(path) && !path.split("/").includes("deno")
  );
  assertEquals(await checkPure(files.map((path) => join(ROOT, path))), "");
});

Deno.test("the type check of pure code finds what it is for", async () => {
  const folder = await Deno.makeTempDir();
  const names = ["Deno", "performance", "crypto", "setTimeout", "fetch", "console", "TextEncoder"];
  const file = `${folder}/impure.ts`;
  await Deno.writeTextFile(
    file,
    names.map((name) => `export const a${name} = ${name};`).join("\n"),
  );
  const errors = await checkPure([file]);
  await Deno.remove(folder, { recursive: true });
  for (const name of names) assert(errors.includes(`name '${name}'`), `${name}: ${errors}`);
});

Deno.test("the README's commands, flags and files exist", () => {
  const tasks = JSON.parse(read("deno.json")).tasks;
  const flags = [
    ...[MACHINE_FLAGS, LAB_RUN_FLAGS, GUEST_FLAGS, RECORD_FLAGS, DEBUG_FLAGS],
    ...[HUNT_FLAGS, PACKETS_FLAGS, EVENTS_FLAGS, WHAT_IF_FLAGS],
  ].flat();
  const known = new Set([...flags.map(({ name }) => name), "version"]);
  for (const page of ["README.md", "CONTRIBUTING.md"]) {
    const text = read(page);
    const commands = [...text.matchAll(/^(?:npx -y deno@2\.9\.6|deno) (.*)$/gm)];
    if (page === "README.md") assert(commands.length >= 4, `${commands.length} commands`);
    for (const [command, rest] of commands) {
      const [, task] = /^task (\S+)/.exec(rest) ?? [];
      const [, name] = /^run -A main\.ts (\S+)/.exec(rest) ?? [];
      assert(task in tasks || COMMANDS.has(name) || name === "--version", command);
      for (const [, flag] of rest.matchAll(/ --([a-z-]+)/g)) {
        assert(known.has(flag), `${command}: --${flag}`);
      }
    }
    for (
      const [, path] of text.matchAll(
        /`((?:core|deno|devices|replay|debugger|guests|command|tests|types)\/[\w./]*)`/g,
      )
    ) {
      assert(Deno.statSync(join(ROOT, path)) !== undefined, `${page}: ${path}`);
    }
  }
});
