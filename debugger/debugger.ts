/** The debugger: one client's view of a recording, over its own cursor. Every face works on this. */
import type { Arrival, Cursor, EventArrival, EventKind, StopConditions } from "../replay/cursor.ts";
import type { InputEntry } from "../replay/provenance/arrivals.ts";
import { hex, parseInteger } from "./number.ts";
import type { LabBranch, LabPlace } from "./lab.ts";
import { standardName } from "./register_names.ts";
import { type Place, placeText, type Symbols } from "./symbols/symbols.ts";

/** What a command cannot do for its caller, in one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** An input of the recording, as far as the debugger looks at it. */
export interface RecordedEvent extends InputEntry {
  readonly kind: string;
}

/** Stops at an instruction. */
export interface Breakpoint {
  readonly number: number;
  readonly address: bigint;
  /** How often a continue ended here. */
  hits: number;
}

export type WatchKind = "read" | "write" | "access";

/** Stops at accesses to a range. */
export interface Watchpoint {
  readonly number: number;
  /** As it was asked for: virtual, or physical in the physical mode. */
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly kind: WatchKind;
  /** Where the range was in RAM when it was asked for, a piece per page. */
  readonly pieces: readonly { readonly address: number; readonly sizeBytes: number }[];
  hits: number;
}

export type Direction = "forward" | "backward";

/** What a debugger works on. */
export interface DebuggerOptions {
  readonly cursor: Cursor;
  readonly symbols: Symbols;
  /** The inputs of the recording in order of cycle, if there is one. */
  readonly events?: readonly RecordedEvent[];
  /** Absent where there is but one machine. */
  readonly lab?: LabPlace;
}

/** @throws CommandError if the debugger's machine is alone */
export function labOf({ lab }: Debugger): LabPlace {
  if (lab !== undefined) return lab;
  throw new CommandError("There is no lab: this recording is opened as that of one machine");
}

const PAGE_BYTES = 4096;

/** One client's debugger. Calls that move do not overlap: await each. */
export class Debugger {
  readonly cursor: Cursor;
  readonly symbols: Symbols;
  readonly lab: LabPlace | undefined;
  /** Where another guest's client wants this one to be; see {@link comply}. */
  wanted: number | undefined;
  /** Of which branch of the lab that is; `undefined`: of the recording. */
  wantedBranch: LabBranch | undefined;
  /** The hart that commands mean unless they name another. */
  hart = 0;
  /** Whether addresses are physical. */
  physical = false;
  /** How the last movement ended. */
  arrival: Arrival | EventArrival | undefined;
  readonly breakpoints = new Map<number, Breakpoint>();
  readonly watchpoints = new Map<number, Watchpoint>();
  /** Positions that the client wants to come back to. */
  readonly checkpoints = new Map<number, number>();
  readonly #events: readonly RecordedEvent[] | undefined;
  #labBranch: LabBranch | undefined;
  #nextNumber = 1;
  /** The cycle of the access at which the last movement ended, if it ended at one. */
  #accessed = -1;

  constructor({ cursor, symbols, events, lab }: DebuggerOptions) {
    this.cursor = cursor;
    this.symbols = symbols;
    this.#events = events;
    this.lab = lab;
  }

  /** The inputs in order of cycle: those of the recording, or of a branch that has its own. */
  get events(): readonly RecordedEvent[] | undefined {
    return this.cursor.branch?.log?.entries ?? this.#events;
  }

  /** The branch of the whole lab on which this guest is. */
  get labBranch(): LabBranch | undefined {
    return this.cursor.branch?.log && this.#labBranch;
  }

  /** A number for the next breakpoint, watchpoint or checkpoint. */
  number(): number {
    return this.#nextNumber++;
  }

  /** Throws a {@link CommandError} unless there is such a hart; without a number: the selected one. */
  hartOr(hart: number | undefined): number {
    if (hart === undefined) return this.hart;
    if (hart < this.cursor.harts) return hart;
    throw new CommandError(
      `There is no hart ${hart}: the machine has 0 to ${this.cursor.harts - 1}`,
    );
  }

  /** An address written as a number, a symbol, a register (`$sp`), or one of these `+` a number. */
  address(text: string, hart = this.hart): bigint {
    const [, base, offset = "0"] = /^([^+]+)(?:\+(\w+))?$/.exec(text.trim()) ?? [];
    const plus = parseInteger(offset);
    if (base !== undefined && plus !== undefined) {
      const value = base.startsWith("$")
        ? this.register(hart, base.slice(1))
        : parseInteger(base) ?? this.symbols.address(base);
      if (value !== undefined) return BigInt.asUintN(64, value + plus);
    }
    throw new CommandError(`"${text}" is neither an address nor a known symbol`);
  }

  /** A register by its standard or ABI name. */
  register(hart: number, name: string): bigint {
    return this.#named(() => this.cursor.readRegister(hart, standardName(name)));
  }

  /** Writes a register by its standard or ABI name, on a branch. */
  setRegister(hart: number, name: string, value: bigint): void {
    this.#named(() => this.cursor.writeRegister(hart, standardName(name), value));
  }

  // A name that is not one is the client's mistake.
  #named<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      if (error instanceof RangeError) throw new CommandError(error.message);
      throw error;
    }
  }

  /** The name of an address, if it has one. */
  place(address: bigint): Place | undefined {
    return this.symbols.nearest(address);
  }

  /** `0x80000000 <start>`, or the number alone. */
  describe(address: bigint): string {
    const place = this.place(address);
    return place ? `${hex(address)} <${placeText(place)}>` : hex(address);
  }

  /** The physical address of what the client calls `address`; `undefined` if nothing is there. */
  translate(hart: number, address: bigint): number | undefined {
    if (!this.physical) {
      // A hart in a program, or in firmware, does not see its kernel; who debugs it does.
      const isKernel = address >> 63n === 1n;
      return this.cursor.translate(hart, address) ??
        (isKernel ? this.cursor.translate(hart, address, true) : undefined);
    }
    return address < 1n << 52n ? Number(address) : undefined;
  }

  /** The pieces of physical memory that a range consists of; `undefined` if any is not mapped. */
  pieces(hart: number, address: bigint, sizeBytes: number): Watchpoint["pieces"] | undefined {
    const pieces: { address: number; sizeBytes: number }[] = [];
    for (let done = 0; done < sizeBytes;) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const physical = this.translate(hart, at);
      if (physical === undefined) return undefined;
      const inPage = Math.min(PAGE_BYTES - Number(at % BigInt(PAGE_BYTES)), sizeBytes - done);
      pieces.push({ address: physical, sizeBytes: inPage });
      done += inPage;
    }
    return pieces;
  }

  /** Memory as the hart sees it; `undefined` if any byte of it is not RAM or ROM. */
  readMemory(hart: number, address: bigint, sizeBytes: number): Uint8Array | undefined {
    const pieces = this.pieces(hart, address, sizeBytes);
    if (pieces === undefined) return undefined;
    const bytes = new Uint8Array(sizeBytes);
    let done = 0;
    for (const piece of pieces) {
      const part = this.cursor.readMemory(piece.address, piece.sizeBytes);
      if (part === undefined) return undefined;
      bytes.set(part, done);
      done += piece.sizeBytes;
    }
    return bytes;
  }

  /** Writes memory as the hart sees it, on a branch; false, and nothing written, if it is not all RAM. */
  writeMemory(hart: number, address: bigint, bytes: Uint8Array): boolean {
    const pieces = this.pieces(hart, address, bytes.length);
    const isRam = pieces?.every((piece) => this.#isMemory(piece));
    if (pieces === undefined || !isRam) return false;
    let done = 0;
    for (const { address: physical, sizeBytes } of pieces) {
      if (!this.cursor.writeMemory(physical, bytes.slice(done, done + sizeBytes))) return false;
      done += sizeBytes;
    }
    return true;
  }

  #isMemory({ address, sizeBytes }: { address: number; sizeBytes: number }): boolean {
    return this.cursor.readMemory(address, sizeBytes) !== undefined;
  }

  addBreakpoint(address: bigint): Breakpoint {
    const breakpoint = { number: this.number(), address, hits: 0 };
    this.breakpoints.set(breakpoint.number, breakpoint);
    return breakpoint;
  }

  /** `undefined` if the range is not mapped now. */
  addWatchpoint(
    hart: number,
    address: bigint,
    sizeBytes: number,
    kind: WatchKind,
  ): Watchpoint | undefined {
    const pieces = this.pieces(hart, address, sizeBytes);
    if (pieces === undefined || !pieces.every((piece) => this.#isMemory(piece))) return undefined;
    const watchpoint = { number: this.number(), address, sizeBytes, kind, pieces, hits: 0 };
    this.watchpoints.set(watchpoint.number, watchpoint);
    return watchpoint;
  }

  /** What a continue stops at. */
  conditions(): StopConditions {
    return {
      breakpoints: new Set([...this.breakpoints.values()].map(({ address }) => address)),
      watchpoints: [...this.watchpoints.values()].flatMap(({ pieces, kind }) =>
        pieces.map((piece) => ({ ...piece, kind }))
      ),
    };
  }

  /** Goes to a cycle; stays where it is if the signal fires before it is there. */
  async seek(cycle: number, signal?: AbortSignal): Promise<void> {
    const { start, end } = this.cursor;
    if (cycle < start || cycle > end) {
      const range = end === Infinity
        ? `the branch, which begins at ${start}`
        : `${start} to ${end}`;
      throw new CommandError(`Cycle ${cycle} is outside ${range}`);
    }
    const isThere = await this.cursor.seek(cycle, signal);
    this.arrival = isThere ? undefined : { reason: "interrupted" };
  }

  /** Goes where another guest's client wants it to be, if one does; to be called before its own client looks. */
  async comply(signal?: AbortSignal): Promise<void> {
    const { wanted, wantedBranch } = this;
    if (wanted === undefined) return;
    this.wanted = undefined;
    if (wantedBranch) return await this.follow(wantedBranch, wanted, signal);
    if (this.cursor.branch) await this.cursor.returnFromBranch();
    await this.seek(wanted, signal);
  }

  /** Goes to a cycle on a branch of the lab; a guest that had ended before the branch stays at its end. */
  async follow(branch: LabBranch, cycle: number, signal?: AbortSignal): Promise<void> {
    const log = branch.logs.get(labOf(this).name)!;
    const { cursor } = this;
    if (this.labBranch !== branch) {
      if (cursor.branch) await cursor.returnFromBranch();
      await this.seek(Math.min(branch.from, cursor.end), signal);
      if (cursor.cycle < branch.from) return;
      this.#labBranch = branch;
      cursor.startBranch(log);
    }
    await this.seek(Math.max(cycle, branch.from), signal);
  }

  /** Steps a hart by one of its actions, unless a condition holds on the way. */
  async step(
    direction: Direction,
    hart: number,
    signal?: AbortSignal,
    conditions?: StopConditions,
  ): Promise<Arrival> {
    const { cursor } = this;
    return this.#arrived(
      direction,
      direction === "forward"
        ? await cursor.step(hart, signal, conditions)
        : await cursor.reverseStep(hart, signal, conditions),
    );
  }

  /** Goes on until a breakpoint or watchpoint, or as far as it goes. */
  async continue(
    direction: Direction,
    signal?: AbortSignal,
    conditions = this.conditions(),
  ): Promise<Arrival> {
    const { cursor } = this;
    return this.#arrived(
      direction,
      direction === "forward"
        ? await cursor.continue(conditions, signal)
        : await cursor.reverseContinue(conditions, signal),
    );
  }

  /** Goes to just before the nearest event of a kind. */
  async event(direction: Direction, kind: EventKind, signal?: AbortSignal): Promise<void> {
    const where = direction === "forward" ? "next" : "previous";
    this.arrival = await this.cursor.nextEvent(kind, where, signal);
  }

  /** The watchpoint that an access belongs to. */
  watchpointAt(physical: number, sizeBytes: number): Watchpoint | undefined {
    return [...this.watchpoints.values()].find(({ pieces }) =>
      pieces.some((piece) =>
        physical < piece.address + piece.sizeBytes && piece.address < physical + sizeBytes
      )
    );
  }

  /** The inputs with which a device came by what it wrote in the cycle of the last watched access. */
  inputsOf(device: string): readonly RecordedEvent[] {
    return this.events?.filter(({ cycle, id }) =>
      cycle === this.#accessed && id.replace(/^[^/]*\//, "").replace(/#\d+$/, "") === device
    ) ?? [];
  }

  #arrived(direction: Direction, arrival: Arrival): Arrival {
    this.arrival = arrival;
    this.#accessed = direction === "forward" ? this.cursor.cycle - 1 : this.cursor.cycle;
    if (arrival.reason === "breakpoint") {
      this.hart = arrival.hart;
      const pc = this.cursor.readRegister(arrival.hart, "pc");
      for (const breakpoint of this.breakpoints.values()) {
        if (breakpoint.address === pc) breakpoint.hits++;
      }
    } else if (arrival.reason === "watchpoint") {
      const [first] = arrival.hits;
      if (first !== undefined && "hart" in first) this.hart = first.hart;
      const hit = new Set(
        arrival.hits.map(({ physical, sizeBytes }) => this.watchpointAt(physical, sizeBytes)),
      );
      for (const watchpoint of hit) if (watchpoint) watchpoint.hits++;
    } else if (arrival.reason === "step") {
      this.hart = arrival.hart;
    }
    return arrival;
  }
}
