/** `hindsight help`: every command and flag on one page. */
import { writeOutput } from "../devices/deno/terminal.ts";
import { COMMANDS } from "./commands.ts";
import { DEBUG_FLAGS } from "./debug.ts";
import type { Flag } from "./flags.ts";
import { GUEST_FLAGS } from "./guest.ts";
import { HUNT_FLAGS } from "./hunt.ts";
import { LAB_RUN_FLAGS } from "./lab_flags.ts";
import { JIT_FLAG, MACHINE_FLAGS } from "./machine_config.ts";
import { MINIMISE_FLAGS } from "./minimise.ts";
import { RECORD_FLAGS } from "./record.ts";
import { TRIAGE_FLAGS } from "./triage.ts";
import { WHAT_IF_FLAGS } from "./what_if.ts";
import { WHY_FLAGS } from "./why.ts";

/** @returns the exit status */
export function help(): number {
  writeOutput(new TextEncoder().encode(helpText()));
  return 0;
}

/** The page. */
export function helpText(): string {
  const commands = [...COMMANDS].map(([name, { summary }]) =>
    `  hindsight ${name.padEnd(9)}${summary}`
  );
  return [
    "hindsight: a whole RISC-V machine, replayable",
    "",
    ...commands,
    "  hindsight --version",
    "",
    "MACHINE, the flags of run and record:",
    ...MACHINE_FLAGS.filter((flag) => !flag.isForTests).map(line),
    "",
    "LAB, in place of MACHINE (with --seed, --until-cycle, --digests, --faults):",
    ...LAB_RUN_FLAGS.map(line),
    "",
    "Flags of record:",
    ...RECORD_FLAGS.map(line),
    "",
    "Flags of hunt:",
    ...HUNT_FLAGS.map(line),
    "",
    "Flags of minimise:",
    ...MINIMISE_FLAGS.map(line),
    "",
    "Flags of triage:",
    ...TRIAGE_FLAGS.filter((flag) => flag !== JIT_FLAG).map(line),
    "",
    "Flags of what-if:",
    ...WHAT_IF_FLAGS.map(line),
    "",
    "Flags of debug:",
    ...DEBUG_FLAGS.map(line),
    "",
    "Flags of why:",
    ...WHY_FLAGS.map(line),
    "",
    "Flags of guest debian:",
    ...GUEST_FLAGS.map(line),
    "",
    "For tests (the guest cannot see them; --jit-threshold also of replay and verify):",
    ...MACHINE_FLAGS.filter((flag) => flag.isForTests).map(line),
    "",
    "What earlier runs found hot is compiled at once: HINDSIGHT_PROFILE names that file, or none.",
    "A pipe on standard input is the console's input, but not with --send, --run or model timing.",
    "Exit status: 0 the guest powered off, 1 it failed, 2 usage, 3 divergence, 4 the host failed,",
    "128 + N signal N ended it.",
    "",
  ].join("\n");
}

function line({ name, value, isRepeatable, summary }: Flag): string {
  const dashes = name.length > 1 ? "--" : "-";
  const flag = `${dashes}${name}${value === undefined ? "" : ` ${value}`}${
    isRepeatable ? "…" : ""
  }`;
  return `  ${flag.padEnd(28)} ${summary}`;
}
