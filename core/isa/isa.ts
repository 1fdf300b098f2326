/** Every instruction of the machine, in a fixed order: an index into {@link INSTRUCTIONS} names one. */
import { A } from "./a.ts";
import { D } from "./d.ts";
import { F } from "./f.ts";
import type { Instruction } from "./instruction.ts";
import { M } from "./m.ts";
import { PRIVILEGED } from "./privileged.ts";
import { RV64I } from "./rv64i.ts";
import { ZBA } from "./zba.ts";
import { ZBB } from "./zbb.ts";
import { ZBS } from "./zbs.ts";
import { ZICSR } from "./zicsr.ts";
import { ZIFENCEI } from "./zifencei.ts";

export { COMPRESSED } from "./c.ts";

/** The 32-bit instructions. */
export const INSTRUCTIONS: readonly Instruction[] = [
  RV64I,
  M,
  A,
  F,
  D,
  ZICSR,
  ZIFENCEI,
  ZBA,
  ZBB,
  ZBS,
  PRIVILEGED,
].flat();
