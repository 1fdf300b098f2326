/**
 * Atomic instructions. Source: RISC-V unprivileged specification, "A" extension.
 *
 * The ordering bits `aq` and `rl` change nothing: memory is sequentially consistent here.
 */
import { amo, lr, rs1, rs2, sc, setX } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const A: readonly Instruction[] = [
  instruction("lr.w rd, (rs1)", "00010 aq rl 00000 rs1 010 rd 0101111", setX(lr(4, rs1))),
  instruction("sc.w rd, rs2, (rs1)", "00011 aq rl rs2 rs1 010 rd 0101111", setX(sc(4, rs1, rs2))),
  instruction("amoswap.w rd, rs2, (rs1)", "00001 aq rl rs2 rs1 010 rd 0101111", setX(amo("swap", 4, rs1, rs2))),
  instruction("amoadd.w rd, rs2, (rs1)", "00000 aq rl rs2 rs1 010 rd 0101111", setX(amo("add", 4, rs1, rs2))),
  instruction("amoxor.w rd, rs2, (rs1)", "00100 aq rl rs2 rs1 010 rd 0101111", setX(amo("xor", 4, rs1, rs2))),
  instruction("amoand.w rd, rs2, (rs1)", "01100 aq rl rs2 rs1 010 rd 0101111", setX(amo("and", 4, rs1, rs2))),
  instruction("amoor.w rd, rs2, (rs1)", "01000 aq rl rs2 rs1 010 rd 0101111", setX(amo("or", 4, rs1, rs2))),
  instruction("amomin.w rd, rs2, (rs1)", "10000 aq rl rs2 rs1 010 rd 0101111", setX(amo("minS", 4, rs1, rs2))),
  instruction("amomax.w rd, rs2, (rs1)", "10100 aq rl rs2 rs1 010 rd 0101111", setX(amo("maxS", 4, rs1, rs2))),
  instruction("amominu.w rd, rs2, (rs1)", "11000 aq rl rs2 rs1 010 rd 0101111", setX(amo("minU", 4, rs1, rs2))),
  instruction("amomaxu.w rd, rs2, (rs1)", "11100 aq rl rs2 rs1 010 rd 0101111", setX(amo("maxU", 4, rs1, rs2))),

  instruction("lr.d rd, (rs1)", "00010 aq rl 00000 rs1 011 rd 0101111", setX(lr(8, rs1))),
  instruction("sc.d rd, rs2, (rs1)", "00011 aq rl rs2 rs1 011 rd 0101111", setX(sc(8, rs1, rs2))),
  instruction("amoswap.d rd, rs2, (rs1)", "00001 aq rl rs2 rs1 011 rd 0101111", setX(amo("swap", 8, rs1, rs2))),
  instruction("amoadd.d rd, rs2, (rs1)", "00000 aq rl rs2 rs1 011 rd 0101111", setX(amo("add", 8, rs1, rs2))),
  instruction("amoxor.d rd, rs2, (rs1)", "00100 aq rl rs2 rs1 011 rd 0101111", setX(amo("xor", 8, rs1, rs2))),
  instruction("amoand.d rd, rs2, (rs1)", "01100 aq rl rs2 rs1 011 rd 0101111", setX(amo("and", 8, rs1, rs2))),
  instruction("amoor.d rd, rs2, (rs1)", "01000 aq rl rs2 rs1 011 rd 0101111", setX(amo("or", 8, rs1, rs2))),
  instruction("amomin.d rd, rs2, (rs1)", "10000 aq rl rs2 rs1 011 rd 0101111", setX(amo("minS", 8, rs1, rs2))),
  instruction("amomax.d rd, rs2, (rs1)", "10100 aq rl rs2 rs1 011 rd 0101111", setX(amo("maxS", 8, rs1, rs2))),
  instruction("amominu.d rd, rs2, (rs1)", "11000 aq rl rs2 rs1 011 rd 0101111", setX(amo("minU", 8, rs1, rs2))),
  instruction("amomaxu.d rd, rs2, (rs1)", "11100 aq rl rs2 rs1 011 rd 0101111", setX(amo("maxU", 8, rs1, rs2))),
];
