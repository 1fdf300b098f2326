/** Integer multiplication and division. Source: RISC-V unprivileged specification, "M" extension. */
import {
  divS,
  divU,
  mul,
  mulhS,
  mulhSU,
  mulhU,
  remS,
  remU,
  rs1,
  rs2,
  setX,
  sext32,
  zext32,
} from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const M: readonly Instruction[] = [
  instruction("mul rd, rs1, rs2", "0000001 rs2 rs1 000 rd 0110011", setX(mul(rs1, rs2))),
  instruction("mulh rd, rs1, rs2", "0000001 rs2 rs1 001 rd 0110011", setX(mulhS(rs1, rs2))),
  instruction("mulhsu rd, rs1, rs2", "0000001 rs2 rs1 010 rd 0110011", setX(mulhSU(rs1, rs2))),
  instruction("mulhu rd, rs1, rs2", "0000001 rs2 rs1 011 rd 0110011", setX(mulhU(rs1, rs2))),
  instruction("div rd, rs1, rs2", "0000001 rs2 rs1 100 rd 0110011", setX(divS(rs1, rs2))),
  instruction("divu rd, rs1, rs2", "0000001 rs2 rs1 101 rd 0110011", setX(divU(rs1, rs2))),
  instruction("rem rd, rs1, rs2", "0000001 rs2 rs1 110 rd 0110011", setX(remS(rs1, rs2))),
  instruction("remu rd, rs1, rs2", "0000001 rs2 rs1 111 rd 0110011", setX(remU(rs1, rs2))),

  instruction("mulw rd, rs1, rs2", "0000001 rs2 rs1 000 rd 0111011", setX(sext32(mul(rs1, rs2)))),
  instruction("divw rd, rs1, rs2", "0000001 rs2 rs1 100 rd 0111011", setX(sext32(divS(sext32(rs1), sext32(rs2))))),
  instruction("divuw rd, rs1, rs2", "0000001 rs2 rs1 101 rd 0111011", setX(sext32(divU(zext32(rs1), zext32(rs2))))),
  instruction("remw rd, rs1, rs2", "0000001 rs2 rs1 110 rd 0111011", setX(sext32(remS(sext32(rs1), sext32(rs2))))),
  instruction("remuw rd, rs1, rs2", "0000001 rs2 rs1 111 rd 0111011", setX(sext32(remU(zext32(rs1), zext32(rs2))))),
];
