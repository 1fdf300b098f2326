/** `hindsight help`: every command and flag on one page. */
import { DEBUG_FLAGS } from "./debug.ts";
import type { Flag } from "./flags.ts";
import { GUEST_FLAGS } from "./guest.ts";
import { HUNT_FLAGS } from "./hunt.ts";
import { LAB_FLAGS } from "./lab.ts";
import { MACHINE_FLAGS } from "./machine_config.ts";
import { RECORD_FLAGS } from "./record.ts";

/** The commands, in the order of the help. */
export const COMMANDS = {
  demo: "runs the built-in guest until it crashes",
  guest: "debian: prepares the Debian guest in the user's cache",
  run: "MACHINE: boots; console on the terminal (Ctrl-A x leaves, Ctrl-A h helps)",
  record: "MACHINE -o FILE: the same, recorded",
  replay: "FILE [--until CYCLE]: prints the console again, then the final cycle and digest",
  verify: "FILE: replays all and compares every output and digest",
  info: "FILE [--json]: what a recording holds, and how it ended",
  events: "FILE [--kind K] [--from C] [--to C] [--json]: all that came in",
  debug: "FILE --gdb HOST:PORT, --http HOST:PORT: forward and backward in gdb and over HTTP",
  packets: "FILE [--guest G] [--link L] [--pcapng OUT] [--json]: frames, and what became of them",
  hunt: "MACHINE --seeds A..B: runs on after boot with each seed, and keeps what fails",
  help: "this page",
} as const;

/** The page. */
export function helpText(): string {
  const commands = Object.entries(COMMANDS).map(([name, summary]) =>
    `  hindsight ${name.padEnd(8)}${summary}`
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
    "LAB, in place of MACHINE (with --seed, --until-cycle, --digests):",
    ...LAB_FLAGS.map(line),
    "",
    "Flags of record:",
    ...RECORD_FLAGS.map(line),
    "",
    "Flags of hunt:",
    ...HUNT_FLAGS.map(line),
    "",
    "Flags of debug:",
    ...DEBUG_FLAGS.map(line),
    "",
    "Flags of guest debian:",
    ...GUEST_FLAGS.map(line),
    "",
    "For tests (the guest cannot see them; --jit-threshold also of replay and verify):",
    ...MACHINE_FLAGS.filter((flag) => flag.isForTests).map(line),
    "",
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
