/**
 * A machine without firmware for tests of the engine: code is put into RAM, registers are set from
 * outside, and every hart but those that a test starts waits.
 */
import type { BuildBoard } from "../../../core/device.ts";
import { DRAM, F, hartBase, type HartField, PMPADDR, X } from "../../../core/hart/layout.ts";
import { Machine, type MachineOptions } from "../../../core/machine.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { TIER } from "../../tier.ts";
import { assembleProgram, type Program } from "../../conformance/program.ts";

export { DRAM } from "../../../core/hart/layout.ts";

/** Of RAM by default. */
export const MEMORY_BYTES = 4 << 20;

export interface RigOptions {
  readonly harts?: number;
  readonly memoryBytes?: number;
  readonly seed?: number;
  readonly board?: BuildBoard;
  readonly host?: MemoryHost;
  readonly engine?: MachineOptions["engine"];
  readonly onDigest?: MachineOptions["onDigest"];
}

/** A machine and short names for its state. */
export class Rig {
  private constructor(readonly machine: Machine, readonly harts: number) {}

  /** All harts wait: {@link start} wakes one. PMP entry 0 opens all of memory. */
  static async create(options: RigOptions = {}): Promise<Rig> {
    const harts = options.harts ?? 1;
    const machine = await Machine.create({
      memoryBytes: options.memoryBytes ?? MEMORY_BYTES,
      harts,
      seed: options.seed ?? 1,
      host: options.host ?? new MemoryHost(),
      buildBoard: options.board ?? (() => []),
      rom: new Uint8Array(0),
      images: [],
      engine: { ...TIER, ...options.engine },
      onDigest: options.onDigest,
    });
    const rig = new Rig(machine, harts);
    for (let hart = 0; hart < harts; hart++) {
      rig.set("waiting", 1, hart);
      rig.setPmp(0, 0x1f, -1n, hart);
    }
    return rig;
  }

  /** Assembles a program, writes it to memory and gives its labels. */
  load(text: string, address = DRAM): Program {
    const program = assembleProgram(text, address);
    this.write(address, program.bytes);
    return program;
  }

  write(address: number, bytes: Uint8Array): void {
    if (!this.machine.memory.write(address, bytes)) throw new RangeError("outside RAM");
  }

  write64(address: number, value: bigint | number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    this.write(address, bytes);
  }

  read64(address: number): bigint {
    const bytes = this.machine.memory.view(address, 8)!;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  /** Lets a hart go on at an address. */
  start(pc: number | bigint, privilege = 3, hart = 0): void {
    this.set("pc", pc, hart);
    this.set("privilege", privilege, hart);
    this.set("waiting", 0, hart);
    this.changed(hart);
  }

  /** Must follow {@link set} where something is derived from the field. */
  changed(hart = 0): void {
    this.machine.engine.stateChanged(hart);
  }

  /** Runs for some cycles. */
  async run(cycles: number): Promise<void> {
    await this.machine.run(this.machine.cycle + cycles);
  }

  /** Runs until a hart is in the endless loop of one instruction at an address. */
  async runTo(pc: number, hart = 0, cyclesMax = 1_000_000): Promise<void> {
    for (let cycles = 0; cycles < cyclesMax; cycles += 100) {
      await this.run(100);
      if (this.get("pc", hart) === BigInt(pc)) return;
    }
    throw new Error(`The hart did not reach 0x${pc.toString(16)}; it is at ${this.where(hart)}`);
  }

  where(hart = 0): string {
    return ["pc", "mcause", "mepc", "mtval"]
      .map((name) => `${name}=0x${this.get(name as HartField, hart).toString(16)}`).join(" ");
  }

  get(field: HartField, hart = 0): bigint {
    return this.machine.engine.field(hart, field);
  }

  set(field: HartField, value: bigint | number, hart = 0): void {
    this.machine.engine.setField(hart, field, BigInt.asUintN(64, BigInt(value)));
  }

  x(index: number, hart = 0): bigint {
    return this.machine.engine.u64[(hartBase(hart) + X) / 8 + index];
  }

  setX(index: number, value: bigint | number, hart = 0): void {
    if (index === 0) return;
    this.machine.engine.u64[(hartBase(hart) + X) / 8 + index] = BigInt.asUintN(64, BigInt(value));
  }

  f(index: number, hart = 0): bigint {
    return this.machine.engine.u64[(hartBase(hart) + F) / 8 + index];
  }

  setF(index: number, value: bigint, hart = 0): void {
    this.machine.engine.u64[(hartBase(hart) + F) / 8 + index] = value;
  }

  /** Sets a PMP entry; {@link changed} must follow. */
  setPmp(entry: number, config: number, address: bigint, hart = 0): void {
    const { engine } = this.machine;
    const field: HartField = entry < 8 ? "pmpcfg0" : "pmpcfg2";
    const shift = BigInt(entry % 8 * 8);
    const others = this.get(field, hart) & ~(0xffn << shift);
    this.set(field, others | BigInt(config) << shift, hart);
    engine.u64[(hartBase(hart) + PMPADDR) / 8 + entry] = address & (1n << 54n) - 1n;
  }
}
