/** The tests of the engine with all code compiled before it runs: see tier.ts. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";

const SUITES = ["conformance", "core/hart", "core/determinism_test.ts"];

Deno.test("the conformance tests and those of the harts pass on tier 1 alone", async () => {
  const folder = fromFileUrl(new URL(".", import.meta.url));
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--ignore=**/*_long_test.ts", ...SUITES],
    cwd: folder,
    env: { HINDSIGHT_JIT_THRESHOLD: "1", NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  console.log(text.match(/^\d+ cases of.*$|^.* \.\.\. .*$|^\w+ \| .*$/gm)?.join("\n"));
  assertEquals(code, 0, text);
  assertStringIncludes(text, "150300 cases");
});
