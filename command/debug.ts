/** `hindsight debug`: a recording under gdb, over HTTP, or both at once. */
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import { printLine } from "../devices/deno/terminal.ts";
import { COMMANDS } from "../debugger/commands/list.ts";
import type { Debugger } from "../debugger/debugger.ts";
import { GdbListener } from "../debugger/deno/gdb_listener.ts";
import { HttpListener, randomToken } from "../debugger/deno/http_listener.ts";
import { httpFace } from "../debugger/http/app.ts";
import { eventLoopTurns } from "../debugger/deno/event_loop.ts";
import { type LabBranch, LabGuest, type LabPlace } from "../debugger/lab.ts";
import type { LabRecording } from "../replay/format/reader.ts";
import { describeEnd } from "../replay/log.ts";
import { HostError, reason, STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags, sizeFlag } from "./flags.ts";
import { BUDGET_BYTES, budgetFor, debuggers, positionIn } from "./debuggers.ts";
import { branchLab } from "./lab_branch.ts";
import { openLab } from "./recorded_lab.ts";
import { sentFrames } from "./sent_frames.ts";
import { GUEST_FLAG, onlyFile, opened, readRecordedFile, recordingIn } from "./recording_file.ts";

export const DEBUG_FLAGS: readonly Flag[] = [
  {
    name: "gdb",
    value: "HOST:PORT",
    summary: "listen for gdb (`target remote HOST:PORT`); for a lab's guests, on ports in a row",
  },
  { name: "http", value: "HOST:PORT", summary: "serve HTTP on a loopback address" },
  { name: "at", value: "CYCLE|start|end", summary: "begin there; at the end by default" },
  GUEST_FLAG,
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
  const guest = flags.values.get("guest")?.[0];
  const at = flags.values.get("at")?.[0] ?? "end";
  const options = { at, budgetBytes: sizeFlag(flags, "memory-budget") };
  const clients = await clientsOf(path, guest, options);
  const stopped = signalled();
  const faces: { close(): Promise<void> }[] = [];
  if (gdb) faces.push(...await listenForGdb(gdb, clients));
  if (http) faces.push(listenForHttp(http, clients));
  await stopped;
  await Promise.all(faces.map((face) => face.close()));
  return STATUS.ok;
}

/** Makes debuggers for the clients of each face: of one machine, whose name is "", or of each guest. */
type Clients = () => ReadonlyMap<string, () => Promise<Debugger>>;

interface ClientOptions {
  /** As it was given. */
  readonly at: string;
  readonly budgetBytes: number | undefined;
}

async function clientsOf(
  path: string,
  guest: string | undefined,
  { at, budgetBytes }: ClientOptions,
): Promise<Clients> {
  const recorded = readRecordedFile(path);
  if (recorded.lab === undefined || guest !== undefined) {
    const recording = await opened(path, recordingIn(path, recorded, guest));
    const open = debuggers(recording, budgetBytes ?? budgetFor(recording));
    const cycle = positionIn(at, recording.log.endCycle);
    return () => new Map([["", () => open(cycle)]]);
  }
  const { guests } = await openLab(path, recorded.lab);
  const end = Math.max(...guests.map(({ log }) => log.endCycle));
  const cycle = positionIn(at, end);
  const part = (budgetBytes ?? BUDGET_BYTES) / guests.length;
  const opens = guests.map((guest) =>
    debuggers(guest, budgetBytes === undefined ? part + 4 * guest.config.memoryBytes : part)
  );
  const sentAt = sentFrames(path, recorded.lab);
  const change: LabPlace["change"] = (changes, signal) =>
    branchOf(path, recorded.lab!, changes, signal);
  // What one face's clients agree on is nothing to the others'.
  return () => {
    const all: LabGuest[] = guests.map(({ name, log }, index) =>
      new LabGuest(
        name,
        log.endCycle,
        describeEnd(log.end),
        cycle,
        (at) => opens[index](at, { name, guests: all, sentAt, change }),
      )
    );
    return new Map(all.map((guest) => [guest.name, () => guest.open()]));
  };
}

/** Runs on machines of its own, as quickly as a replay does. */
async function branchOf(
  path: string,
  recorded: LabRecording,
  ...[changes, signal]: Parameters<LabPlace["change"]>
): Promise<LabBranch> {
  const compiler = new ThreadCompiler();
  try {
    const lab = await openLab(path, recorded, { compiler: (shape) => compiler.open(shape) });
    return await branchLab(lab, changes, { turn: eventLoopTurns(), signal });
  } finally {
    compiler.close();
  }
}

/** One port for each guest, in a row. */
async function listenForGdb({ hostname, port }: Address, clients: Clients): Promise<GdbListener[]> {
  const listeners: GdbListener[] = [];
  for (const [name, open] of clients()) {
    const address = { hostname, port: port === 0 ? 0 : port + listeners.length };
    const debug = await open();
    const listener = listen(
      address,
      () => new GdbListener({ ...address, commands: COMMANDS, debug }),
    );
    listeners.push(listener);
    printLine(`listening on ${listener.address} for gdb${name && `, guest ${name}`}`);
  }
  return listeners;
}

function listenForHttp({ hostname, port }: Address, clients: Clients): HttpListener {
  const token = randomToken();
  const guests = clients();
  const face = httpFace({ commands: COMMANDS, open: guests.get("") ?? guests, token });
  const listener = listen({ hostname, port }, () => new HttpListener(hostname, port, face));
  printLine(`listening on ${listener.address} for HTTP, token ${token}`);
  return listener;
}

function parseAddress(flag: string, text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([^:]*)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535) {
    throw new UsageError(`--${flag} ${text}: write HOST:PORT, such as 127.0.0.1:1234`);
  }
  return { hostname: bracketed ?? (plain || "127.0.0.1"), port: Number(port) };
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
