/** Instruction-fetch fence. Its unused fields are reserved and ignored. Source: RISC-V unprivileged specification, "Zifencei". */
import { system } from "./effect.ts";
import { type Instruction, instruction } from "./instruction.ts";

// deno-fmt-ignore
export const ZIFENCEI: readonly Instruction[] = [
  instruction("fence.i", "uimm[11:0] rs1 001 rd 0001111", system("fence.i")),
];
