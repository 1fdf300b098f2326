/** Basic bit manipulation. Source: RISC-V unprivileged specification, "Zbb". */
import {
  and,
  clz,
  constant,
  ctz,
  imm,
  ltS,
  ltU,
  not,
  or,
  orcB,
  popcnt,
  rev8,
  rotl,
  rotr,
  rs1,
  rs2,
  select,
  setX,
  sext16,
  sext32,
  sext8,
  shl,
  sub,
  type Value,
  xor,
  zext16,
  zext32,
} from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// Two copies of a word side by side: a rotation of 64 bits then rotates each by its own 32.
const twice = (word: Value) => or(zext32(word), shl(word, constant(32)));

// deno-fmt-ignore
export const ZBB: readonly Instruction[] = [
  instruction("andn rd, rs1, rs2", "0100000 rs2 rs1 111 rd 0110011", setX(and(rs1, not(rs2)))),
  instruction("orn rd, rs1, rs2", "0100000 rs2 rs1 110 rd 0110011", setX(or(rs1, not(rs2)))),
  instruction("xnor rd, rs1, rs2", "0100000 rs2 rs1 100 rd 0110011", setX(not(xor(rs1, rs2)))),
  instruction("max rd, rs1, rs2", "0000101 rs2 rs1 110 rd 0110011", setX(select(ltS(rs1, rs2), rs2, rs1))),
  instruction("maxu rd, rs1, rs2", "0000101 rs2 rs1 111 rd 0110011", setX(select(ltU(rs1, rs2), rs2, rs1))),
  instruction("min rd, rs1, rs2", "0000101 rs2 rs1 100 rd 0110011", setX(select(ltS(rs1, rs2), rs1, rs2))),
  instruction("minu rd, rs1, rs2", "0000101 rs2 rs1 101 rd 0110011", setX(select(ltU(rs1, rs2), rs1, rs2))),

  instruction("clz rd, rs1", "0110000 00000 rs1 001 rd 0010011", setX(clz(rs1))),
  instruction("ctz rd, rs1", "0110000 00001 rs1 001 rd 0010011", setX(ctz(rs1))),
  instruction("cpop rd, rs1", "0110000 00010 rs1 001 rd 0010011", setX(popcnt(rs1))),
  instruction("clzw rd, rs1", "0110000 00000 rs1 001 rd 0011011", setX(sub(clz(zext32(rs1)), constant(32)))),
  instruction("ctzw rd, rs1", "0110000 00001 rs1 001 rd 0011011", setX(ctz(or(rs1, constant(1n << 32n))))),
  instruction("cpopw rd, rs1", "0110000 00010 rs1 001 rd 0011011", setX(popcnt(zext32(rs1)))),
  instruction("sext.b rd, rs1", "0110000 00100 rs1 001 rd 0010011", setX(sext8(rs1))),
  instruction("sext.h rd, rs1", "0110000 00101 rs1 001 rd 0010011", setX(sext16(rs1))),
  instruction("zext.h rd, rs1", "0000100 00000 rs1 100 rd 0111011", setX(zext16(rs1))),
  instruction("orc.b rd, rs1", "001010000111 rs1 101 rd 0010011", setX(orcB(rs1))),
  instruction("rev8 rd, rs1", "011010111000 rs1 101 rd 0010011", setX(rev8(rs1))),

  instruction("rol rd, rs1, rs2", "0110000 rs2 rs1 001 rd 0110011", setX(rotl(rs1, rs2))),
  instruction("ror rd, rs1, rs2", "0110000 rs2 rs1 101 rd 0110011", setX(rotr(rs1, rs2))),
  instruction("rori rd, rs1, imm", "011000 uimm[5:0] rs1 101 rd 0010011", setX(rotr(rs1, imm))),
  instruction("rolw rd, rs1, rs2", "0110000 rs2 rs1 001 rd 0111011", setX(sext32(rotl(twice(rs1), rs2)))),
  instruction("rorw rd, rs1, rs2", "0110000 rs2 rs1 101 rd 0111011", setX(sext32(rotr(twice(rs1), rs2)))),
  instruction("roriw rd, rs1, imm", "0110000 uimm[4:0] rs1 101 rd 0011011", setX(sext32(rotr(twice(rs1), imm)))),
];
