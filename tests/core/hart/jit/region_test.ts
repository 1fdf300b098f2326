/** Which blocks and entries are found in small programs. */
import { assert, assertEquals } from "@std/assert";
import { type PageView, recoverRegions, type Region } from "../../../../core/hart/jit/region.ts";
import { BLOCK_CYCLES_MAX } from "../../../../core/hart/layout.ts";
import { assembleProgram } from "../../../conformance/program.ts";

interface Page extends PageView {
  at(label: string): number;
}

/** A page with a program at an offset; what is not known or not warm is named by labels. */
function page(
  text: string,
  { offset = 0, unknown = [] as string[], cold = [] as string[] } = {},
): Page {
  const { bytes, labels } = assembleProgram(text, offset);
  const halves = new Uint16Array(2048);
  halves.set(
    new Uint16Array(bytes.buffer, 0, Math.min(bytes.length / 2, 2048 - offset / 2)),
    offset / 2,
  );
  const at = (label: string) => labels.get(label)!;
  return {
    at,
    half: (each) => halves[each / 2],
    known: (each) => !unknown.some((label) => at(label) === each),
    warm: (each) => !cold.some((label) => at(label) === each),
  };
}

/** offset: instructions, end and target; one line per block, a blank line between regions. */
function text(regions: readonly Region[]): string {
  return regions.map(({ blocks, entries }) =>
    [...blocks.values()].sort((a, b) => a.offset - b.offset).map(
      ({ offset, instructions, end, target }) => {
        const to = end === "jump" || end === "branch" || end === "fall" ? ` ${target}` : "";
        return `${
          entries.includes(offset) ? ">" : " "
        }${offset}: ${instructions.length} ${end}${to}`;
      },
    ).join("\n")
  ).join("\n\n");
}

Deno.test("recoverRegions() ends blocks at branches and begins them at targets", () => {
  const code = page(`
          addi a0, a0, 1
    loop: addi a1, a1, 1
          bne a1, a2, loop
          addi a3, a3, 1
          jalr zero, 0(a4)`);
  assertEquals(
    text(recoverRegions(code, [0], [])),
    [">0: 1 fall 4", " 4: 2 branch 4", " 12: 2 indirect"].join("\n"),
  );
});

Deno.test("recoverRegions() enters where control comes from afar, and at the heads of loops", () => {
  const code = page(`
          addi a0, a0, 1
    skip: addi a1, a1, 1
    loop: addi a1, a1, 1
          bne a1, a2, loop
          beq a1, a2, skip2
          addi a3, a3, 1
    skip2: jalr zero, 0(a4)`);
  const near = [code.at("skip"), code.at("loop"), code.at("skip2")];
  const [{ entries, blocks }] = recoverRegions(code, [0], near);
  assertEquals(entries, [0, code.at("loop")]);
  assert(near.every((offset) => blocks.has(offset)), "each of them is a block");
});

Deno.test("recoverRegions() cuts a block that is longer than a slice may be short", () => {
  const code = page(`${"addi a0, a0, 1\n".repeat(150)}jalr zero, 0(a4)`);
  assertEquals(BLOCK_CYCLES_MAX, 64);
  assertEquals(
    text(recoverRegions(code, [0], [])),
    [">0: 64 fall 256", " 256: 64 fall 512", " 512: 23 indirect"].join("\n"),
  );
});

Deno.test("recoverRegions() leaves to tier 0 what changes more than registers and memory", () => {
  for (const name of ["ecall", "ebreak", "wfi", "mret", "sret"]) {
    const code = page(`addi a0, a0, 1\n${name}\naddi a0, a0, 1\nret`);
    assertEquals(text(recoverRegions(code, [0], [])), ">0: 1 tier0", name);
    assertEquals(recoverRegions(code, [4], []), [], "and nothing begins there");
  }
  for (const name of ["fence rw, rw", "fence.i", "sfence.vma zero, zero"]) {
    const code = page(`addi a0, a0, 1\n${name}\nret`);
    assertEquals(text(recoverRegions(code, [0], [])), ">0: 3 indirect", name);
  }
});

Deno.test("recoverRegions() stops at what tier 0 has not executed, and at what is no instruction", () => {
  const source = "addi a0, a0, 1\naddi a0, a0, 2\nhere: addi a0, a0, 3\nret";
  const code = page(source, { unknown: ["here"] });
  assertEquals(text(recoverRegions(code, [0], [])), ">0: 2 tier0");
  const illegal = page("addi a0, a0, 1\n.word 0xffffffff\nret");
  assertEquals(text(recoverRegions(illegal, [0], [])), ">0: 1 tier0");
  assertEquals(recoverRegions(illegal, [4], []), []);
});

Deno.test("recoverRegions() leaves at the end of the page, and before an instruction across it", () => {
  const whole = page("addi a0, a0, 1\naddi a0, a0, 1\nret", { offset: 4088 });
  assertEquals(text(recoverRegions(whole, [4088], [])), ">4088: 2 fall 4096");
  const across = page("addi a0, a0, 1\naddi a0, a0, 1\nret", { offset: 4090 });
  assertEquals(text(recoverRegions(across, [4090], [])), ">4090: 1 tier0");
});

Deno.test("recoverRegions() follows a branch out of the page, or a cold one, no further", () => {
  const source = `
          beq a0, a1, cold
          addi a0, a0, 1
          ret
    cold: addi a0, a0, 2
          ret`;
  const cold = page(source, { cold: ["cold"] });
  assertEquals(text(recoverRegions(cold, [0], [])), ">0: 1 branch 12\n 4: 2 indirect");
  const warm = page(source);
  assertEquals(text(recoverRegions(warm, [0], [])).split("\n").at(-1), " 12: 2 indirect");
  const out = page("beq a0, a1, -8\nret");
  assertEquals(text(recoverRegions(out, [0], [])), ">0: 1 branch -8\n 4: 1 indirect");
});

Deno.test("recoverRegions() joins a small function with its callers, and comes back behind calls", () => {
  const code = page(`
    one:  jal ra, f
          addi a0, a0, 1
          jalr ra, 0(a5)
          ret
    two:  jal ra, f
          ret
    f:    addi a1, a1, 1
          ret`);
  assertEquals(
    text(recoverRegions(code, [0, code.at("two")], [])).split("\n\n").sort(),
    [
      ">0: 1 jump 24\n>16: 1 jump 24\n 24: 2 indirect",
      ">12: 1 indirect",
      ">20: 1 indirect",
      ">4: 2 indirect",
    ],
  );
});

Deno.test("recoverRegions() keeps a large function apart, entered where it is called", () => {
  const code = page(`jal ra, f\nret\nf: ${"addi a1, a1, 1\n".repeat(201)}ret`);
  assertEquals(
    text(recoverRegions(code, [0], [])).split("\n\n").sort(),
    [
      ">0: 1 jump 8",
      ">4: 1 indirect",
      ">8: 64 fall 264\n 264: 64 fall 520\n 520: 64 fall 776\n 776: 10 indirect",
    ],
  );
});

Deno.test("recoverRegions() compiles a page that is full", () => {
  const code = page(`${"addi a1, a1, 1\n".repeat(1023)}ret`);
  const regions = recoverRegions(code, [0], []);
  assertEquals(regions.reduce((sum, { instructions }) => sum + instructions, 0), 1024);
});
