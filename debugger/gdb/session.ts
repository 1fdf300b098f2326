/** A session with one gdb: answers each packet. Source: Debugging with GDB, appendix E "Remote Protocol". */
import type { Arrival } from "../../replay/cursor.ts";
import { type Call, type Command, parseLine } from "../command.ts";
import { CommandError, type Debugger } from "../debugger.ts";
import { hexBytes, parseHexBytes } from "../number.ts";
import { GdbBreakpoints } from "./breakpoints.ts";
import { encodePacket, PACKET_BYTES_MAX, PacketReader } from "./packet.ts";
import { readRegister, writeRegister } from "./registers.ts";
import { parseVCont, resume, type Resumption } from "./resume.ts";
import { stopReply, threadId } from "./stop_reply.ts";
import {
  G_REGISTERS,
  type GdbRegister,
  gdbRegisters,
  MEMORY_MAP,
  targetDescription,
} from "./target_description.ts";

const FEATURES = `PacketSize=${PACKET_BYTES_MAX.toString(16)};QStartNoAckMode+;` +
  "ReverseStep+;ReverseContinue+;vContSupported+;swbreak+;hwbreak+;" +
  "qXfer:features:read+;qXfer:memory-map:read+";
const [UNSUPPORTED, OK, MALFORMED, FAULT] = ["", "OK", "E01", "E0e"];
/** Bytes of memory in one reply, or of console text: two digits each. */
const DATA_BYTES_MAX = PACKET_BYTES_MAX / 2 - 16;

const STALE =
  "\n(gdb does not notice by itself: maintenance flush register-cache, maintenance flush dcache)";
/** What `monitor` adds to the answers of some commands. */
const NOTES: Readonly<Record<string, string>> = {
  "help": "\n\nWhat moves happens at gdb's next resume: monitor goto 1000, then stepi or continue.",
  "set-register": STALE,
  "set-memory": STALE,
  "physical": STALE,
};

/** The connection, as a session sees it. */
export interface GdbConnection {
  /** Sends bytes after those sent before. */
  send(bytes: Uint8Array): void;
  /** gdb has detached or killed: close the connection once everything is sent. */
  over(): void;
}

/** One client, from its connection on. */
export class GdbSession {
  #isOver = false;
  readonly #debug: Debugger;
  readonly #commands: readonly Command[];
  readonly #connection: GdbConnection;
  readonly #reader = new PacketReader();
  readonly #breakpoints: GdbBreakpoints;
  readonly #registers: readonly GdbRegister[];
  readonly #description: string;
  #acknowledges = true;
  #last: Uint8Array = encodePacket("");
  /** Harts of `Hg` and `Hc`; `undefined` where gdb says any or all. */
  #general: number | undefined;
  #stepping: number | undefined;
  /** The hart of the last stop reply. */
  #stopped = 0;
  /** The last stop, if it was at a watched access. */
  #hit: Arrival | undefined;
  /** A movement that `monitor` has asked for: it happens at the next resume, so that gdb sees it. */
  #armed: { readonly line: string; readonly call: Call } | undefined;
  /** Ends the movement under way. */
  #abort: AbortController | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(debug: Debugger, commands: readonly Command[], connection: GdbConnection) {
    this.#debug = debug;
    this.#commands = commands;
    this.#connection = connection;
    this.#breakpoints = new GdbBreakpoints(debug);
    this.#registers = gdbRegisters(debug.cursor);
    this.#description = targetDescription(this.#registers);
    this.#stopped = debug.hart;
  }

  /** Takes bytes as they arrive; answers go out in order. */
  feed(bytes: Uint8Array): void {
    for (const arrived of this.#reader.feed(bytes)) {
      switch (arrived.kind) {
        case "interrupt":
          this.#abort?.abort();
          break;
        case "resend":
          if (this.#acknowledges) this.#connection.send(this.#last);
          break;
        case "damaged":
          if (this.#acknowledges) this.#connection.send(Uint8Array.of(0x2d));
          break;
        case "packet":
          if (this.#acknowledges) this.#connection.send(Uint8Array.of(0x2b));
          this.#work = this.#work.then(() => this.#packet(arrived.data));
      }
    }
  }

  /** Resolves when everything that arrived is answered. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** The connection is gone: stops what moves and forgets gdb's breakpoints. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#abort?.abort();
    await this.#work;
    this.#breakpoints.clear();
  }

  async #packet(data: string): Promise<void> {
    if (this.#isOver) return;
    let reply: string | undefined;
    try {
      // Before gdb has seen anything.
      if (data.startsWith("qSupported")) await this.#debug.comply();
      reply = await this.#answer(data);
    } catch (error) {
      // Whatever gdb asked for, its session goes on.
      reply = error instanceof CommandError || error instanceof RangeError ? MALFORMED : FAULT;
    }
    if (reply !== undefined) this.#reply(reply);
    if (data === "QStartNoAckMode") this.#acknowledges = false;
    if (this.#isOver) this.#connection.over();
  }

  #reply(data: string): void {
    this.#last = encodePacket(data);
    this.#connection.send(this.#last);
  }

  #answer(data: string): string | undefined | Promise<string | undefined> {
    const rest = data.slice(1);
    switch (data[0]) {
      case "q":
      case "Q":
        return this.#query(data);
      case "v":
        return this.#verbose(data);
      case "?":
        return `T05thread:${threadId(this.#stopped)};`;
      case "H":
        return this.#selectThread(rest);
      case "T":
        return this.#hartOf(rest) === undefined ? MALFORMED : OK;
      case "g":
        return this.#registers.slice(0, G_REGISTERS)
          .map((register) => readRegister(this.#debug, this.#hart, register)).join("");
      case "G":
        return this.#writeAll(rest);
      case "p":
      case "P":
        return this.#register(data);
      case "m":
        return this.#readMemory(rest);
      case "M":
      case "X":
        return this.#writeMemory(data);
      case "Z":
      case "z":
        return this.#breakpoint(data);
      case "c":
      case "C":
        return this.#resume({ direction: "forward", step: undefined });
      case "s":
      case "S":
        return this.#resume({ direction: "forward", step: this.#stepper });
      case "b":
        if (rest === "s") return this.#resume({ direction: "backward", step: this.#stepper });
        return rest === "c"
          ? this.#resume({ direction: "backward", step: undefined })
          : UNSUPPORTED;
      case "D":
        this.#isOver = true;
        return OK;
      case "k":
        this.#isOver = true;
        return undefined;
      default:
        return UNSUPPORTED;
    }
  }

  /** The hart of registers and memory. */
  get #hart(): number {
    return this.#general ?? this.#stopped;
  }

  /** The hart of `s` and `bs`, which name none. */
  get #stepper(): number {
    return this.#stepping ?? this.#hart;
  }

  #query(data: string): string | undefined | Promise<string> {
    if (data.startsWith("qSupported")) return FEATURES;
    if (data.startsWith("qXfer:")) return this.#transfer(data);
    if (data.startsWith("qRcmd,")) return this.#monitor(data.slice("qRcmd,".length));
    if (data.startsWith("qThreadExtraInfo,")) {
      const hart = this.#hartOf(data.slice("qThreadExtraInfo,".length));
      return hart === undefined ? MALFORMED : hexBytes(new TextEncoder().encode(`hart ${hart}`));
    }
    switch (data) {
      case "QStartNoAckMode":
        return OK;
      case "qC":
        return `QC${threadId(this.#hart)}`;
      case "qfThreadInfo":
        return `m${Array.from({ length: this.#debug.cursor.harts }, (_, i) => threadId(i)).join()}`;
      case "qsThreadInfo":
        return "l";
      case "qAttached":
        return "1";
      case "qSymbol::":
        return OK;
      default:
        return UNSUPPORTED;
    }
  }

  #verbose(data: string): string | Promise<string> {
    if (data === "vCont?") return "vCont;c;C;s;S;t";
    if (data.startsWith("vKill")) {
      this.#isOver = true;
      return OK;
    }
    if (!data.startsWith("vCont;")) return UNSUPPORTED;
    const actions = data.slice("vCont;".length);
    const resumption = parseVCont(actions, this.#stepper, this.#debug.cursor.harts);
    if (resumption === undefined) return MALFORMED;
    return resumption === "stop"
      ? `T05thread:${threadId(this.#stopped)};`
      : this.#resume(resumption);
  }

  async #resume(resumption: Resumption): Promise<string> {
    if (this.#armed) return await this.#resumeArmed(this.#armed.call);
    if (this.#debug.wanted !== undefined) return await this.#resumeWanted(this.#debug.wanted);
    const hitBefore = this.#hit;
    const arrival = await this.#whileMoving((signal) => resume(this.#debug, resumption, signal));
    this.#hit = arrival.reason === "watchpoint" ? arrival : undefined;
    // The step that gdb makes over a watched access is no stop of its own to its user.
    if (arrival.reason === "step" && hitBefore) this.#debug.arrival = hitBefore;
    const hart = this.#hartOfArrival(arrival, resumption.step);
    this.#stopped = hart;
    this.#debug.hart = hart;
    // gdb takes the thread of a stop reply for selected.
    this.#general = hart;
    return stopReply(this.#debug, arrival, hart, (pc) => this.#breakpoints.kindAt(pc));
  }

  // Whatever gdb resumes for, a step over a breakpoint perhaps: without a signal it stops for good.
  async #resumeArmed(call: Call): Promise<string> {
    this.#armed = this.#hit = undefined;
    this.#print(await this.#run(call));
    this.#stopped = this.#general = this.#debug.hart;
    return `T00thread:${threadId(this.#stopped)};`;
  }

  async #resumeWanted(cycle: number): Promise<string> {
    this.#hit = undefined;
    await this.#whileMoving((signal) => this.#debug.comply(signal));
    this.#print(`the lab is brought to cycle ${cycle}`);
    this.#stopped = this.#general = this.#debug.hart;
    return `T00thread:${threadId(this.#stopped)};`;
  }

  async #whileMoving<T>(move: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#abort = new AbortController();
    try {
      return await move(this.#abort.signal);
    } finally {
      this.#abort = undefined;
    }
  }

  #hartOfArrival(arrival: Arrival, step: number | undefined): number {
    if (arrival.reason === "breakpoint" || arrival.reason === "step") return arrival.hart;
    if (arrival.reason === "watchpoint") {
      const [first] = arrival.hits;
      if (first !== undefined && "hart" in first) return first.hart;
    }
    return step ?? this.#hart;
  }

  // 0 is any thread, -1 all of them.
  #selectThread(text: string): string {
    const isAny = /^[gc](0|-1)$/.test(text);
    const hart = isAny ? undefined : this.#hartOf(text.slice(1));
    if (!isAny && hart === undefined) return MALFORMED;
    if (text[0] === "g") {
      this.#general = hart;
      if (hart !== undefined) this.#debug.hart = hart;
    } else if (text[0] === "c") this.#stepping = hart;
    else return MALFORMED;
    return OK;
  }

  #hartOf(thread: string): number | undefined {
    const id = /^[0-9a-f]{1,4}$/i.test(thread) ? parseInt(thread, 16) : 0;
    return id >= 1 && id <= this.#debug.cursor.harts ? id - 1 : undefined;
  }

  #writeAll(digits: string): string {
    if (digits.length < G_REGISTERS * 16) return MALFORMED;
    const isDone = this.#registers.slice(0, G_REGISTERS).every((register, i) =>
      writeRegister(this.#debug, this.#hart, register, digits.slice(16 * i, 16 * i + 16))
    );
    return isDone ? OK : MALFORMED;
  }

  #register(data: string): string {
    const [, kind, number, digits] = /^(p|P)([0-9a-f]{1,4})(?:=([0-9a-f]{1,64}))?$/i.exec(data) ??
      [];
    const register = number === undefined ? undefined : this.#registers[parseInt(number, 16)];
    if (register === undefined || (kind === "P") !== (digits !== undefined)) return MALFORMED;
    if (kind === "p") return readRegister(this.#debug, this.#hart, register);
    return writeRegister(this.#debug, this.#hart, register, digits) ? OK : MALFORMED;
  }

  #readMemory(range: string): string {
    const [, address, length] = /^([0-9a-f]{1,16}),([0-9a-f]{1,8})$/i.exec(range) ?? [];
    if (address === undefined) return MALFORMED;
    const first = BigInt(`0x${address}`);
    let size = Math.min(parseInt(length, 16), DATA_BYTES_MAX);
    for (;;) {
      const bytes = this.#debug.readMemory(this.#hart, first, size);
      if (bytes !== undefined) return hexBytes(bytes);
      // As much as is mapped: up to the page boundary before.
      const end = first + BigInt(size);
      const boundary = (end - 1n) & ~4095n;
      if (boundary <= first) return FAULT;
      size = Number(boundary - first);
    }
  }

  #writeMemory(data: string): string {
    const [, kind, address, length, body] =
      /^(M|X)([0-9a-f]{1,16}),([0-9a-f]{1,8}):([^]*)$/i.exec(data) ?? [];
    if (address === undefined) return MALFORMED;
    const bytes = kind === "M"
      ? parseHexBytes(body)
      : Uint8Array.from(body, (character) => character.charCodeAt(0));
    if (bytes?.length !== parseInt(length, 16)) return MALFORMED;
    if (bytes.length === 0) return OK; // gdb asks whether X is known
    return this.#debug.writeMemory(this.#hart, BigInt(`0x${address}`), bytes) ? OK : FAULT;
  }

  #breakpoint(data: string): string {
    const [, kind, type, address, size] =
      /^(Z|z)([0-4]),([0-9a-f]{1,16}),([0-9a-f]{1,8})(?:;.*)?$/i.exec(data) ?? [];
    if (kind === undefined) return /^[zZ][0-4],/.test(data) ? MALFORMED : UNSUPPORTED;
    const at = [Number(type), BigInt(`0x${address}`), parseInt(size, 16)] as const;
    if (kind === "Z") return this.#breakpoints.insert(...at, this.#hart) ? OK : FAULT;
    this.#breakpoints.remove(...at);
    return OK;
  }

  #transfer(data: string): string {
    const [, object, annex, offset, length] =
      /^qXfer:([a-z-]+):read:([^:]*):([0-9a-f]{1,8}),([0-9a-f]{1,8})$/i.exec(data) ?? [];
    const documents: Record<string, string> = {
      "features:target.xml": this.#description,
      "memory-map:": MEMORY_MAP,
    };
    const key = `${object}:${annex}`;
    if (object !== "features" && object !== "memory-map") return UNSUPPORTED;
    if (!Object.hasOwn(documents, key)) return "E00";
    const document = documents[key];
    const from = parseInt(offset, 16);
    const part = document.slice(from, from + Math.min(parseInt(length, 16), DATA_BYTES_MAX));
    return (from + part.length < document.length ? "m" : "l") + part;
  }

  // gdb takes its copy of registers and memory for right until it has resumed: what moves waits.
  async #monitor(digits: string): Promise<string> {
    const bytes = parseHexBytes(digits);
    if (bytes === undefined) return MALFORMED;
    const line = new TextDecoder().decode(bytes).trim();
    try {
      const call = parseLine(this.#commands, line);
      this.#print(
        call.command.effect === "moves" ? this.#arm(line, call) : await this.#run(call) +
          (NOTES[call.command.name] ?? ""),
      );
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#print(error.message);
    }
    return OK;
  }

  #arm(line: string, call: Call): string {
    const forgotten = this.#armed ? `; ${this.#armed.line} is forgotten` : "";
    this.#armed = { line, call };
    return `${line}: happens at the next resume (stepi, continue, …)${forgotten}`;
  }

  /** What a command answers, or why it does not. */
  async #run({ command, parameters }: Call): Promise<string> {
    try {
      const { text } = await this.#whileMoving((signal) =>
        Promise.resolve(command.run(this.#debug, parameters, signal))
      );
      return text;
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
  }

  /** Console output, in as many packets as it needs. */
  #print(text: string): void {
    const output = new TextEncoder().encode(`${text}\n`);
    for (let at = 0; at < output.length; at += DATA_BYTES_MAX) {
      this.#reply(`O${hexBytes(output.subarray(at, at + DATA_BYTES_MAX))}`);
    }
  }
}
