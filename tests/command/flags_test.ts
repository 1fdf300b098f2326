/** The flag reader and its suggestions. */
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../command/errors.ts";
import { editDistance, parseFlags, suggestion } from "../../command/flags.ts";

const FLAGS = [
  { name: "size", value: "N", summary: "" },
  { name: "disk", value: "FILE", isRepeatable: true, summary: "" },
  { name: "fast", summary: "" },
];

Deno.test("parseFlags takes values after a space or an equals sign, in any order", () => {
  const { values, positional } = parseFlags(
    ["a", "--disk", "x", "--size=3", "--fast", "--disk=y=z,ro", "-", "--", "b"].filter((it) =>
      it !== "--"
    ),
    FLAGS,
  );
  assertEquals([...values], [["disk", ["x", "y=z,ro"]], ["size", ["3"]], ["fast", [""]]]);
  assertEquals(positional, ["a", "-", "b"]);
});

Deno.test("parseFlags takes a value that begins with a dash", () => {
  assertEquals(parseFlags(["--size", "-1"], FLAGS).values.get("size"), ["-1"]);
});

Deno.test("parseFlags refuses what it does not know", () => {
  assertThrows(() => parseFlags(["--szie", "1"], FLAGS), UsageError, "did you mean --size?");
  assertThrows(() => parseFlags(["--fast=1"], FLAGS), UsageError, "--fast takes no value");
  assertThrows(() => parseFlags(["--size"], FLAGS), UsageError, "--size needs a value");
  assertThrows(() => parseFlags(["--fast", "--fast"], FLAGS), UsageError, "given twice");
});

Deno.test("suggestion offers the nearest name if it is near", () => {
  assertEquals(editDistance("kitten", "sitting"), 3);
  assertEquals(suggestion("rnu", ["run", "demo"]), "; did you mean run?");
  assertEquals(suggestion("elephant", ["run", "demo"]), "");
});
