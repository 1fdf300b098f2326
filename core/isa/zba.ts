/** Address generation. Source: RISC-V unprivileged specification, "Zba". */
import { add, constant, imm, rs1, rs2, setX, shl, zext32 } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const ZBA: readonly Instruction[] = [
  instruction("add.uw rd, rs1, rs2", "0000100 rs2 rs1 000 rd 0111011", setX(add(zext32(rs1), rs2))),
  instruction("sh1add rd, rs1, rs2", "0010000 rs2 rs1 010 rd 0110011", setX(add(shl(rs1, constant(1)), rs2))),
  instruction("sh2add rd, rs1, rs2", "0010000 rs2 rs1 100 rd 0110011", setX(add(shl(rs1, constant(2)), rs2))),
  instruction("sh3add rd, rs1, rs2", "0010000 rs2 rs1 110 rd 0110011", setX(add(shl(rs1, constant(3)), rs2))),
  instruction("sh1add.uw rd, rs1, rs2", "0010000 rs2 rs1 010 rd 0111011", setX(add(shl(zext32(rs1), constant(1)), rs2))),
  instruction("sh2add.uw rd, rs1, rs2", "0010000 rs2 rs1 100 rd 0111011", setX(add(shl(zext32(rs1), constant(2)), rs2))),
  instruction("sh3add.uw rd, rs1, rs2", "0010000 rs2 rs1 110 rd 0111011", setX(add(shl(zext32(rs1), constant(3)), rs2))),
  instruction("slli.uw rd, rs1, imm", "000010 uimm[5:0] rs1 001 rd 0011011", setX(shl(zext32(rs1), imm))),
];
