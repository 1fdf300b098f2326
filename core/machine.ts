/** A whole machine: harts, memory, bus, devices, scheduler. A pure function of its options and its inputs. */
import xxhash, { type XXHashAPI } from "xxhash-wasm";
import { DeviceBus } from "./bus.ts";
import { Contract } from "./contract/contract.ts";
import { Deadlines } from "./deadlines.ts";
import type { Device, HartLine, IrqLine, ReportFrame } from "./device.ts";
import { type Bus, Engine } from "./hart/engine.ts";
import type { JitStatistics } from "./hart/jit/jit.ts";
import { DRAM, MACHINE, TLB_ENTRIES_MAX } from "./hart/layout.ts";
import { SliceFields } from "./hart/slice_fields.ts";
import { resetHart, restoreHart, saveHart } from "./hart/state.ts";
import type { FaultInput } from "./fault.ts";
import { type Host, type Input, MACHINE_DEVICE, type Output, type PowerOutput } from "./host.ts";
import { checkOptions, type MachineOptions } from "./machine_options.ts";
import { Ram, RamDigest } from "./memory.ts";
import { seedFor } from "./random.ts";
import { GRACE_CYCLES, Scheduler } from "./scheduler.ts";
import { encodeState, requireVersion, setEncodedNumber, type State } from "./state.ts";
import { Conditions, type Stop, type Watchpoint } from "./stops.ts";
import { MachineClock, STIP, SupervisorTimer } from "./timers.ts";

export type { MachineOptions } from "./machine_options.ts";
export type { Stop, WatchHit, Watchpoint } from "./stops.ts";

/** Cycles between two digests. */
export const DIGEST_CYCLES = 10_000_000;
/** Cycles of a slice at most: wasm functions must be entered anew to be optimised, hosts be polled. */
const SLICE_CYCLES_MAX = 1_000_000;
/** While code is being compiled: what is ready is wanted soon. */
const SLICE_CYCLES_WAITING = 100_000;
/** Jumps to an instruction after which its page is compiled. */
const JIT_THRESHOLD = 8192;
const LINE_BITS = { MSIP: 1 << 3, MTIP: 1 << 7, SEIP: 1 << 9, MEIP: 1 << 11 } as const;

/** The guest broke a rule that a device or a manual of the ISA states. */
export interface Breach {
  readonly cycle: number;
  /** Its id, or the hart's: `hart0`. */
  readonly device: string;
  /** Whose instruction it was; `undefined` if the device looked by itself. */
  readonly hart: number | undefined;
  /** Where the rule stands, such as `VIRTIO 1.2, 2.7.6.1`. */
  readonly rule: string;
  /** What the guest did. */
  readonly text: string;
}

/** What the engine has done since its machine was made; for people, never for the machine. */
export interface EngineStatistics {
  /** Cycles in which some hart acted, in either tier; those that a restore has taken back count too. */
  readonly actedCycles: number;
  readonly jit: JitStatistics;
}

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
  readonly #deadlines: Deadlines;
  /** By hart. */
  readonly #fields: readonly SliceFields[];
  readonly #conditions = new Conditions(() => this.cycle, () => this.#cut());
  /** The cycle whose inputs and timers were served last. */
  #served = -1;
  /** The device whose input is being delivered, while no slice is under way. */
  #actor: string | undefined;
  #cycle = 0;
  /** A slice is under way: devices are being called by an instruction. */
  #running = false;
  /** The cycle at which that slice ends unless it is cut. */
  #sliceEnd = 0;
  #power: PowerOutput | undefined;
  #nextDigest = DIGEST_CYCLES;
  #nextFlush: number;
  #contract: Contract | undefined;
  #actedCycles = 0;

  /**
   * Called after each stretch of cycles in which one hart acted, once in each cycle.
   * @param to the cycle after the last one
   * @param traps in how many of them it trapped
   * @param interrupts in how many of them it took an interrupt
   */
  onActed:
    | ((hart: number, from: number, to: number, traps: number, interrupts: number) => void)
    | undefined;

  /** Called where the guest breaks a rule; those of harts are looked for only if the engine lints. */
  onBreach: ((breach: Breach) => void) | undefined;

  /** Called where a network card is done with a frame from the wire; see {@link ReportFrame}. */
  onFrameDone:
    | ((cycle: number, device: string, ...frame: Parameters<ReportFrame>) => void)
    | undefined;

  /** Throws a RangeError if an option is out of range or an image does not fit. */
  static async create(options: MachineOptions): Promise<Machine> {
    checkOptions(options);
    return new Machine(options, await xxhash());
  }

  private constructor(options: MachineOptions, hash: XXHashAPI) {
    const { memoryBytes, harts, seed, host, engine } = options;
    this.#options = options;
    this.#host = host;
    this.#hash = hash;
    this.#scheduler = new Scheduler(harts, seedFor(seed, "scheduler"));
    this.engine = new Engine(
      memoryBytes,
      harts,
      this,
      this.#conditions,
      {
        tlbEntries: engine?.tlbEntries ?? TLB_ENTRIES_MAX,
        threshold: engine?.jitThreshold ?? JIT_THRESHOLD,
        compiler: engine?.compiler,
        hash: (bytes) => hash.h64Raw(bytes),
        linting: engine?.linting,
      },
    );
    this.#fields = Array.from({ length: harts }, (_, hart) => new SliceFields(this.engine, hart));
    this.memory = new Ram(
      this.engine,
      () => this.#scheduler.hart,
      (physical, sizeBytes) =>
        this.#conditions.written(this.#actor ?? this.#bus?.last ?? "outside", physical, sizeBytes),
    );
    this.clock = new MachineClock(this.engine, host, () => this.cycle, () => this.#cut());
    const attachments = options.buildBoard({
      memory: this.memory,
      clock: this.clock,
      hartIrq: (hart, line) => this.#hartIrq(hart, line),
      output: (device, output) => this.#output(device, output),
      breach: (device, rule, text) => {
        const hart = this.#running ? this.#scheduler.hart : undefined;
        this.onBreach?.({ cycle: this.cycle, device, hart, rule, text });
      },
      frameDone: (...frame) => this.onFrameDone?.(this.cycle, ...frame),
    });
    this.#bus = new DeviceBus(attachments);
    this.devices = new Map(attachments.map(({ device }) => [device.id, device]));
    if (this.devices.size < attachments.length) throw new RangeError("Two devices share an id");
    this.#deadlines = new Deadlines(attachments.map(({ device }) => device));
    this.#timers = Array.from(
      { length: harts },
      (_, hart) => new SupervisorTimer(this.engine, this.clock, hart),
    );
    this.#watchContract();
    this.#nextFlush = engine?.flushEveryCycles ?? Infinity;
    this.#reset();
    this.#ramDigest = new RamDigest(this.engine, hash);
  }

  /** Now: the number of cycles since reset. */
  get cycle(): number {
    if (!this.#running) return this.#cycle;
    // The instruction under way has taken its cycle from what is left.
    const { i32 } = this.engine;
    const { granted, left } = this.#fields[this.#scheduler.hart];
    return this.#cycle + i32[granted] - i32[left] - 1;
  }

  get engineStatistics(): EngineStatistics {
    return { actedCycles: this.#actedCycles, jit: this.engine.jit.statistics };
  }

  /** For the engine: a load of the instruction under way that is not from memory. */
  load(address: number, width: number): number | undefined {
    this.#actor = undefined;
    const value = this.#bus.load(address, width);
    this.#noticeTimer();
    return value;
  }

  /** For the engine: the upper half of the last such load. */
  get high(): number {
    return this.#bus.high;
  }

  /** For the engine: a store of the instruction under way that is not to memory. */
  store(address: number, width: number, low: number, high: number): boolean {
    this.#actor = undefined;
    const taken = this.#bus.store(address, width, low, high);
    this.#noticeTimer();
    return taken;
  }

  /** Replaces the breakpoints: virtual addresses, of any hart. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.#conditions.setBreakpoints(this.engine, addresses);
  }

  /** Replaces the watchpoints. */
  setWatchpoints(watchpoints: readonly Watchpoint[]): void {
    this.#conditions.setWatchpoints(this.engine, watchpoints);
  }

  /**
   * Runs until a cycle, until the guest turns itself off, or until a breakpoint or watchpoint.
   *
   * A breakpoint at the very cycle at which it begins does not stop it, unless `stopAtOnce`.
   * @param options `isOver` is asked after every slice: once it says so, here is where it stops
   */
  async run(
    until: number,
    options: { readonly stopAtOnce?: boolean; readonly isOver?: () => boolean } = {},
  ): Promise<Stop> {
    this.#conditions.armFrom(options.stopAtOnce ? this.#cycle : this.#cycle + 1);
    this.#deadlines.look();
    /** Nothing but time has passed since the hart was chosen: it goes on, up to here. */
    let limit: number | undefined;
    for (;;) {
      if (limit === undefined) {
        if (this.#power) return this.#stop();
        if (this.#conditions.hasHits) {
          return { reason: "watchpoint", hits: this.#conditions.takeHits() };
        }
        const hart = this.#conditions.takeBroken();
        if (hart !== undefined) {
          return { reason: "breakpoint", hart, begun: this.#served === this.#cycle };
        }
      }
      if (this.#cycle >= until || options.isOver?.()) return { reason: "until" };
      const settled = this.#host.settle(this.#cycle);
      if (settled) await settled;
      this.#served = this.#cycle;
      const input = this.#host.take(this.#cycle);
      if (input !== undefined || limit === undefined) {
        if (input !== undefined) this.#takeInputs(input);
        const deadline = this.#tick();
        if (this.#power) return this.#stop();
        // A device has just made a watched access: this cycle is the last one.
        const last = this.#conditions.hasHits ? this.#cycle + 1 : Infinity;
        if (!this.#choose()) {
          limit = undefined;
          if (last < Infinity) {
            this.#jump(last);
            continue;
          }
          // Every hart waits.
          const idle = this.#host.idle(this.#cycle, Math.min(deadline, until));
          const cycle = typeof idle === "number" ? idle : await idle;
          if (cycle === Infinity) return { reason: "stuck" };
          this.#jump(Math.min(cycle, until));
          continue;
        }
        limit = Math.min(deadline, until, last, this.#turnEnd(), this.#nextDigest, this.#nextFlush);
      }
      const isQuiet = this.#slice(Math.min(limit, this.#host.horizon(this.#cycle)));
      if (!isQuiet || this.#cycle >= limit || this.#deadlines.next < limit) limit = undefined;
    }
  }

  /** 16 hexadecimal digits over all canonical state. */
  digest(): string {
    return this.#digestOf(this.#canonicalBytes());
  }

  #canonicalBytes(): Uint8Array {
    return encodeState({
      ...this.#state((device) => device.summary?.() ?? device.save()),
      ram: this.#ramDigest.value(),
    });
  }

  #digestOf(canonicalBytes: Uint8Array): string {
    return this.#hash.h64Raw(canonicalBytes).toString(16).padStart(16, "0");
  }

  /** Takes the numbers of the pages of RAM written since the last call, or since reset. */
  takeWrittenPages(): readonly number[] {
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
    const harts = state.harts as readonly State[];
    if (harts.length !== this.#options.harts) {
      throw new RangeError(
        `Cannot restore ${harts.length} harts to a machine of ${this.#options.harts}`,
      );
    }
    this.#cycle = state.cycle as number;
    this.#scheduler.restore(state.scheduler as State);
    harts.forEach((hart, index) => restoreHart(this.engine, index, hart));
    this.clock.setOffset(state.mtimeOffset as bigint);
    for (const timer of this.#timers) timer.restored();
    const devices = state.devices as Record<string, State>;
    for (const [id, device] of this.devices) {
      if (!devices[id]) throw new RangeError(`Cannot restore: the state has no device "${id}"`);
      device.restore(devices[id]);
    }
    this.#nextDigest = (Math.floor(this.#cycle / DIGEST_CYCLES) + 1) * DIGEST_CYCLES;
    this.#power = undefined;
    this.#served = -1;
    this.#conditions.takeBroken();
    this.#conditions.takeHits();
    this.#watchContract();
  }

  // From here on: what harts may hold in caches is not part of their state.
  #watchContract(): void {
    if (!this.#options.engine?.linting) return;
    this.#contract = this.engine.observer = new Contract(
      this.engine,
      () => this.cycle,
      (hart, ahead, rule, text) =>
        this.onBreach?.({ cycle: this.cycle + ahead, device: `hart${hart}`, hart, rule, text }),
    );
  }

  #state(ofDevice: (device: Device) => State): State {
    const devices: Record<string, State> = {};
    for (const [id, device] of this.devices) devices[id] = ofDevice(device);
    return {
      version: 1,
      cycle: this.#cycle,
      mtimeOffset: this.clock.offset,
      scheduler: this.#scheduler.save(),
      harts: Array.from({ length: this.#options.harts }, (_, hart) => saveHart(this.engine, hart)),
      devices,
    };
  }

  #reset(): void {
    const { memoryBytes, harts, rom, images } = this.#options;
    for (let hart = 0; hart < harts; hart++) resetHart(this.engine, hart);
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

  #takeInputs(first: Input): void {
    for (let input: Input | undefined = first; input; input = this.#host.take(this.#cycle)) {
      if (input.kind === "reseed") this.#reseed(input.seed);
      else if (input.kind === "fault" && input.device === MACHINE_DEVICE) this.#force(input);
      else if (input.kind !== "host") this.#deliver(input);
      this.#deadlines.look();
    }
  }

  #deliver(input: Input): void {
    const device = this.devices.get(input.device);
    if (!device?.input) {
      throw new RangeError(
        `Input for "${input.device}" at cycle ${this.#cycle}: no such device takes input`,
      );
    }
    this.#actor = input.device;
    device.input(input);
  }

  #force(input: FaultInput): void {
    if (input.fault === "withhold") return this.#scheduler.withhold(input.hart, input.until);
    if (input.fault !== "flip") throw new RangeError(`No machine takes a fault "${input.fault}"`);
    const { address, bit } = input;
    const byte = this.memory.view(address, 1)?.[0];
    if (byte === undefined) {
      throw new RangeError(`Cannot flip a bit at 0x${address.toString(16)}: it is not in RAM`);
    }
    this.#actor = MACHINE_DEVICE;
    this.memory.write(address, Uint8Array.of(byte ^ 1 << bit));
  }

  #reseed(seed: number): void {
    this.#scheduler.reseed(this.#cycle, seedFor(seed, "scheduler"));
    for (const [id, device] of this.devices) device.reseed?.(seedFor(seed, id));
  }

  // An access may have armed a device's own timer, by reading too: a UART's character timeout.
  #noticeTimer(): void {
    if (this.#deadlines.look() < this.#sliceEnd) this.#cut();
  }

  // Timers and lines of this cycle; returns the cycle of the next timer.
  #tick(): number {
    let deadline = this.#deadlines.tick(this.#cycle);
    for (const timer of this.#timers) deadline = Math.min(deadline, timer.update(this.#cycle));
    return Math.min(deadline, this.#scheduler.nextRelease(this.#cycle));
  }

  // Wakes harts and names the one that acts now; false if all of them wait.
  #choose(): boolean {
    const scheduler = this.#scheduler;
    for (const fields of this.#fields) this.#wake(fields);
    const { hart, quantumEnd } = scheduler;
    if (this.#isRunnable(hart)) {
      if (this.#cycle < quantumEnd) return true;
      if (this.#isReserved(hart) && this.#cycle < quantumEnd + GRACE_CYCLES) return true;
    }
    if (scheduler.harts > 1) {
      this.engine.setField(hart, "reservation", (1n << 64n) - 1n);
    }
    return scheduler.rotate(this.#cycle, (other) => this.#isRunnable(other));
  }

  #isRunnable(hart: number): boolean {
    return this.engine.i32[this.#fields[hart].waiting] === 0 &&
      !this.#scheduler.isWithheld(hart, this.#cycle);
  }

  #isReserved(hart: number): boolean {
    const { i32 } = this.engine;
    const { reservation } = this.#fields[hart];
    return i32[reservation] !== -1 || i32[reservation + 1] !== -1;
  }

  // wfi ends when an enabled interrupt is pending, whatever the global enables say.
  #wake({ waiting, menvcfg, mipSoftware, mipLines, mie }: SliceFields): void {
    const { i32 } = this.engine;
    if (i32[waiting] === 0) return;
    // With STCE, STIP is the timer's alone.
    const stce = i32[menvcfg + 1] < 0;
    const software = i32[mipSoftware] & (stce ? ~STIP : -1);
    if (((i32[mipLines] | software) & i32[mie]) !== 0) i32[waiting] = 0;
  }

  // Past its quantum a hart goes on cycle by cycle until its reservation ends.
  #turnEnd(): number {
    const { quantumEnd } = this.#scheduler;
    return this.#cycle < quantumEnd ? quantumEnd : this.#cycle + 1;
  }

  /**
   * The running hart acts, at most up to a cycle.
   * @returns whether it may go on at once: whatever matters to others has cut the slice
   */
  #slice(end: number): boolean {
    const { hart } = this.#scheduler;
    const { granted, notRetired, interrupted, waiting } = this.#fields[hart];
    const { i32, jit } = this.engine;
    jit.advance();
    const from = this.#cycle;
    this.#sliceEnd = Math.min(
      end,
      from + (jit.isWaiting ? SLICE_CYCLES_WAITING : SLICE_CYCLES_MAX),
    );
    // As halves: a slice may be short, and a BigInt takes as long as a hundred instructions.
    i32[MACHINE.sliceStart / 4] = from;
    i32[MACHINE.sliceStart / 4 + 1] = Math.floor(from / 2 ** 32);
    i32[MACHINE.cut / 4] = 0;
    i32[interrupted] = 0;
    this.#contract?.turn(hart);
    this.#running = true;
    const left = this.engine.run(hart, this.#sliceEnd - from);
    this.#running = false;
    const acted = i32[granted] - left;
    this.#cycle = from + acted;
    this.#actedCycles += acted;
    if (this.onActed && acted > 0) {
      const interrupts = i32[interrupted];
      this.onActed(hart, from, this.#cycle, i32[notRetired] - interrupts, interrupts);
    }
    this.#passed();
    return i32[MACHINE.cut / 4] === 0 && i32[waiting] === 0 && !this.#conditions.hasStop;
  }

  // Time passes and nothing acts: state stays, cycle by cycle, and is encoded but once.
  #jump(cycle: number): void {
    let bytes: Uint8Array | undefined;
    const digest = () => {
      bytes ??= this.#canonicalBytes();
      setEncodedNumber(bytes, "cycle", this.#cycle);
      return this.#digestOf(bytes);
    };
    while (this.#cycle < cycle) {
      this.#cycle = Math.min(cycle, this.#nextDigest, this.#nextFlush);
      this.#passed(digest);
    }
  }

  #passed(digest?: () => string): void {
    if (this.#cycle >= this.#nextDigest) {
      this.#nextDigest += DIGEST_CYCLES;
      this.#options.onDigest?.(this.#cycle, digest ? digest() : this.digest());
    }
    if (this.#cycle >= this.#nextFlush) {
      this.#nextFlush += this.#options.engine!.flushEveryCycles!;
      this.engine.flushAll();
    }
  }

  // Ends the slice after the instruction under way.
  #cut(): void {
    if (!this.#running) return;
    const { i32 } = this.engine;
    const { granted, left } = this.#fields[this.#scheduler.hart];
    i32[granted] -= i32[left];
    i32[left] = 0;
    i32[MACHINE.cut / 4] = 1;
  }

  #hartIrq(hart: number, line: HartLine): IrqLine {
    const { i32 } = this.engine;
    const { mipLines } = this.#fields[hart];
    const bit = LINE_BITS[line];
    return {
      set: (level) => {
        if (((i32[mipLines] & bit) !== 0) === level) return;
        i32[mipLines] ^= bit;
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
