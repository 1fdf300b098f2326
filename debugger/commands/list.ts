/** All commands of the debugger: what stands here exists in gdb's `monitor`, over HTTP and in `help`. */
import type { Command } from "../command.ts";
import { branch } from "./branch.ts";
import { breakAt } from "./break.ts";
import { breakpoints } from "./breakpoints.ts";
import { checkpoint } from "./checkpoint.ts";
import { continueForward } from "./continue.ts";
import { deleteOne } from "./delete.ts";
import { digest } from "./digest.ts";
import { disassemble } from "./disassemble.ts";
import { engine } from "./engine.ts";
import { events } from "./events.ts";
import { fault } from "./fault.ts";
import { goto } from "./goto.ts";
import { hart } from "./hart.ts";
import { harts } from "./harts.ts";
import { help } from "./help.ts";
import { impair } from "./impair.ts";
import { lab } from "./lab.ts";
import { memory } from "./memory.ts";
import { packet } from "./packet.ts";
import { physical } from "./physical.ts";
import { registers } from "./registers.ts";
import { returnFromBranch } from "./return.ts";
import { reverseContinue } from "./reverse_continue.ts";
import { reverseStep } from "./reverse_step.ts";
import { reverseUntil } from "./reverse_until.ts";
import { setMemory } from "./set_memory.ts";
import { setRegister } from "./set_register.ts";
import { step } from "./step.ts";
import { symbol } from "./symbol.ts";
import { sync } from "./sync.ts";
import { until } from "./until.ts";
import { watch } from "./watch.ts";
import { where } from "./where.ts";
import { why } from "./why.ts";
import { whyStopped } from "./why_stopped.ts";

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  help(() => COMMANDS),
  where,
  whyStopped,
  why,
  goto,
  step,
  reverseStep,
  continueForward,
  reverseContinue,
  until,
  reverseUntil,
  breakAt,
  watch,
  breakpoints,
  deleteOne,
  checkpoint,
  harts,
  hart,
  lab,
  sync,
  packet,
  registers,
  memory,
  disassemble,
  symbol,
  physical,
  events,
  digest,
  engine,
  branch,
  setRegister,
  setMemory,
  fault,
  impair,
  returnFromBranch,
];
