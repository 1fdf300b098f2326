/**
 * CSR instructions. Source: RISC-V unprivileged specification, "Zicsr".
 *
 * A `write` with rd = x0 does not read the CSR; a `set` or `clear` whose rs1 field (register or
 * immediate) is 0 does not write it.
 */
import { csr, rs1, setX, zimm } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const ZICSR: readonly Instruction[] = [
  instruction("csrrw rd, csr, rs1", "csr rs1 001 rd 1110011", setX(csr("write", rs1))),
  instruction("csrrs rd, csr, rs1", "csr rs1 010 rd 1110011", setX(csr("set", rs1))),
  instruction("csrrc rd, csr, rs1", "csr rs1 011 rd 1110011", setX(csr("clear", rs1))),
  instruction("csrrwi rd, csr, zimm", "csr zimm 101 rd 1110011", setX(csr("write", zimm))),
  instruction("csrrsi rd, csr, zimm", "csr zimm 110 rd 1110011", setX(csr("set", zimm))),
  instruction("csrrci rd, csr, zimm", "csr zimm 111 rd 1110011", setX(csr("clear", zimm))),
];
