/** Double-precision floating point. Source: RISC-V unprivileged specification, "D" extension. */
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
} from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

const address = add(rs1, imm);
const a = f("rs1");
const b = f("rs2");
const c = f("rs3");
const sign = (value: Value) => and(value, constant(0x8000000000000000n));
const magnitude = (value: Value) => and(value, constant(0x7fffffffffffffffn));
// The sign of a NaN is never seen: every NaN result is the canonical one.
const negated = (value: Value) => xor(value, constant(0x8000000000000000n));

// deno-fmt-ignore
export const D: readonly Instruction[] = [
  instruction("fld rd, imm(rs1)", "imm[11:0] rs1 011 rd 0000111", setF(load(8, false, address))),
  instruction("fsd rs2, imm(rs1)", "imm[11:5] rs2 rs1 011 imm[4:0] 0100111", store(8, address, b)),

  instruction("fmadd.d rd, rs1, rs2, rs3, rm", "rs3 01 rs2 rs1 rm rd 1000011", setF(float("fma", "d", a, b, c))),
  instruction("fmsub.d rd, rs1, rs2, rs3, rm", "rs3 01 rs2 rs1 rm rd 1000111", setF(float("fma", "d", a, b, negated(c)))),
  instruction("fnmsub.d rd, rs1, rs2, rs3, rm", "rs3 01 rs2 rs1 rm rd 1001011", setF(float("fma", "d", negated(a), b, c))),
  instruction("fnmadd.d rd, rs1, rs2, rs3, rm", "rs3 01 rs2 rs1 rm rd 1001111", setF(float("fma", "d", negated(a), b, negated(c)))),

  instruction("fadd.d rd, rs1, rs2, rm", "0000001 rs2 rs1 rm rd 1010011", setF(float("add", "d", a, b))),
  instruction("fsub.d rd, rs1, rs2, rm", "0000101 rs2 rs1 rm rd 1010011", setF(float("sub", "d", a, b))),
  instruction("fmul.d rd, rs1, rs2, rm", "0001001 rs2 rs1 rm rd 1010011", setF(float("mul", "d", a, b))),
  instruction("fdiv.d rd, rs1, rs2, rm", "0001101 rs2 rs1 rm rd 1010011", setF(float("div", "d", a, b))),
  instruction("fsqrt.d rd, rs1, rm", "0101101 00000 rs1 rm rd 1010011", setF(float("sqrt", "d", a))),
  instruction("fsgnj.d rd, rs1, rs2", "0010001 rs2 rs1 000 rd 1010011", setF(or(magnitude(a), sign(b)))),
  instruction("fsgnjn.d rd, rs1, rs2", "0010001 rs2 rs1 001 rd 1010011", setF(or(magnitude(a), sign(not(b))))),
  instruction("fsgnjx.d rd, rs1, rs2", "0010001 rs2 rs1 010 rd 1010011", setF(xor(a, sign(b)))),
  instruction("fmin.d rd, rs1, rs2", "0010101 rs2 rs1 000 rd 1010011", setF(float("min", "d", a, b))),
  instruction("fmax.d rd, rs1, rs2", "0010101 rs2 rs1 001 rd 1010011", setF(float("max", "d", a, b))),
  instruction("feq.d rd, rs1, rs2", "1010001 rs2 rs1 010 rd 1010011", setX(float("eq", "d", a, b))),
  instruction("flt.d rd, rs1, rs2", "1010001 rs2 rs1 001 rd 1010011", setX(float("lt", "d", a, b))),
  instruction("fle.d rd, rs1, rs2", "1010001 rs2 rs1 000 rd 1010011", setX(float("le", "d", a, b))),
  instruction("fclass.d rd, rs1", "1110001 00000 rs1 001 rd 1010011", setX(float("class", "d", a))),

  instruction("fcvt.w.d rd, rs1, rm", "1100001 00000 rs1 rm rd 1010011", setX(float("toW", "d", a))),
  instruction("fcvt.wu.d rd, rs1, rm", "1100001 00001 rs1 rm rd 1010011", setX(float("toWu", "d", a))),
  instruction("fcvt.l.d rd, rs1, rm", "1100001 00010 rs1 rm rd 1010011", setX(float("toL", "d", a))),
  instruction("fcvt.lu.d rd, rs1, rm", "1100001 00011 rs1 rm rd 1010011", setX(float("toLu", "d", a))),
  instruction("fcvt.d.w rd, rs1, rm", "1101001 00000 rs1 rm rd 1010011", setF(float("fromW", "d", sext32(rs1)))),
  instruction("fcvt.d.wu rd, rs1, rm", "1101001 00001 rs1 rm rd 1010011", setF(float("fromWu", "d", sext32(rs1)))),
  instruction("fcvt.d.l rd, rs1, rm", "1101001 00010 rs1 rm rd 1010011", setF(float("fromL", "d", rs1))),
  instruction("fcvt.d.lu rd, rs1, rm", "1101001 00011 rs1 rm rd 1010011", setF(float("fromLu", "d", rs1))),
  instruction("fcvt.s.d rd, rs1, rm", "0100000 00001 rs1 rm rd 1010011", setF(boxed(float("toOther", "d", a)))),
  instruction("fcvt.d.s rd, rs1, rm", "0100001 00000 rs1 rm rd 1010011", setF(float("toOther", "s", unboxed("rs1")))),
  instruction("fmv.x.d rd, rs1", "1110001 00000 rs1 000 rd 1010011", setX(a)),
  instruction("fmv.d.x rd, rs1", "1111001 00000 rs1 000 rd 1010011", setF(rs1)),
];
