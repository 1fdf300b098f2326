/** `hindsight debug`: a recording under gdb, over HTTP, or both at once. */
import { printLine } from "../devices/deno/terminal.ts";
import { COMMANDS } from "../debugger/commands/list.ts";
import type { Debugger } from "../debugger/debugger.ts";
import { GdbListener } from "../debugger/deno/gdb_listener.ts";
import { HttpListener, randomToken } from "../debugger/deno/http_listener.ts";
import { httpFace } from "../debugger/http/app.ts";
import { HostError, reason, STATUS, UsageError } from "./errors.ts";
import { type Flag, parseFlags, sizeFlag } from "./flags.ts";
import { budgetFor, debuggers, positionIn } from "./debuggers.ts";
import { labClients } from "./lab_clients.ts";
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
    summary: "for recording, checkpoints and clients' machines; by default 1G for checkpoints",
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
  const end = Math.max(...[...recorded.lab.guests.values()].map(({ log }) => log.endCycle));
  const open = await labClients(path, recorded.lab, { at: positionIn(at, end), budgetBytes });
  // What one face's clients agree on is nothing to the others'.
  return () => new Map(open().map((guest) => [guest.name, () => guest.open()]));
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
