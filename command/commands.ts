/** The commands, each loaded when it is called for: a machine shall not wait for the debugger's code. */

/** Takes what follows its name on the command line, and returns the exit status. */
export type Command = (args: readonly string[]) => number | Promise<number>;

interface Entry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** In the order of the help. */
const TABLE = {
  demo: {
    summary: "runs the built-in guest until it crashes",
    load: async () => (await import("./demo.ts")).demo,
  },
  guest: {
    summary: "debian: prepares the Debian guest in the user's cache",
    load: async () => (await import("./guest.ts")).guest,
  },
  run: {
    summary: "MACHINE: boots; console on the terminal (Ctrl-A x leaves, Ctrl-A h helps)",
    load: async () => (await import("./run.ts")).run,
  },
  record: {
    summary: "MACHINE -o FILE: the same, recorded",
    load: async () => (await import("./record.ts")).record,
  },
  replay: {
    summary: "FILE [--guest G] [--until CYCLE]: prints the console again, then cycle and digest",
    load: async () => (await import("./replay.ts")).replay,
  },
  verify: {
    summary: "FILE [--guest G] [--jobs N]: replays all and compares every output and digest",
    load: async () => (await import("./verify.ts")).verify,
  },
  info: {
    summary: "FILE [--guest G] [--json]: what a recording holds, and how it ended",
    load: async () => (await import("./info.ts")).info,
  },
  events: {
    summary: "FILE [--guest G] [--kind K] [--from C] [--to C] [--json]: all that came in",
    load: async () => (await import("./events.ts")).events,
  },
  debug: {
    summary: "FILE --gdb HOST:PORT, --http HOST:PORT: forward and backward in gdb and over HTTP",
    load: async () => (await import("./debug.ts")).debug,
  },
  triage: {
    summary: "FILE [--json]: what failed, host side or guest side, with the evidence",
    load: async () => (await import("./triage.ts")).triage,
  },
  why: {
    summary: "FILE REG|ADDRESS [--at CYCLE] [--json]: where a value comes from, writer by writer",
    load: async () => (await import("./why.ts")).why,
  },
  packets: {
    summary: "FILE [--guest G] [--link L] [--pcapng OUT] [--json]: frames, and what became of them",
    load: async () => (await import("./packets.ts")).packets,
  },
  hunt: {
    summary: "MACHINE --seeds A..B: runs on after boot with each seed, and keeps what fails",
    load: async () => (await import("./hunt.ts")).hunt,
  },
  minimise: {
    summary: "FAIL.hsr [-o FILE]: what the failure needs of all that its lab's network did",
    load: async () => (await import("./minimise.ts")).minimise,
  },
  "what-if": {
    summary: "FILE --without EVENT: whether the failure needs what happened on the host's side",
    load: async () => (await import("./what_if.ts")).whatIf,
  },
  help: {
    summary: "this page",
    load: async () => (await import("./help.ts")).help,
  },
} as const satisfies Record<string, Entry>;

export const COMMANDS: ReadonlyMap<string, Entry> = new Map(Object.entries(TABLE));
