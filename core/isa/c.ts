/**
 * Compressed instructions of RV64. Source: RISC-V unprivileged specification, "C" extension, RVC
 * instruction-set listings.
 *
 * `rd'` and its like name x8 to x15 by 3 bits. Fields marked `nz` or `!=` have values that are
 * reserved or belong to another instruction; the encodings that the specification calls hints
 * expand to instructions without effect.
 */
import { type Compressed, compressed } from "./instruction.ts";

// deno-fmt-ignore
export const COMPRESSED: readonly Compressed[] = [
  compressed("c.addi4spn rd, sp, imm", "000 nzuimm[5:4|9:6|2|3] rd' 00", "addi rd, x2, imm"),
  compressed("c.fld rd, imm(rs1)", "001 uimm[5:3] rs1' uimm[7:6] rd' 00", "fld rd, imm(rs1)"),
  compressed("c.lw rd, imm(rs1)", "010 uimm[5:3] rs1' uimm[2|6] rd' 00", "lw rd, imm(rs1)"),
  compressed("c.ld rd, imm(rs1)", "011 uimm[5:3] rs1' uimm[7:6] rd' 00", "ld rd, imm(rs1)"),
  compressed("c.fsd rs2, imm(rs1)", "101 uimm[5:3] rs1' uimm[7:6] rs2' 00", "fsd rs2, imm(rs1)"),
  compressed("c.sw rs2, imm(rs1)", "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", "sw rs2, imm(rs1)"),
  compressed("c.sd rs2, imm(rs1)", "111 uimm[5:3] rs1' uimm[7:6] rs2' 00", "sd rs2, imm(rs1)"),

  compressed("c.addi rd, imm", "000 imm[5] rd imm[4:0] 01", "addi rd, rd, imm"),
  compressed("c.addiw rd, imm", "001 imm[5] rd!=0 imm[4:0] 01", "addiw rd, rd, imm"),
  compressed("c.li rd, imm", "010 imm[5] rd imm[4:0] 01", "addi rd, x0, imm"),
  compressed("c.addi16sp sp, imm", "011 nzimm[9] 00010 nzimm[4|6|8:7|5] 01", "addi x2, x2, imm"),
  compressed("c.lui rd, imm", "011 nzimm[17] rd!=2 nzimm[16:12] 01", "lui rd, imm"),
  compressed("c.srli rd, imm", "100 uimm[5] 00 rd' uimm[4:0] 01", "srli rd, rd, imm"),
  compressed("c.srai rd, imm", "100 uimm[5] 01 rd' uimm[4:0] 01", "srai rd, rd, imm"),
  compressed("c.andi rd, imm", "100 imm[5] 10 rd' imm[4:0] 01", "andi rd, rd, imm"),
  compressed("c.sub rd, rs2", "100 0 11 rd' 00 rs2' 01", "sub rd, rd, rs2"),
  compressed("c.xor rd, rs2", "100 0 11 rd' 01 rs2' 01", "xor rd, rd, rs2"),
  compressed("c.or rd, rs2", "100 0 11 rd' 10 rs2' 01", "or rd, rd, rs2"),
  compressed("c.and rd, rs2", "100 0 11 rd' 11 rs2' 01", "and rd, rd, rs2"),
  compressed("c.subw rd, rs2", "100 1 11 rd' 00 rs2' 01", "subw rd, rd, rs2"),
  compressed("c.addw rd, rs2", "100 1 11 rd' 01 rs2' 01", "addw rd, rd, rs2"),
  compressed("c.j imm", "101 imm[11|4|9:8|10|6|7|3:1|5] 01", "jal x0, imm"),
  compressed("c.beqz rs1, imm", "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "beq rs1, x0, imm"),
  compressed("c.bnez rs1, imm", "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "bne rs1, x0, imm"),

  compressed("c.slli rd, imm", "000 uimm[5] rd uimm[4:0] 10", "slli rd, rd, imm"),
  compressed("c.fldsp rd, imm(sp)", "001 uimm[5] rd uimm[4:3|8:6] 10", "fld rd, imm(x2)"),
  compressed("c.lwsp rd, imm(sp)", "010 uimm[5] rd!=0 uimm[4:2|7:6] 10", "lw rd, imm(x2)"),
  compressed("c.ldsp rd, imm(sp)", "011 uimm[5] rd!=0 uimm[4:3|8:6] 10", "ld rd, imm(x2)"),
  compressed("c.jr rs1", "100 0 rs1!=0 00000 10", "jalr x0, 0(rs1)"),
  compressed("c.mv rd, rs2", "100 0 rd rs2!=0 10", "add rd, x0, rs2"),
  compressed("c.ebreak", "100 1 00000 00000 10", "ebreak"),
  compressed("c.jalr rs1", "100 1 rs1!=0 00000 10", "jalr x1, 0(rs1)"),
  compressed("c.add rd, rs2", "100 1 rd rs2!=0 10", "add rd, rd, rs2"),
  compressed("c.fsdsp rs2, imm(sp)", "101 uimm[5:3|8:6] rs2 10", "fsd rs2, imm(x2)"),
  compressed("c.swsp rs2, imm(sp)", "110 uimm[5:2|7:6] rs2 10", "sw rs2, imm(x2)"),
  compressed("c.sdsp rs2, imm(sp)", "111 uimm[5:3|8:6] rs2 10", "sd rs2, imm(x2)"),
];
