/** RV32I and RV64I base integer instructions. Source: RISC-V unprivileged specification, chapters 2 and 4. */
import {
  add,
  and,
  branch,
  constant,
  eq,
  geS,
  geU,
  imm,
  jump,
  load,
  ltS,
  ltU,
  ne,
  next,
  or,
  pc,
  rs1,
  rs2,
  setX,
  sext32,
  shl,
  shrS,
  shrU,
  store,
  sub,
  system,
  type Value,
  xor,
  zext32,
} from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

const address = add(rs1, imm);
const target = add(pc, imm);
const low5 = (value: Value) => and(value, constant(31));

export const RV64I: readonly Instruction[] = [
  instruction("lui rd, imm", "imm[31:12] rd 0110111", setX(imm)),
  instruction("auipc rd, imm", "imm[31:12] rd 0010111", setX(add(pc, imm))),
  instruction("jal rd, imm", "imm[20|10:1|11|19:12] rd 1101111", jump(target), setX(next)),
  instruction(
    "jalr rd, imm(rs1)",
    "imm[11:0] rs1 000 rd 1100111",
    jump(and(address, constant(-2))),
    setX(next),
  ),

  instruction(
    "beq rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011",
    branch(eq(rs1, rs2), target),
  ),
  instruction(
    "bne rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011",
    branch(ne(rs1, rs2), target),
  ),
  instruction(
    "blt rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011",
    branch(ltS(rs1, rs2), target),
  ),
  instruction(
    "bge rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011",
    branch(geS(rs1, rs2), target),
  ),
  instruction(
    "bltu rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011",
    branch(ltU(rs1, rs2), target),
  ),
  instruction(
    "bgeu rs1, rs2, imm",
    "imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011",
    branch(geU(rs1, rs2), target),
  ),

  instruction("lb rd, imm(rs1)", "imm[11:0] rs1 000 rd 0000011", setX(load(1, true, address))),
  instruction("lh rd, imm(rs1)", "imm[11:0] rs1 001 rd 0000011", setX(load(2, true, address))),
  instruction("lw rd, imm(rs1)", "imm[11:0] rs1 010 rd 0000011", setX(load(4, true, address))),
  instruction("ld rd, imm(rs1)", "imm[11:0] rs1 011 rd 0000011", setX(load(8, true, address))),
  instruction("lbu rd, imm(rs1)", "imm[11:0] rs1 100 rd 0000011", setX(load(1, false, address))),
  instruction("lhu rd, imm(rs1)", "imm[11:0] rs1 101 rd 0000011", setX(load(2, false, address))),
  instruction("lwu rd, imm(rs1)", "imm[11:0] rs1 110 rd 0000011", setX(load(4, false, address))),
  instruction("sb rs2, imm(rs1)", "imm[11:5] rs2 rs1 000 imm[4:0] 0100011", store(1, address, rs2)),
  instruction("sh rs2, imm(rs1)", "imm[11:5] rs2 rs1 001 imm[4:0] 0100011", store(2, address, rs2)),
  instruction("sw rs2, imm(rs1)", "imm[11:5] rs2 rs1 010 imm[4:0] 0100011", store(4, address, rs2)),
  instruction("sd rs2, imm(rs1)", "imm[11:5] rs2 rs1 011 imm[4:0] 0100011", store(8, address, rs2)),

  instruction("addi rd, rs1, imm", "imm[11:0] rs1 000 rd 0010011", setX(add(rs1, imm))),
  instruction("slti rd, rs1, imm", "imm[11:0] rs1 010 rd 0010011", setX(ltS(rs1, imm))),
  instruction("sltiu rd, rs1, imm", "imm[11:0] rs1 011 rd 0010011", setX(ltU(rs1, imm))),
  instruction("xori rd, rs1, imm", "imm[11:0] rs1 100 rd 0010011", setX(xor(rs1, imm))),
  instruction("ori rd, rs1, imm", "imm[11:0] rs1 110 rd 0010011", setX(or(rs1, imm))),
  instruction("andi rd, rs1, imm", "imm[11:0] rs1 111 rd 0010011", setX(and(rs1, imm))),
  instruction("slli rd, rs1, imm", "000000 uimm[5:0] rs1 001 rd 0010011", setX(shl(rs1, imm))),
  instruction("srli rd, rs1, imm", "000000 uimm[5:0] rs1 101 rd 0010011", setX(shrU(rs1, imm))),
  instruction("srai rd, rs1, imm", "010000 uimm[5:0] rs1 101 rd 0010011", setX(shrS(rs1, imm))),
  instruction("addiw rd, rs1, imm", "imm[11:0] rs1 000 rd 0011011", setX(sext32(add(rs1, imm)))),
  instruction(
    "slliw rd, rs1, imm",
    "0000000 uimm[4:0] rs1 001 rd 0011011",
    setX(sext32(shl(rs1, imm))),
  ),
  instruction(
    "srliw rd, rs1, imm",
    "0000000 uimm[4:0] rs1 101 rd 0011011",
    setX(sext32(shrU(zext32(rs1), imm))),
  ),
  instruction(
    "sraiw rd, rs1, imm",
    "0100000 uimm[4:0] rs1 101 rd 0011011",
    setX(shrS(sext32(rs1), imm)),
  ),

  instruction("add rd, rs1, rs2", "0000000 rs2 rs1 000 rd 0110011", setX(add(rs1, rs2))),
  instruction("sub rd, rs1, rs2", "0100000 rs2 rs1 000 rd 0110011", setX(sub(rs1, rs2))),
  instruction("sll rd, rs1, rs2", "0000000 rs2 rs1 001 rd 0110011", setX(shl(rs1, rs2))),
  instruction("slt rd, rs1, rs2", "0000000 rs2 rs1 010 rd 0110011", setX(ltS(rs1, rs2))),
  instruction("sltu rd, rs1, rs2", "0000000 rs2 rs1 011 rd 0110011", setX(ltU(rs1, rs2))),
  instruction("xor rd, rs1, rs2", "0000000 rs2 rs1 100 rd 0110011", setX(xor(rs1, rs2))),
  instruction("srl rd, rs1, rs2", "0000000 rs2 rs1 101 rd 0110011", setX(shrU(rs1, rs2))),
  instruction("sra rd, rs1, rs2", "0100000 rs2 rs1 101 rd 0110011", setX(shrS(rs1, rs2))),
  instruction("or rd, rs1, rs2", "0000000 rs2 rs1 110 rd 0110011", setX(or(rs1, rs2))),
  instruction("and rd, rs1, rs2", "0000000 rs2 rs1 111 rd 0110011", setX(and(rs1, rs2))),
  instruction("addw rd, rs1, rs2", "0000000 rs2 rs1 000 rd 0111011", setX(sext32(add(rs1, rs2)))),
  instruction("subw rd, rs1, rs2", "0100000 rs2 rs1 000 rd 0111011", setX(sext32(sub(rs1, rs2)))),
  instruction(
    "sllw rd, rs1, rs2",
    "0000000 rs2 rs1 001 rd 0111011",
    setX(sext32(shl(rs1, low5(rs2)))),
  ),
  instruction(
    "srlw rd, rs1, rs2",
    "0000000 rs2 rs1 101 rd 0111011",
    setX(sext32(shrU(zext32(rs1), low5(rs2)))),
  ),
  instruction(
    "sraw rd, rs1, rs2",
    "0100000 rs2 rs1 101 rd 0111011",
    setX(shrS(sext32(rs1), low5(rs2))),
  ),

  // Hints and the reserved fields of fence change nothing: memory is sequentially consistent here.
  instruction("fence pred, succ", "fm pred succ rs1 000 rd 0001111", system("fence")),
  instruction("ecall", "000000000000 00000 000 00000 1110011", system("ecall")),
  instruction("ebreak", "000000000001 00000 000 00000 1110011", system("ebreak")),
];
