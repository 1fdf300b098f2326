/**
 * `deno task test`: all tests and the examples in the documentation; the last line is
 * `N passed, N failed`, with `, N ignored` if a peer tool is missing or a test is switched off.
 * `--long` runs those that take minutes instead: `*_long_test.ts`. Other arguments name the tests to
 * run.
 */
const LONG = "--long";
const LONG_TESTS = "tests/**/*_long_test.ts";
const EXAMPLES = ["core", "devices", "replay", "guests", "command"];

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

/** Runs `deno test`, passing its output on; a summary that is missing counts as a failure. */
async function runTests(args: readonly string[]): Promise<Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...args],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const counts: Counts = { passed: 0, failed: 0, ignored: 0 };
  let summary: string | undefined;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.includes("ignored: needs ")) counts.ignored++;
      if (/^(ok|FAILED) \| \d+ passed/.test(line)) summary = line;
    }
  }
  const { success } = await child.status;
  const count = (what: string) =>
    Number(new RegExp(`(\\d+) ${what}`).exec(summary ?? "")?.[1] ?? 0);
  counts.passed = count("passed") - counts.ignored;
  counts.failed = count("failed");
  counts.ignored += count("ignored");
  if (!success && counts.failed === 0) counts.failed = 1; // it did not even start
  return counts;
}

const isLong = Deno.args.includes(LONG);
const chosen = Deno.args.filter((argument) => argument !== LONG);
const suite = isLong ? [LONG_TESTS] : [`--ignore=${LONG_TESTS}`, "tests"];
const results = [await runTests(chosen.length > 0 ? chosen : suite)];
if (chosen.length === 0 && !isLong) {
  // Unchecked: the checker complains of the exports that an example leaves unused.
  results.push(await runTests(["--doc", "--no-check", ...EXAMPLES]));
}
const sum = (field: keyof Counts) => results.reduce((total, counts) => total + counts[field], 0);
const ignored = sum("ignored") > 0 ? `, ${sum("ignored")} ignored` : "";
console.log(`${sum("passed")} passed, ${sum("failed")} failed${ignored}`);
Deno.exit(sum("failed") === 0 ? 0 : 1);
