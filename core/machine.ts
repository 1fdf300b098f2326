/** A whole machine: harts, memory, bus, devices, scheduler. A pure function of its options and its inputs. */
import xxhash, { type XXHashAPI } from "xxhash-wasm";
import { DeviceBus } from "./bus.ts";
import type { BuildBoard, Device, HartLine, IrqLine } from "./device.ts";
import { type Bus, Engine, type Stops, type WatchedAccess } from "./hart/engine.ts";
import {
  CANONICAL_FIELDS,
  DRAM,
  F,
  hartBase,
  MACHINE,
  PMPADDR,
  ROM,
  ROM_BYTES,
  X,
} from "./hart/layout.ts";
import type { Host, Output, PowerOutput } from "./host.ts";
import { Ram, RamDigest } from "./memory.ts";
import { seedFor } from "./random.ts";
import { GRACE_CYCLES, Scheduler } from "./scheduler.ts";
import { encodeState, requireVersion, type State, type StateValue } from "./state.ts";
import { MachineClock, STIP, SupervisorTimer } from "./timers.ts";

/** What a machine starts from. */
export interface MachineOptions {
  /** DRAM at 0x8000_0000; a multiple of 1 MiB, at most 8 GiB. */
  readonly memoryBytes: number;
  /** 1 to 8. */
  readonly harts: number;
  /** 32 bits: the scheduler's quanta and everything else that is chosen. */
  readonly seed: number;
  readonly host: Host;
  readonly buildBoard: BuildBoard;
  /** Read-only memory at 0x1000, at most 0xf000 bytes; every hart starts at its first byte. */
  readonly rom: Uint8Array;
  /** What RAM holds at reset, at guest-physical addresses. */
  readonly images: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** Called with each digest, at every multiple of 10 million cycles. */
  readonly onDigest?: (cycle: number, digest: string) => void;
  /** For tests of determinism: no guest can see any of these. */
  readonly engine?: {
    /** Entries per TLB, a power of two from 1 to 256; 256 by default. */
    readonly tlbEntries?: number;
    /** Flush every TLB whenever this many cycles have passed. */
    readonly flushEveryCycles?: number;
  };
}

/** Why a machine stopped running. */
export type Stop =
  | { readonly reason: "until" }
  | { readonly reason: "power"; readonly power: PowerOutput }
  /** Every hart waits, no timer is armed and no input can come any more. */
  | { readonly reason: "stuck" }
  /**
   * The hart is about to execute an instruction at a breakpoint. `begun`: the inputs and timers of
   * this cycle have been served already, so the state is not the one that a run to here leaves.
   */
  | { readonly reason: "breakpoint"; readonly hart: number; readonly begun: boolean }
  /** The cycle just past made these accesses to watched bytes. */
  | { readonly reason: "watchpoint"; readonly hits: readonly WatchHit[] };

/** What {@link Machine.run} watches. */
export interface Watchpoint {
  /** Physical address, in RAM. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly kind: "read" | "write" | "access";
}

/** An access to watched bytes, by a hart's instruction or by a device. */
export type WatchHit =
  & { readonly physical: number; readonly sizeBytes: number; readonly kind: WatchedAccess["kind"] }
  & ({ readonly hart: number; readonly address: bigint } | { readonly device: string });

/** Cycles between two digests. */
export const DIGEST_CYCLES = 10_000_000;
/** Cycles of a slice at most: wasm functions must be entered anew to be optimised, hosts be polled. */
const SLICE_CYCLES_MAX = 1_000_000;
const MIB = 1024 * 1024;
const LINE_BITS = { MSIP: 1 << 3, MTIP: 1 << 7, SEIP: 1 << 9, MEIP: 1 << 11 } as const;

/** A machine, at a cycle. */
export class Machine implements Bus {
  /** By their ids, in the order in which the board built them. */
  readonly devices: ReadonlyMap<string, Device>;
  readonly memory: Ram;
  readonly clock: MachineClock;
  readonly engine: Engine;
  readonly #options: MachineOptions;
  readonly #host: Host;
  readonly #bus: DeviceBus;
  readonly #scheduler: Scheduler;
  readonly #ramDigest: RamDigest;
  readonly #hash: XXHashAPI;
  readonly #timers: readonly SupervisorTimer[];
  /** Devices that act by themselves. */
  readonly #active: readonly Required<Pick<Device, "deadline" | "tick">>[];
  #breakpoints: ReadonlySet<bigint> = new Set();
  #watchpoints: readonly Watchpoint[] = [];
  /** From this cycle on breakpoints count. */
  #breaksFrom = 0;
  /** The hart that has reached a breakpoint. */
  #broken: number | undefined;
  /** The cycle whose inputs and timers were served last. */
  #served = -1;
  readonly #hits: WatchHit[] = [];
  /** The device whose input is being delivered, while no slice is under way. */
  #actor: string | undefined;
  readonly #stops: Stops = {
    breakHit: (hart, pc) => {
      if (this.cycle < this.#breaksFrom || !this.#breakpoints.has(pc)) return false;
      this.#broken = hart;
      return true;
    },
    accessed: (access) => this.#watched(access),
  };
  #cycle = 0;
  /** A slice is under way: devices are being called by an instruction. */
  #running = false;
  #power: PowerOutput | undefined;
  #nextDigest = DIGEST_CYCLES;
  #nextFlush: number;

  /**
   * Called after each stretch of cycles in which one hart acted, once in each cycle.
   * @param to the cycle after the last one
   * @param notRetired in how many of them it trapped or took an interrupt
   */
  onActed: ((hart: number, from: number, to: number, notRetired: number) => void) | undefined;

  /** Throws a RangeError if an option is out of range or an image does not fit. */
  static async create(options: MachineOptions): Promise<Machine> {
    check(options);
    return new Machine(options, await xxhash());
  }

  private constructor(options: MachineOptions, hash: XXHashAPI) {
    const { memoryBytes, harts, seed, host, engine } = options;
    this.#options = options;
    this.#host = host;
    this.#hash = hash;
    this.#scheduler = new Scheduler(harts, seedFor(seed, "scheduler"));
    this.engine = new Engine(memoryBytes, harts, this, this.#stops, engine?.tlbEntries ?? 256);
    this.memory = new Ram(
      this.engine,
      () => this.#scheduler.hart,
      (physical, sizeBytes) => this.#dmaWrote(physical, sizeBytes),
    );
    this.clock = new MachineClock(this.engine, host, () => this.cycle, () => this.#cut());
    const attachments = options.buildBoard({
      memory: this.memory,
      clock: this.clock,
      hartIrq: (hart, line) => this.#hartIrq(hart, line),
      output: (device, output) => this.#output(device, output),
    });
    this.#bus = new DeviceBus(attachments);
    this.devices = new Map(attachments.map(({ device }) => [device.id, device]));
    if (this.devices.size < attachments.length) throw new RangeError("Two devices share an id");
    this.#active = attachments.flatMap(({ device }) =>
      device.deadline && device.tick
        ? [{ deadline: () => device.deadline!(), tick: () => device.tick!() }]
        : []
    );
    this.#timers = Array.from(
      { length: harts },
      (_, hart) => new SupervisorTimer(this.engine, this.clock, hart),
    );
    this.#nextFlush = engine?.flushEveryCycles ?? Infinity;
    this.#reset();
    this.#ramDigest = new RamDigest(this.engine, hash);
  }

  /** Now: the number of cycles since reset. */
  get cycle(): number {
    if (!this.#running) return this.#cycle;
    // The instruction under way has taken its cycle from what is left.
    const { i32 } = this.engine;
    const hart = this.#scheduler.hart;
    return this.#cycle + i32[this.engine.index32(hart, "granted")] -
      i32[this.engine.index32(hart, "left")] - 1;
  }

  /** For the engine: a load of the instruction under way that is not from memory. */
  load(address: number, width: number): number | undefined {
    this.#actor = undefined;
    return this.#bus.load(address, width);
  }

  /** For the engine: the upper half of the last such load. */
  get high(): number {
    return this.#bus.high;
  }

  /** For the engine: a store of the instruction under way that is not to memory. */
  store(address: number, width: number, low: number, high: number): boolean {
    this.#actor = undefined;
    const taken = this.#bus.store(address, width, low, high);
    // It may have armed a device's own timer.
    if (this.#deviceDeadline() < this.#deadlineSeen) this.#cut();
    return taken;
  }

  /** Replaces the breakpoints: virtual addresses, of any hart. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.#breakpoints = addresses;
    this.engine.setBreakpoints(addresses);
  }

  /** Replaces the watchpoints. */
  setWatchpoints(watchpoints: readonly Watchpoint[]): void {
    this.#watchpoints = watchpoints;
    const pages = new Set<number>();
    for (const { address, sizeBytes } of watchpoints) {
      for (let at = pageOf(address); at <= pageOf(address + sizeBytes - 1); at++) pages.add(at);
    }
    this.engine.setWatchedPages(pages);
  }

  /**
   * Runs until a cycle, until the guest turns itself off, or until a breakpoint or watchpoint.
   *
   * A breakpoint at the very cycle at which it begins does not stop it, unless `stopAtOnce`.
   */
  async run(until: number, options: { readonly stopAtOnce?: boolean } = {}): Promise<Stop> {
    this.#breaksFrom = options.stopAtOnce ? this.#cycle : this.#cycle + 1;
    for (;;) {
      if (this.#power) return this.#stop();
      if (this.#hits.length > 0) {
        return { reason: "watchpoint", hits: this.#hits.splice(0) };
      }
      if (this.#broken !== undefined) {
        const hart = this.#broken;
        this.#broken = undefined;
        return { reason: "breakpoint", hart, begun: this.#served === this.#cycle };
      }
      if (this.#cycle >= until) return { reason: "until" };
      const settled = this.#host.settle(this.#cycle);
      if (settled) await settled;
      this.#served = this.#cycle;
      this.#takeInputs();
      const deadline = this.#tick();
      if (this.#power) return this.#stop();
      // A device has just made a watched access: this cycle is the last one.
      const last = this.#hits.length > 0 ? this.#cycle + 1 : Infinity;
      if (this.#choose()) {
        this.#slice(Math.min(deadline, until, last, this.#host.horizon(this.#cycle)));
        continue;
      }
      if (last < Infinity) {
        this.#jump(last);
        continue;
      }
      // Every hart waits.
      const idle = this.#host.idle(this.#cycle, Math.min(deadline, until));
      const cycle = typeof idle === "number" ? idle : await idle;
      if (cycle === Infinity) return { reason: "stuck" };
      this.#jump(Math.min(cycle, until));
    }
  }

  /** 16 hexadecimal digits over all canonical state. */
  digest(): string {
    const bytes = encodeState({
      ...this.#state((device) => device.summary?.() ?? device.save()),
      ram: this.#ramDigest.value(),
    });
    return this.#hash.h64Raw(bytes).toString(16).padStart(16, "0");
  }

  /** Takes the numbers of the pages of RAM written since the last call, or since reset. */
  takeWrittenPages(): ReadonlySet<number> {
    return this.#ramDigest.takeWritten();
  }

  /** A hash of what a page of RAM holds; of one that {@link takeWrittenPages} has named since it was written. */
  pageHash(page: number): bigint {
    return this.#ramDigest.page(page);
  }

  /** Everything but RAM, at a cycle between two instructions. */
  save(): State {
    return this.#state((device) => device.save());
  }

  /**
   * Takes back what {@link save} gave; RAM is set apart, through {@link memory}.
   * @throws RangeError if the state is of another version or another shape of machine
   */
  restore(state: State): void {
    requireVersion(state, 1, "machine");
    const harts = state.harts as readonly Record<string, StateValue>[];
    if (harts.length !== this.#options.harts) {
      throw new RangeError(
        `Cannot restore ${harts.length} harts to a machine of ${this.#options.harts}`,
      );
    }
    this.#cycle = state.cycle as number;
    this.#scheduler.restore(state.scheduler as State);
    harts.forEach((hart, index) => this.#restoreHart(index, hart));
    this.clock.setOffset(state.mtimeOffset as bigint);
    for (const timer of this.#timers) timer.restored();
    const devices = state.devices as Record<string, State>;
    for (const [id, device] of this.devices) {
      if (!devices[id]) throw new RangeError(`Cannot restore: the state has no device "${id}"`);
      device.restore(devices[id]);
    }
    this.#nextDigest = (Math.floor(this.#cycle / DIGEST_CYCLES) + 1) * DIGEST_CYCLES;
    this.#power = undefined;
    this.#broken = undefined;
    this.#served = -1;
    this.#hits.length = 0;
  }

  #restoreHart(hart: number, fields: Record<string, StateValue>): void {
    const { bytes } = this.engine;
    const base = hartBase(hart);
    bytes.set(fields.x as Uint8Array, base + X);
    bytes.set(fields.f as Uint8Array, base + F);
    bytes.set(fields.pmpaddr as Uint8Array, base + PMPADDR);
    for (const field of CANONICAL_FIELDS) {
      this.engine.setField(hart, field, fields[field] as bigint);
    }
    this.engine.stateChanged(hart);
  }

  #state(ofDevice: (device: Device) => State): State {
    const devices: Record<string, State> = {};
    for (const [id, device] of this.devices) devices[id] = ofDevice(device);
    return {
      version: 1,
      cycle: this.#cycle,
      mtimeOffset: this.clock.offset,
      scheduler: this.#scheduler.save(),
      harts: Array.from({ length: this.#options.harts }, (_, hart) => this.#hartState(hart)),
      devices,
    };
  }

  #hartState(hart: number): StateValue {
    const { bytes } = this.engine;
    const base = hartBase(hart);
    const fields: Record<string, StateValue> = {
      version: 1,
      x: bytes.slice(base + X, base + X + 32 * 8),
      f: bytes.slice(base + F, base + F + 32 * 8),
      pmpaddr: bytes.slice(base + PMPADDR, base + PMPADDR + 16 * 8),
    };
    for (const field of CANONICAL_FIELDS) fields[field] = this.engine.field(hart, field);
    return fields;
  }

  // Reset values. Source: privileged specification, 3.4; the rest is what QEMU's board has.
  #reset(): void {
    const { memoryBytes, harts, rom, images } = this.#options;
    for (let hart = 0; hart < harts; hart++) {
      this.engine.setField(hart, "privilege", 3n);
      this.engine.setField(hart, "pc", BigInt(ROM));
      this.engine.setField(hart, "reservation", (1n << 64n) - 1n);
      this.engine.setField(hart, "menvcfg", 1n << 61n); // ADUE
      this.engine.setField(hart, "stimecmp", (1n << 64n) - 1n);
      this.engine.stateChanged(hart);
    }
    this.engine.bytes.set(rom, this.engine.layout.ram + memoryBytes);
    for (const { address, bytes } of images) {
      if (!this.memory.write(address, bytes)) {
        throw new RangeError(
          `Cannot load ${bytes.length} bytes at 0x${address.toString(16)}: ` +
            `RAM is 0x${DRAM.toString(16)} to 0x${(DRAM + memoryBytes).toString(16)}`,
        );
      }
    }
  }

  #takeInputs(): void {
    for (;;) {
      const input = this.#host.take(this.#cycle);
      if (!input) return;
      const device = this.devices.get(input.device);
      if (!device?.input) {
        throw new RangeError(
          `Input for "${input.device}" at cycle ${this.#cycle}: no such device takes input`,
        );
      }
      this.#actor = input.device;
      device.input(input);
    }
  }

  #deadlineSeen = Infinity;

  #deviceDeadline(): number {
    let deadline = Infinity;
    for (const device of this.#active) deadline = Math.min(deadline, device.deadline());
    return deadline;
  }

  // Timers and lines of this cycle; returns the cycle of the next timer.
  #tick(): number {
    for (const device of this.#active) {
      if (device.deadline() <= this.#cycle) device.tick();
    }
    let deadline = this.#deviceDeadline();
    this.#deadlineSeen = deadline;
    for (const timer of this.#timers) deadline = Math.min(deadline, timer.update(this.#cycle));
    return deadline;
  }

  // Wakes harts and names the one that acts now; false if all of them wait.
  #choose(): boolean {
    const scheduler = this.#scheduler;
    for (let hart = 0; hart < scheduler.harts; hart++) this.#wake(hart);
    const runnable = (hart: number) => this.#i32(hart, "waiting") === 0;
    const { hart, quantumEnd } = scheduler;
    if (runnable(hart)) {
      if (this.#cycle < quantumEnd) return true;
      const reserved = this.#i32(hart, "reservation") !== -1 ||
        this.engine.i32[this.engine.index32(hart, "reservation") + 1] !== -1;
      if (reserved && this.#cycle < quantumEnd + GRACE_CYCLES) return true;
    }
    if (scheduler.harts > 1) {
      this.engine.setField(hart, "reservation", (1n << 64n) - 1n);
    }
    return scheduler.rotate(this.#cycle, runnable);
  }

  // wfi ends when an enabled interrupt is pending, whatever the global enables say.
  #wake(hart: number): void {
    if (this.#i32(hart, "waiting") === 0) return;
    // With STCE, STIP is the timer's alone.
    const stce = this.engine.i32[this.engine.index32(hart, "menvcfg") + 1] < 0;
    const software = this.#i32(hart, "mipSoftware") & (stce ? ~STIP : -1);
    const pending = this.#i32(hart, "mipLines") | software;
    if ((pending & this.#i32(hart, "mie")) !== 0) this.engine.setField(hart, "waiting", 0n);
  }

  #i32(
    hart: number,
    field: "waiting" | "reservation" | "mipLines" | "mipSoftware" | "mie",
  ): number {
    return this.engine.i32[this.engine.index32(hart, field)];
  }

  #slice(deadline: number): void {
    const { hart, quantumEnd } = this.#scheduler;
    // Past its quantum a hart goes on cycle by cycle until its reservation ends.
    const turnEnd = this.#cycle < quantumEnd ? quantumEnd : this.#cycle + 1;
    const end = Math.min(
      deadline,
      turnEnd,
      this.#nextDigest,
      this.#nextFlush,
      this.#cycle + SLICE_CYCLES_MAX,
    );
    this.engine.u64[MACHINE.sliceStart / 8] = BigInt(this.#cycle);
    this.#running = true;
    const left = this.engine.run(hart, end - this.#cycle);
    this.#running = false;
    const from = this.#cycle;
    this.#cycle += this.engine.i32[this.engine.index32(hart, "granted")] - left;
    if (this.onActed && this.#cycle > from) {
      const notRetired = this.engine.i32[this.engine.index32(hart, "notRetired")];
      this.onActed(hart, from, this.#cycle, notRetired);
    }
    this.#passed();
  }

  // Time passes and nothing acts: state stays, cycle by cycle.
  #jump(cycle: number): void {
    while (this.#cycle < cycle) {
      this.#cycle = Math.min(cycle, this.#nextDigest, this.#nextFlush);
      this.#passed();
    }
  }

  #passed(): void {
    if (this.#cycle >= this.#nextDigest) {
      this.#nextDigest += DIGEST_CYCLES;
      this.#options.onDigest?.(this.#cycle, this.digest());
    }
    if (this.#cycle >= this.#nextFlush) {
      this.#nextFlush += this.#options.engine!.flushEveryCycles!;
      this.engine.flushAll();
    }
  }

  #dmaWrote(physical: number, sizeBytes: number): void {
    if (this.#watchpoints.length === 0) return;
    this.#watched({
      physical,
      sizeBytes,
      kind: "write",
      device: this.#actor ?? this.#bus.last ?? "outside",
    });
  }

  #watched(hit: WatchHit): void {
    const { physical, sizeBytes, kind } = hit;
    const matches = this.#watchpoints.some((watchpoint) =>
      physical < watchpoint.address + watchpoint.sizeBytes &&
      watchpoint.address < physical + sizeBytes &&
      (watchpoint.kind === "access" || watchpoint.kind === (kind === "read" ? "read" : "write"))
    );
    if (!matches) return;
    this.#hits.push(hit);
    this.#cut();
  }

  // Ends the slice after the instruction under way.
  #cut(): void {
    if (!this.#running) return;
    const { i32 } = this.engine;
    const granted = this.engine.index32(this.#scheduler.hart, "granted");
    const left = this.engine.index32(this.#scheduler.hart, "left");
    i32[granted] -= i32[left];
    i32[left] = 0;
  }

  #hartIrq(hart: number, line: HartLine): IrqLine {
    const { i32 } = this.engine;
    const index = this.engine.index32(hart, "mipLines");
    const bit = LINE_BITS[line];
    return {
      set: (level) => {
        if (((i32[index] & bit) !== 0) === level) return;
        i32[index] ^= bit;
        this.#cut();
      },
    };
  }

  #output(device: string, output: Output): void {
    if (output.kind === "power") this.#power = output;
    // What is sent may be answered sooner than the host had said.
    this.#cut();
    this.#host.output(this.cycle, device, output);
  }

  #stop(): Stop {
    const power = this.#power!;
    this.#power = undefined;
    return { reason: "power", power };
  }
}

// A page's number within RAM.
function pageOf(address: number): number {
  return Math.floor((address - DRAM) / 4096);
}

function check({ memoryBytes, harts, rom, engine }: MachineOptions): void {
  if (!Number.isInteger(harts) || harts < 1 || harts > 8) {
    throw new RangeError(`A machine has 1 to 8 harts, not ${harts}`);
  }
  if (memoryBytes % MIB !== 0 || memoryBytes < MIB || memoryBytes > 8192 * MIB) {
    throw new RangeError(
      `Memory of ${memoryBytes} bytes: it must be a multiple of 1 MiB, from 1 MiB to 8 GiB`,
    );
  }
  if (rom.length > ROM_BYTES) {
    throw new RangeError(`The ROM has ${rom.length} bytes; at most ${ROM_BYTES} fit`);
  }
  const entries = engine?.tlbEntries ?? 256;
  if (entries < 1 || entries > 256 || (entries & (entries - 1)) !== 0) {
    throw new RangeError(`A TLB has a power of two of entries, from 1 to 256, not ${entries}`);
  }
}
