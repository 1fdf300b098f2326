/** Single-precision floating point. Source: RISC-V unprivileged specification, "F" extension. */
import {
  add,
  and,
  boxed,
  constant,
  f,
  float,
  imm,
  load,
  not,
  or,
  rs1,
  setF,
  setX,
  sext32,
  store,
  unboxed,
  type Value,
  xor,
  zext32,
} from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

const address = add(rs1, imm);
const a = unboxed("rs1");
const b = unboxed("rs2");
const c = unboxed("rs3");
const sign = (value: Value) => and(value, constant(0x80000000));
const magnitude = (value: Value) => and(value, constant(0x7fffffff));
// The sign of a NaN is never seen: every NaN result is the canonical one.
const negated = (value: Value) => xor(value, constant(0x80000000));

// deno-fmt-ignore
export const F: readonly Instruction[] = [
  instruction("flw rd, imm(rs1)", "imm[11:0] rs1 010 rd 0000111", setF(boxed(load(4, false, address)))),
  instruction("fsw rs2, imm(rs1)", "imm[11:5] rs2 rs1 010 imm[4:0] 0100111", store(4, address, f("rs2"))),

  instruction("fmadd.s rd, rs1, rs2, rs3, rm", "rs3 00 rs2 rs1 rm rd 1000011", setF(boxed(float("fma", "s", a, b, c)))),
  instruction("fmsub.s rd, rs1, rs2, rs3, rm", "rs3 00 rs2 rs1 rm rd 1000111", setF(boxed(float("fma", "s", a, b, negated(c))))),
  instruction("fnmsub.s rd, rs1, rs2, rs3, rm", "rs3 00 rs2 rs1 rm rd 1001011", setF(boxed(float("fma", "s", negated(a), b, c)))),
  instruction("fnmadd.s rd, rs1, rs2, rs3, rm", "rs3 00 rs2 rs1 rm rd 1001111", setF(boxed(float("fma", "s", negated(a), b, negated(c))))),

  instruction("fadd.s rd, rs1, rs2, rm", "0000000 rs2 rs1 rm rd 1010011", setF(boxed(float("add", "s", a, b)))),
  instruction("fsub.s rd, rs1, rs2, rm", "0000100 rs2 rs1 rm rd 1010011", setF(boxed(float("sub", "s", a, b)))),
  instruction("fmul.s rd, rs1, rs2, rm", "0001000 rs2 rs1 rm rd 1010011", setF(boxed(float("mul", "s", a, b)))),
  instruction("fdiv.s rd, rs1, rs2, rm", "0001100 rs2 rs1 rm rd 1010011", setF(boxed(float("div", "s", a, b)))),
  instruction("fsqrt.s rd, rs1, rm", "0101100 00000 rs1 rm rd 1010011", setF(boxed(float("sqrt", "s", a)))),
  instruction("fsgnj.s rd, rs1, rs2", "0010000 rs2 rs1 000 rd 1010011", setF(boxed(or(magnitude(a), sign(b))))),
  instruction("fsgnjn.s rd, rs1, rs2", "0010000 rs2 rs1 001 rd 1010011", setF(boxed(or(magnitude(a), sign(not(b)))))),
  instruction("fsgnjx.s rd, rs1, rs2", "0010000 rs2 rs1 010 rd 1010011", setF(boxed(xor(a, sign(b))))),
  instruction("fmin.s rd, rs1, rs2", "0010100 rs2 rs1 000 rd 1010011", setF(boxed(float("min", "s", a, b)))),
  instruction("fmax.s rd, rs1, rs2", "0010100 rs2 rs1 001 rd 1010011", setF(boxed(float("max", "s", a, b)))),
  instruction("feq.s rd, rs1, rs2", "1010000 rs2 rs1 010 rd 1010011", setX(float("eq", "s", a, b))),
  instruction("flt.s rd, rs1, rs2", "1010000 rs2 rs1 001 rd 1010011", setX(float("lt", "s", a, b))),
  instruction("fle.s rd, rs1, rs2", "1010000 rs2 rs1 000 rd 1010011", setX(float("le", "s", a, b))),
  instruction("fclass.s rd, rs1", "1110000 00000 rs1 001 rd 1010011", setX(float("class", "s", a))),

  instruction("fcvt.w.s rd, rs1, rm", "1100000 00000 rs1 rm rd 1010011", setX(float("toW", "s", a))),
  instruction("fcvt.wu.s rd, rs1, rm", "1100000 00001 rs1 rm rd 1010011", setX(float("toWu", "s", a))),
  instruction("fcvt.l.s rd, rs1, rm", "1100000 00010 rs1 rm rd 1010011", setX(float("toL", "s", a))),
  instruction("fcvt.lu.s rd, rs1, rm", "1100000 00011 rs1 rm rd 1010011", setX(float("toLu", "s", a))),
  instruction("fcvt.s.w rd, rs1, rm", "1101000 00000 rs1 rm rd 1010011", setF(boxed(float("fromW", "s", sext32(rs1))))),
  instruction("fcvt.s.wu rd, rs1, rm", "1101000 00001 rs1 rm rd 1010011", setF(boxed(float("fromWu", "s", sext32(rs1))))),
  instruction("fcvt.s.l rd, rs1, rm", "1101000 00010 rs1 rm rd 1010011", setF(boxed(float("fromL", "s", rs1)))),
  instruction("fcvt.s.lu rd, rs1, rm", "1101000 00011 rs1 rm rd 1010011", setF(boxed(float("fromLu", "s", rs1)))),
  instruction("fmv.x.w rd, rs1", "1110000 00000 rs1 000 rd 1010011", setX(sext32(f("rs1")))),
  instruction("fmv.w.x rd, rs1", "1111000 00000 rs1 000 rd 1010011", setF(boxed(zext32(rs1)))),
];
