/**
 * The access list of every instruction.
 *
 * The expected lists are worked out here from the mnemonic and the operands of the specification's
 * instruction listings, not from the effects.
 */
import { assertEquals } from "@std/assert";
import { accesses } from "../../../core/isa/accesses.ts";
import { mnemonicOf, operandsOf } from "../../../core/isa/expansion.ts";
import { INSTRUCTIONS } from "../../../core/isa/isa.ts";

const WIDTH: { readonly [letter: string]: number } = { b: 1, h: 2, w: 4, d: 8 };
const STORE = /^f?s([bhwd])$/;
const LOAD = /^f?l([bhwd])u?$/;
const ATOMIC = /^(amo|lr|sc)\w*\.([wd])$/;

Deno.test("accesses() of every instruction are those of the specification", () => {
  for (const instruction of INSTRUCTIONS) {
    const name = mnemonicOf(instruction.syntax);
    const { reads, writes, csrs, memory, pc } = accesses(instruction);
    assertEquals({
      reads: registers(reads),
      writes: registers(writes),
      csrsRead: sorted(csrs.reads),
      csrsWritten: sorted(csrs.writes),
      memory: memory.map(({ kind, size }) => `${kind} ${size}`),
      pc,
    }, {
      reads: expectedReads(name, instruction.syntax),
      writes: expectedWrites(name, instruction.syntax),
      csrsRead: csrsRead(name),
      csrsWritten: csrsWritten(name),
      memory: expectedMemory(name),
      pc: expectedPc(name) as typeof pc,
    }, name);
  }
});

function registers(lists: { x: readonly string[]; f: readonly string[] }): string[] {
  return sorted([...lists.x.map((field) => `x ${field}`), ...lists.f.map((field) => `f ${field}`)]);
}

function sorted(names: readonly string[]): string[] {
  return [...names].sort();
}

/** In which file a register operand lies. Source: unprivileged specification, F and D listings. */
function fileOf(name: string, operand: string): "x" | "f" {
  if (!isFloat(name)) return "x";
  if (/^f[ls][wd]$/.test(name)) return operand === "rs1" ? "x" : "f";
  if (/^f(eq|lt|le|class)\./.test(name)) return operand === "rd" ? "x" : "f";
  const [, to, from] = name.match(/^f(?:mv|cvt)\.(\w+)\.(\w+)$/) ?? [];
  if (to === undefined) return "f";
  const floating = (format: string, other: string) =>
    format === "s" || format === "d" || (format === "w" && other === "x");
  if (name.startsWith("fmv")) return (operand === "rd" ? to : from) === "x" ? "x" : "f";
  return floating(operand === "rd" ? to : from, "") ? "f" : "x";
}

function isFloat(name: string): boolean {
  return /^f(?!ence)/.test(name);
}

function expectedReads(name: string, syntax: string): string[] {
  return sorted(
    operandsOf(syntax).filter((operand) => /^rs\d$/.test(operand))
      .map((operand) => `${fileOf(name, operand)} ${operand}`),
  );
}

function expectedWrites(name: string, syntax: string): string[] {
  return operandsOf(syntax).includes("rd") ? [`${fileOf(name, "rd")} rd`] : [];
}

function raisesFlags(name: string): boolean {
  return isFloat(name) && !/^f(l[wd]|s[wd]|mv|sgnj|class)/.test(name);
}

function csrsRead(name: string): string[] {
  if (name.startsWith("csrr")) return ["imm"];
  if (name === "mret") return ["mepc", "mstatus"];
  if (name === "sret") return ["mstatus", "sepc"];
  if (name === "wfi") return ["mie", "mip", "mstatus"];
  if (name === "sfence.vma") return ["mstatus"];
  if (!isFloat(name)) return [];
  const rounds = raisesFlags(name) && !/^f(min|max|eq|lt|le)\./.test(name);
  return rounds ? ["frm", "mstatus"] : ["mstatus"];
}

function csrsWritten(name: string): string[] {
  if (name.startsWith("csrr")) return ["imm"];
  if (name === "mret" || name === "sret") return ["mstatus"];
  if (raisesFlags(name)) return ["fflags", "mstatus"];
  const toFloat = isFloat(name) && !/^(fs[wd]|fclass.*|fmv\.x\.[wd])$/.test(name);
  return toFloat ? ["mstatus"] : [];
}

function expectedMemory(name: string): string[] {
  const [, loaded] = name.match(LOAD) ?? [];
  if (loaded !== undefined) return [`load ${WIDTH[loaded]}`];
  const [, stored] = name.match(STORE) ?? [];
  if (stored !== undefined) return [`store ${WIDTH[stored]}`];
  const [, kind, width] = name.match(ATOMIC) ?? [];
  return kind === undefined ? [] : [`${kind} ${WIDTH[width]}`];
}

function expectedPc(name: string): string {
  if (/^b(eq|ne|lt|ge)u?$/.test(name)) return "branch";
  if (name === "jal" || name === "jalr") return "jump";
  if (name === "mret" || name === "sret") return "return";
  return name === "ecall" || name === "ebreak" ? "trap" : "next";
}
