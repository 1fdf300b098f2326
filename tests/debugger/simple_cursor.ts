/**
 * The plainest cursor that can be right: whole copies of RAM every few million cycles, and a scan
 * cycle range by cycle range. No inputs. An independent reference for what stands on cursors.
 */
import { CSR_NUMBERS } from "../../core/isa/registers.ts";
import { F, hartBase, X } from "../../core/hart/layout.ts";
import {
  type EngineStatistics,
  Machine,
  type MachineOptions,
  type WatchHit,
} from "../../core/machine.ts";
import type { State } from "../../core/state.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { type ImageName, imageUrl } from "../../guests/images.ts";
import type {
  Arrival,
  Cursor,
  EventArrival,
  EventKind,
  StopConditions,
} from "../../replay/cursor.ts";

const SPAN_CYCLES = 40_000_000;
/** How far behind a position reverse steps keep a copy. */
const NEAR_CYCLES = 4096;
const RAM = 0x8000_0000;

interface Copy {
  readonly cycle: number;
  readonly state: State;
  readonly ram: Uint8Array;
}

export class SimpleCursor implements Cursor {
  readonly start = 0;
  readonly harts: number;
  readonly #machine: Machine;
  readonly #memoryBytes: number;
  #copies: Copy[] = [];
  #end = 0;
  #branch: { readonly from: number; readonly copies: Copy[]; readonly end: number } | undefined;

  /** Runs a guest to its end, or to a cycle. */
  static async boot(
    image: ImageName,
    harts = 1,
    cycles = Infinity,
    engine?: MachineOptions["engine"],
  ): Promise<SimpleCursor> {
    const memoryBytes = 4 << 20;
    const bios = { name: image, bytes: Deno.readFileSync(imageUrl(image)) };
    const config = { memoryBytes, harts, seed: 20, diskTiming: "model", disks: [] } as const;
    const options = machineOptions(config, { bios }, new MemoryHost());
    const cursor = new SimpleCursor(
      await Machine.create({ ...options, engine }),
      harts,
      memoryBytes,
    );
    await cursor.#record(cycles);
    return cursor;
  }

  private constructor(machine: Machine, harts: number, memoryBytes: number) {
    this.#machine = machine;
    this.harts = harts;
    this.#memoryBytes = memoryBytes;
  }

  async #record(cycles: number): Promise<void> {
    const machine = this.#machine;
    for (;;) {
      this.#copy();
      const stop = await machine.run(Math.min(cycles, machine.cycle + SPAN_CYCLES));
      if (stop.reason === "until" && machine.cycle < cycles) continue;
      this.#end = machine.cycle;
      return;
    }
  }

  get cycle(): number {
    return this.#machine.cycle;
  }

  get end(): number {
    return this.#end;
  }

  async seek(cycle: number): Promise<boolean> {
    if (cycle < this.start || cycle > this.end) throw new RangeError(`Cycle ${cycle} is outside`);
    this.#restore(cycle);
    if (this.cycle < cycle) await this.#machine.run(cycle);
    return true;
  }

  async step(hart: number, signal?: AbortSignal, conditions?: StopConditions): Promise<Arrival> {
    const from = this.cycle;
    const arrival = await this.#step(hart, signal);
    const to = this.cycle;
    if (conditions === undefined || isNone(conditions)) return arrival;
    await this.seek(from);
    const found = await this.#run(conditions, to, false);
    if (found === undefined) await this.seek(to);
    return found ?? arrival;
  }

  async #step(hart: number, signal?: AbortSignal): Promise<Arrival> {
    const from = this.cycle;
    for (let span = 1; this.cycle < this.end; span *= 4) {
      if (signal?.aborted) return { reason: "interrupted" };
      const [acted] = await this.#acted(hart, this.cycle, Math.min(this.cycle + span, this.end));
      if (acted === undefined) continue;
      await this.seek(acted.from + 1);
      return { reason: "step", hart };
    }
    if (from < this.end) await this.seek(this.end);
    return { reason: "end" };
  }

  async reverseStep(
    hart: number,
    signal?: AbortSignal,
    conditions?: StopConditions,
  ): Promise<Arrival> {
    const from = this.cycle;
    const arrival = await this.#reverseStep(hart, signal);
    const to = this.cycle;
    if (conditions === undefined || isNone(conditions)) return arrival;
    await this.seek(from);
    const found = await this.reverseContinue(conditions, signal);
    const isOnTheWay = found.reason === "watchpoint" ? this.cycle >= to : this.cycle > to;
    if (!isOnTheWay) await this.seek(to);
    return isOnTheWay ? found : arrival;
  }

  async #reverseStep(hart: number, signal?: AbortSignal): Promise<Arrival> {
    const end = this.cycle;
    for (let to = end, span = 16; to > this.start; span *= 8) {
      if (signal?.aborted) return { reason: "interrupted" };
      const from = Math.max(to - span, this.start);
      await this.seek(Math.max(from - NEAR_CYCLES, this.start));
      this.#copy();
      await this.seek(from);
      const acted = (await this.#acted(hart, from, to)).at(-1);
      if (acted !== undefined) {
        await this.seek(Math.min(acted.to, to) - 1);
        return { reason: "step", hart };
      }
      to = from;
    }
    await this.seek(this.start);
    return { reason: "start" };
  }

  async continue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival> {
    if (signal?.aborted) return { reason: "interrupted" };
    const found = await this.#run(conditions, this.end, false);
    return found ?? { reason: "end" };
  }

  async reverseContinue(conditions: StopConditions, signal?: AbortSignal): Promise<Arrival> {
    let to = this.cycle;
    const starts = this.#copies.map(({ cycle }) => cycle).filter((cycle) => cycle < to).reverse();
    for (const from of starts) {
      if (signal?.aborted) return { reason: "interrupted" };
      await this.seek(from);
      let last: { cycle: number; arrival: Arrival } | undefined;
      for (let atOnce = true; this.cycle < to;) {
        const arrival = await this.#run(conditions, to, atOnce);
        if (arrival === undefined) break;
        const cycle = arrival.reason === "watchpoint" ? this.cycle - 1 : this.cycle;
        if (cycle < to) last = { cycle, arrival };
        atOnce = arrival.reason === "watchpoint";
      }
      if (last !== undefined) {
        await this.seek(last.cycle);
        return last.arrival;
      }
      to = from;
    }
    await this.seek(this.start);
    return { reason: "start" };
  }

  nextEvent(_kind: EventKind, direction: "next" | "previous"): Promise<EventArrival> {
    return Promise.resolve({ reason: direction === "next" ? "end" : "start" });
  }

  readRegister(hart: number, name: string): bigint {
    const { engine } = this.#machine;
    if (name === "pc") return engine.field(hart, "pc");
    if (name === "priv") return engine.field(hart, "privilege");
    if (name === "cycle") return BigInt(this.cycle);
    const file = this.#file(hart, name);
    if (file !== undefined) return engine.u64[file];
    const number = CSR_NUMBERS.get(name);
    const value = number === undefined ? undefined : engine.accessCsr(hart, number, this.cycle);
    if (value === undefined) throw new RangeError(`No register is called "${name}"`);
    return value;
  }

  writeRegister(hart: number, name: string, value: bigint): void {
    this.readRegister(hart, name);
    this.startBranch();
    const { engine } = this.#machine;
    const file = this.#file(hart, name);
    if (file !== undefined) engine.u64[file] = value;
    else if (name === "pc") engine.setField(hart, "pc", value);
    else engine.accessCsr(hart, CSR_NUMBERS.get(name)!, this.cycle, value);
    engine.stateChanged(hart);
    this.#changed();
  }

  #file(hart: number, name: string): number | undefined {
    const [, file, index] = /^([xf])(\d+)$/.exec(name) ?? [];
    if (file === undefined || Number(index) > 31) return undefined;
    return (hartBase(hart) + (file === "x" ? X : F)) / 8 + Number(index);
  }

  // The guests of these tests map memory to its own address.
  translate(_hart: number, address: bigint): number | undefined {
    const isMapped = address >= 0x1000n && address < BigInt(RAM + this.#memoryBytes);
    return isMapped ? Number(address) : undefined;
  }

  readMemory(address: number, sizeBytes: number): Uint8Array | undefined {
    return this.#machine.memory.view(address, sizeBytes)?.slice();
  }

  deviceState(device: string): State | undefined {
    return this.#machine.devices.get(device)?.save();
  }

  writeMemory(address: number, bytes: Uint8Array): boolean {
    if (!this.#machine.memory.view(address, bytes.length)) return false;
    this.startBranch();
    this.#machine.memory.write(address, bytes);
    this.#changed();
    return true;
  }

  inject(): never {
    throw new RangeError("A simple cursor has no host that could inject anything");
  }

  get branch(): { readonly from: number } | undefined {
    return this.#branch && { from: this.#branch.from };
  }

  startBranch(): void {
    this.#branch ??= { from: this.cycle, copies: this.#copies, end: this.#end };
    this.#changed();
  }

  async returnFromBranch(): Promise<void> {
    if (!this.#branch) return;
    const { from, copies, end } = this.#branch;
    [this.#copies, this.#end, this.#branch] = [copies, end, undefined];
    await this.seek(from);
  }

  digest(): string {
    return this.#machine.digest();
  }

  get engine(): EngineStatistics {
    return this.#machine.engineStatistics;
  }

  close(): void {}

  // A branch can be gone back on as far as its last change.
  #changed(): void {
    this.#copies = [];
    this.#copy();
  }

  #copy(): void {
    const { cycle } = this;
    if (this.#copies.some((copy) => copy.cycle === cycle)) return;
    const ram = this.#machine.memory.view(RAM, this.#memoryBytes)!.slice();
    this.#copies.push({ cycle, state: this.#machine.save(), ram });
    this.#copies.sort((a, b) => a.cycle - b.cycle);
    // Those of reverse steps are soon behind.
    if (this.#copies.length > 200) this.#copies.splice(-2, 1);
  }

  #restore(cycle: number): void {
    const copy = this.#copies.findLast((one) => one.cycle <= cycle);
    if (copy === undefined) throw new RangeError(`Cycle ${cycle} is before the branch`);
    this.#machine.memory.write(RAM, copy.ram);
    this.#machine.restore(copy.state);
  }

  // The stretches in which a hart acts from here, which is `from`, to a cycle.
  async #acted(hart: number, from: number, to: number) {
    const stretches: { readonly from: number; readonly to: number }[] = [];
    this.#machine.onActed = (acting, first, end) => {
      if (acting === hart && end > from) stretches.push({ from: first, to: end });
    };
    await this.#machine.run(to);
    this.#machine.onActed = undefined;
    return stretches;
  }

  async #run(conditions: StopConditions, to: number, stopAtOnce: boolean) {
    this.#machine.setBreakpoints(conditions.breakpoints);
    this.#machine.setWatchpoints(conditions.watchpoints);
    const stop = await this.#machine.run(to, { stopAtOnce });
    this.#machine.setBreakpoints(new Set());
    this.#machine.setWatchpoints([]);
    if (stop.reason === "breakpoint") return { reason: stop.reason, hart: stop.hart } as const;
    if (stop.reason !== "watchpoint") return undefined;
    return { reason: stop.reason, hits: stop.hits as readonly WatchHit[] } as const;
  }
}

function isNone({ breakpoints, watchpoints }: StopConditions): boolean {
  return breakpoints.size === 0 && watchpoints.length === 0;
}
