/** Privileged instructions. Source: RISC-V privileged specification, 3.3 and 10.2. */
import { rs1, rs2, system } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const PRIVILEGED: readonly Instruction[] = [
  instruction("mret", "0011000 00010 00000 000 00000 1110011", system("mret")),
  instruction("sret", "0001000 00010 00000 000 00000 1110011", system("sret")),
  instruction("wfi", "0001000 00101 00000 000 00000 1110011", system("wfi")),
  instruction("sfence.vma rs1, rs2", "0001001 rs2 rs1 000 00000 1110011", system("sfence.vma", rs1, rs2)),
];
