/** What the tidy test holds against a source file. Each rule names the replacement. */
import { dirname, join } from "@std/path";

/** The folders whose code must run in a browser, and give the same answers there. */
const PURE = ["core", "devices", "replay"];

/** Which folders the files of a folder may import from. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: ["core"],
  deno: ["deno"],
  devices: ["devices", "core", "deno"],
  replay: ["replay", "core", "deno"],
  debugger: ["debugger", "replay", "core"],
  guests: ["guests"],
  command: ["command", "core", "devices", "replay", "debugger", "guests", "deno", "deno.json"],
};

/** Libraries that pure code may import. */
const PURE_LIBRARIES = ["xxhash-wasm", "cborg"];

/** Names that pure code may not use, and what does instead. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\bDate\b/, "Date: ask the Clock, which asks the Host"],
  [/\bMath\s*\.\s*random\b/, "Math.random: draw from a seeded Random"],
  [/\bglobalThis\b/, "globalThis: take what you need as a parameter"],
  [/\beval\b|\bnew\s+Function\b/, "eval: emit WebAssembly"],
  [/\b(performance|setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "host time: use cycles"],
  [/(?<![#.\w])(crypto|fetch|process)\b\s*[.(]/, "the host: use the Host interface"],
  [/(?<![#.\w])console\s*\./, "console.…: return or throw instead"],
];

/** Files outside `deno/` folders that are Deno programs themselves. */
const DENO_FILES = /^(main\.ts|guests\/build\.ts|(tests|bench|command)\/.*)$/;

/** The complaints about one file. @param path from the repository's root */
export function complaints(path: string, source: string): string[] {
  const found: string[] = [];
  const [folder] = path.split("/");
  const isDeno = path.split("/").includes("deno");
  const isPure = PURE.includes(folder) && !isDeno;
  const code = withoutComments(source);

  if (folder !== "tests" && !/^(#!.*\n)?\/\*\*/.test(source)) {
    found.push("no opening docstring: say what the file models and where that is defined");
  }
  if (!isDeno && !DENO_FILES.test(path) && /\bDeno\b/.test(withoutTexts(code))) {
    found.push("Deno: only in folders named deno/, command/, main.ts, tests and bench");
  }
  if (isPure) {
    for (const [pattern, message] of BANNED) {
      if (pattern.test(withoutTexts(code))) found.push(message);
    }
  }
  for (const specifier of imports(code)) {
    if (!specifier.startsWith(".")) {
      if (folder !== "tests" && /^(npm|jsr|https?):/.test(specifier)) {
        found.push(`import of ${specifier}: name it in deno.json`);
      } else if (isPure && !PURE_LIBRARIES.includes(specifier)) {
        found.push(`import of ${specifier}: pure code imports no library and no host module`);
      }
      continue;
    }
    const target = join(dirname(path), specifier);
    const [targetFolder] = target.split("/");
    const allowed = MAY_IMPORT[folder];
    if (allowed !== undefined && !allowed.includes(targetFolder)) {
      found.push(`import of ${target}: ${folder}/ may import ${allowed.join(", ")} alone`);
    }
    if (!isDeno && !DENO_FILES.test(path) && target.split("/").includes("deno")) {
      found.push(`import of ${target}: what runs on Deno alone is imported by command/ and tests`);
    }
  }
  return found;
}

/** The specifiers of all imports and re-exports. */
export function imports(code: string): string[] {
  const pattern = /(?:\bfrom\s*|(?<![.\w])import\s*\(?\s*)"([^"]+)"/g;
  return [...code.matchAll(pattern)].map(([, specifier]) => specifier);
}

/** The code with comments blanked out; texts that look like comments stay. */
export function withoutComments(source: string): string {
  const pattern = /("(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[^]*?\*\/|\/\/[^\n]*/g;
  return source.replaceAll(pattern, (_, text) => text ?? " ");
}

function withoutTexts(code: string): string {
  return code.replaceAll(/"(?:\\.|[^"\\\n])*"/g, '""');
}
