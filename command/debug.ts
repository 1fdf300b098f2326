/** `hindsight debug`: a recording under gdb, over HTTP, or both at once. */
import { printLine } from "../devices/deno/terminal.ts";
import { isElf } from "../devices/boot/elf.ts";
import { COMMANDS } from "../debugger/commands/list.ts";
import { Debugger } from "../debugger/debugger.ts";
import { eventLoopTurns } from "../debugger/deno/event_loop.ts";
import { GdbListener } from "../debugger/deno/gdb_listener.ts";
import { HttpListener, randomToken } from "../debugger/deno/http_listener.ts";
import { httpFace } from "../debugger/http/app.ts";
import { elfSymbols } from "../debugger/symbols/elf_symbols.ts";
import { type KernelFinding, KernelSymbols } from "../debugger/symbols/kernel_symbols.ts";
import { CombinedSymbols } from "../debugger/symbols/symbols.ts";
import { Timeline } from "../replay/timeline.ts";
import { HostError, reason, STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags, sizeFlag } from "./flags.ts";
import { onlyFile, type OpenRecording, openRecording } from "./recording_file.ts";

export const DEBUG_FLAGS: readonly Flag[] = [
  { name: "gdb", value: "HOST:PORT", summary: "listen for gdb (`target remote HOST:PORT`)" },
  { name: "http", value: "HOST:PORT", summary: "serve HTTP on a loopback address" },
  { name: "at", value: "CYCLE|start|end", summary: "begin there; at the end by default" },
  {
    name: "memory-budget",
    value: "SIZE",
    summary: "for checkpoints and clients' machines; 1G and 4 times the guest's RAM by default",
  },
];

interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** Serves until SIGTERM or SIGINT. @returns the exit status */
export async function debug(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, DEBUG_FLAGS);
  const path = onlyFile("debug", flags.positional);
  const address = (name: string) => {
    const text = flags.values.get(name)?.[0];
    return text === undefined ? undefined : parseAddress(name, text);
  };
  const [gdb, http] = [address("gdb"), address("http")];
  if (!gdb && !http) {
    throw new UsageError("debug needs --gdb HOST:PORT, --http HOST:PORT, or both");
  }
  const recording = await openRecording(path);
  const at = position(flags.values.get("at")?.[0] ?? "end", recording.log.endCycle);
  const open = opener(recording, at, sizeFlag(flags, "memory-budget"));
  const stopped = signalled();
  const faces: { close(): Promise<void> }[] = [];
  if (gdb) {
    const debugger_ = await open();
    const listener = listen(
      gdb,
      () => new GdbListener({ ...gdb, commands: COMMANDS, debug: debugger_ }),
    );
    faces.push(listener);
    printLine(`listening on ${listener.address} for gdb`);
  }
  if (http) {
    const token = randomToken();
    const face = httpFace({ commands: COMMANDS, open, token });
    const listener = listen(http, () => new HttpListener(http.hostname, http.port, face));
    faces.push(listener);
    printLine(`listening on ${listener.address} for HTTP, token ${token}`);
  }
  await stopped;
  await Promise.all(faces.map((face) => face.close()));
  return STATUS.ok;
}

// Debuggers over one timeline, each with its own cursor.
function opener(recording: OpenRecording, at: number, budgetBytes: number | undefined) {
  const { path, log, config, images, build, stored } = recording;
  const timeline = new Timeline({
    log,
    // gdb, an HTTP client, and what that one reads at other cycles: a machine each.
    budgetBytes: budgetBytes ?? 2 ** 30 + 4 * config.memoryBytes,
    harts: config.harts,
    createMachine: (host) => build(host),
    stored,
    onDropped: (cycle, why) =>
      console.error(`hindsight: ${path}: the checkpoint at cycle ${cycle} is not used: ${why}`),
    turn: eventLoopTurns(),
  });
  const tables = images.filter(({ bytes }) => isElf(bytes)).map(({ bytes }) => elfSymbols(bytes));
  const finding: KernelFinding = {};
  return async () => {
    const cursor = await timeline.cursor(at);
    const symbols = new CombinedSymbols([...tables, new KernelSymbols(cursor, finding)]);
    return new Debugger({ cursor, symbols, events: log.entries });
  };
}

function parseAddress(flag: string, text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([^:]*)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535) {
    throw new UsageError(`--${flag} ${text}: write HOST:PORT, such as 127.0.0.1:1234`);
  }
  return { hostname: bracketed ?? (plain || "127.0.0.1"), port: Number(port) };
}

function position(text: string, end: number): number {
  if (text === "start") return 0;
  if (text === "end") return end;
  const cycle = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll("_", "")) : NaN;
  if (!(cycle <= end)) {
    throw new UsageError(`--at ${text}: a cycle from 0 to ${end}, start, or end`);
  }
  return cycle;
}

function listen<Listener>({ hostname, port }: Address, start: () => Listener): Listener {
  try {
    return start();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw new HostError(`cannot listen on ${hostname}:${port}: ${reason(error)}`);
  }
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
}
