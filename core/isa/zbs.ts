/** Single-bit instructions. Source: RISC-V unprivileged specification, "Zbs". */
import { and, constant, imm, not, or, rs1, rs2, setX, shl, shrU, xor } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

const one = constant(1);

// deno-fmt-ignore
export const ZBS: readonly Instruction[] = [
  instruction("bclr rd, rs1, rs2", "0100100 rs2 rs1 001 rd 0110011", setX(and(rs1, not(shl(one, rs2))))),
  instruction("bclri rd, rs1, imm", "010010 uimm[5:0] rs1 001 rd 0010011", setX(and(rs1, not(shl(one, imm))))),
  instruction("bext rd, rs1, rs2", "0100100 rs2 rs1 101 rd 0110011", setX(and(shrU(rs1, rs2), one))),
  instruction("bexti rd, rs1, imm", "010010 uimm[5:0] rs1 101 rd 0010011", setX(and(shrU(rs1, imm), one))),
  instruction("binv rd, rs1, rs2", "0110100 rs2 rs1 001 rd 0110011", setX(xor(rs1, shl(one, rs2)))),
  instruction("binvi rd, rs1, imm", "011010 uimm[5:0] rs1 001 rd 0010011", setX(xor(rs1, shl(one, imm)))),
  instruction("bset rd, rs1, rs2", "0010100 rs2 rs1 001 rd 0110011", setX(or(rs1, shl(one, rs2)))),
  instruction("bseti rd, rs1, imm", "001010 uimm[5:0] rs1 001 rd 0010011", setX(or(rs1, shl(one, imm)))),
];
