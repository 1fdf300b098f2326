/** The driver's side of a device under test: memory, clock, lines, virtqueues, seeded abuse. */
import { assert, assertEquals } from "@std/assert";
import type { Clock, Device, DevicePorts, GuestMemory, IrqLine, Width } from "../../core/device.ts";
import type { Output } from "../../core/host.ts";
import { Random } from "../../core/random.ts";
import { encodeState, type StateValue } from "../../core/state.ts";
import type { VirtioMmio } from "../../devices/virtio/transport_mmio.ts";

export const RAM_BASE = 0x8000_0000;

/** Guest RAM at {@link RAM_BASE}. */
export class TestMemory implements GuestMemory {
  readonly bytes: Uint8Array;
  readonly data: DataView;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.data = new DataView(this.bytes.buffer);
  }

  view(address: number, sizeBytes: number): Uint8Array | undefined {
    const start = address - RAM_BASE;
    if (!(start >= 0 && sizeBytes >= 0 && start + sizeBytes <= this.bytes.length)) return undefined;
    return this.bytes.subarray(start, start + sizeBytes);
  }

  write(address: number, bytes: Uint8Array): boolean {
    const view = this.view(address, bytes.length);
    view?.set(bytes);
    return view !== undefined;
  }

  u16(address: number): number {
    return this.data.getUint16(address - RAM_BASE, true);
  }

  u32(address: number): number {
    return this.data.getUint32(address - RAM_BASE, true);
  }

  setU16(address: number, value: number): void {
    this.data.setUint16(address - RAM_BASE, value, true);
  }

  setU32(address: number, value: number): void {
    this.data.setUint32(address - RAM_BASE, value, true);
  }

  setU64(address: number, value: number): void {
    this.data.setBigUint64(address - RAM_BASE, BigInt(value), true);
  }
}

/** A clock that stands still until told otherwise. */
export class TestClock implements Clock {
  now = 0;
  offset = 0n;
  epochNs = 1_700_000_000_000_000_000n;

  cycle(): number {
    return this.now;
  }

  mtime(): bigint {
    return BigInt.asUintN(64, BigInt(Math.floor(this.now / 100)) + this.offset);
  }

  setMtime(value: bigint): void {
    this.offset = value - BigInt(Math.floor(this.now / 100));
  }

  cycleOfMtime(value: bigint): number {
    const ticks = value - this.offset;
    if (value <= this.mtime()) return this.now;
    const cycle = ticks * 100n;
    return cycle > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(cycle);
  }

  wallTimeNs(): bigint {
    return this.epochNs + BigInt(this.now);
  }
}

export class TestLine implements IrqLine {
  level = false;

  set(level: boolean): void {
    this.level = level;
  }
}

/** Everything that a device is given, open for inspection. */
export class TestPorts implements DevicePorts {
  readonly irq = new TestLine();
  readonly clock = new TestClock();
  readonly memory: TestMemory;
  outputs: Output[] = [];

  constructor(memoryBytes = 64 * 1024) {
    this.memory = new TestMemory(memoryBytes);
  }

  output(output: Output): void {
    this.outputs.push(output);
  }

  /** Removes and returns what was sent so far. */
  taken(): Output[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  /** The text sent to the console so far. */
  text(): string {
    return this.taken().map((output) =>
      output.kind === "console" ? new TextDecoder().decode(output.bytes) : ""
    ).join("");
  }
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Advances the clock to a cycle as the machine would: ticking at each deadline on the way. */
export function runTo(device: Device, clock: TestClock, cycle: number): void {
  for (;;) {
    const deadline = device.deadline?.() ?? Infinity;
    if (deadline > cycle) break;
    clock.now = Math.max(clock.now, deadline);
    device.tick!();
    assert((device.deadline?.() ?? Infinity) > deadline, "a tick did not move the deadline");
  }
  clock.now = cycle;
}

/** Asserts that a fresh device takes the state over, and returns it. */
export function moved<D extends Device>(device: D, fresh: D): D {
  const state = device.save();
  fresh.restore(state);
  assertEquals(encodeState(fresh.save()), encodeState(state));
  assertEquals(
    encodeState(fresh.summary?.() ?? fresh.save()),
    encodeState(device.summary?.() ?? state),
  );
  return fresh;
}

const DESCRIPTOR = 16;
export const VIRTIO_F_INDIRECT_DESC = 1n << 28n;
export const VIRTIO_F_EVENT_IDX = 1n << 29n;
export const VIRTIO_F_VERSION_1 = 1n << 32n;

/** A buffer of a chain: bytes for the device to read, or room for it to write. */
export type Buffer = Uint8Array | number;

/** A well-behaved virtio driver, with queues and buffers from a bump allocator in guest RAM. */
export class VirtioDriver {
  readonly queues: DriverQueue[] = [];
  #free = RAM_BASE + 0x1000;

  constructor(readonly device: VirtioMmio, readonly memory: TestMemory) {}

  get(offset: number): number {
    return this.device.read(offset, 4);
  }

  set(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }

  /** 3.1.1: the whole initialization; returns the features that were accepted. */
  start(features: bigint, queueSizes: readonly number[]): bigint {
    this.set(0x70, 0);
    this.set(0x70, 1);
    this.set(0x70, 3);
    const accepted = this.offered() & (features | VIRTIO_F_VERSION_1);
    this.accept(accepted);
    this.set(0x70, 11);
    assertEquals(this.get(0x70), 11, "FEATURES_OK was refused");
    queueSizes.forEach((size, index) => this.queues[index] = this.#startQueue(index, size));
    this.set(0x70, 15);
    return accepted;
  }

  offered(): bigint {
    this.set(0x14, 0);
    const low = BigInt(this.get(0x10));
    this.set(0x14, 1);
    return low | BigInt(this.get(0x10)) << 32n;
  }

  accept(features: bigint): void {
    this.set(0x24, 0);
    this.set(0x20, Number(features & 0xffff_ffffn));
    this.set(0x24, 1);
    this.set(0x20, Number(features >> 32n));
  }

  allocate(sizeBytes: number): number {
    const address = this.#free;
    this.#free += Math.ceil(sizeBytes / 16) * 16;
    assert(this.#free <= RAM_BASE + this.memory.bytes.length, "the test's RAM is full");
    return address;
  }

  notify(queue: number): void {
    this.set(0x50, queue);
  }

  /** Reads and acknowledges InterruptStatus. */
  acknowledge(): number {
    const status = this.get(0x60);
    this.set(0x64, status);
    return status;
  }

  #startQueue(index: number, size: number): DriverQueue {
    const descriptors = this.allocate(DESCRIPTOR * size);
    const available = this.allocate(6 + 2 * size);
    const used = this.allocate(6 + 8 * size);
    this.set(0x30, index);
    this.set(0x38, size);
    [descriptors, available, used].forEach((address, i) => {
      this.set(0x80 + 0x10 * i, address);
      this.set(0x84 + 0x10 * i, 0);
    });
    this.set(0x44, 1);
    return new DriverQueue(this, size, descriptors, available, used);
  }
}

/** One split virtqueue from the driver's side. */
export class DriverQueue {
  #nextDescriptor = 0;
  #seen = 0;

  constructor(
    readonly driver: VirtioDriver,
    readonly size: number,
    readonly descriptors: number,
    readonly available: number,
    readonly used: number,
  ) {}

  /** Makes a chain available; returns its head and the address of each buffer. */
  add(buffers: readonly Buffer[], indirect = false): { head: number; addresses: number[] } {
    const { memory } = this.driver;
    const addresses = buffers.map((buffer) => {
      const address = this.driver.allocate(typeof buffer === "number" ? buffer : buffer.length);
      if (typeof buffer !== "number") assert(memory.write(address, buffer));
      return address;
    });
    const head = this.#nextDescriptor % this.size;
    const table = indirect ? this.driver.allocate(DESCRIPTOR * buffers.length) : this.descriptors;
    buffers.forEach((buffer, i) => {
      const index = indirect ? i : (head + i) % this.size;
      const next = indirect ? i + 1 : (head + i + 1) % this.size;
      const write = typeof buffer === "number";
      const flags = (write ? 2 : 0) | (i + 1 < buffers.length ? 1 : 0);
      this.describe(table, index, addresses[i], write ? buffer : buffer.length, flags, next);
    });
    if (indirect) this.describe(this.descriptors, head, table, DESCRIPTOR * buffers.length, 4, 0);
    this.#nextDescriptor += indirect ? 1 : buffers.length;
    this.offer(head);
    return { head, addresses };
  }

  describe(
    table: number,
    index: number,
    address: number,
    length: number,
    flags: number,
    next: number,
  ): void {
    const { memory } = this.driver;
    const at = table + DESCRIPTOR * index;
    memory.setU64(at, address);
    memory.setU32(at + 8, length);
    memory.setU16(at + 12, flags);
    memory.setU16(at + 14, next);
  }

  /** Puts a head into the available ring. */
  offer(head: number): void {
    const { memory } = this.driver;
    const index = memory.u16(this.available + 2);
    memory.setU16(this.available + 4 + 2 * (index % this.size), head);
    memory.setU16(this.available + 2, (index + 1) & 0xffff);
  }

  /** The next entry of the used ring. */
  next(): { head: number; sizeBytes: number } | undefined {
    const { memory } = this.driver;
    if (memory.u16(this.used + 2) === this.#seen) return undefined;
    const at = this.used + 4 + 8 * (this.#seen % this.size);
    this.#seen = (this.#seen + 1) & 0xffff;
    return { head: memory.u32(at), sizeBytes: memory.u32(at + 4) };
  }
}

/** A device for a fuzz test, with all that is done to it besides register accesses. */
export interface Subject<D extends Device> {
  readonly device: D;
  /** The same device, new, with the same ports. */
  fresh(): D;
  readonly clock: TestClock;
  /** Favoured offsets; some accesses go anywhere in the device. */
  readonly offsets: readonly number[];
  /** Answers requests, spoils memory, feeds input. */
  other(device: D, random: Random): void;
  /** Values that matter to the device, such as addresses in RAM. */
  value?(random: Random): number;
  /** What the world has seen of the device, beside the values read from it. */
  trace?(): StateValue;
}

/**
 * Random accesses of every width that the bus lets through, at every offset, from a seed. Any
 * exception fails the test; so does a run in which the device is saved and restored into a new one
 * every few thousand operations, and anything at all differs from the run in which it is not.
 */
export function abuse<D extends Device>(seed: number, operations: number, bench: () => Subject<D>) {
  const plain = abuseOnce(seed, operations, bench(), Infinity);
  const restored = abuseOnce(seed, operations, bench(), 1777);
  assertEquals(restored, plain, `seed ${seed}: save and restore can be seen`);
}

function abuseOnce<D extends Device>(
  seed: number,
  operations: number,
  subject: Subject<D>,
  moveEvery: number,
): { reads: number; state: Uint8Array } {
  const random = new Random(seed);
  let device = subject.device;
  let reads = 0;
  let operation = 0;
  try {
    for (; operation < operations; operation++) {
      reads = Math.imul(reads ^ step(subject, device, random), 0x0100_0193);
      if (operation % moveEvery === 1) device = moved(device, subject.fresh());
    }
    return { reads, state: encodeState([device.save(), subject.trace?.()]) };
  } catch (error) {
    throw new Error(`seed ${seed}, operation ${operation}: ${error}`, { cause: error });
  }
}

/** One operation; returns the value read, if it was a read. */
function step<D extends Device>(subject: Subject<D>, device: D, random: Random): number {
  const { clock, offsets } = subject;
  if (random.below(16) === 0) advance(device, clock, random);
  const widths = device.widths.filter((width) => width !== 8); // the bus splits those
  const width = widths[random.below(widths.length)];
  const raw = random.below(8) === 0
    ? random.below(device.sizeBytes)
    : offsets[random.below(offsets.length)];
  const offset = raw - raw % width;
  switch (random.below(4)) {
    case 0: {
      const value = device.read(offset, width);
      assert(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width), `read ${value}`);
      return value;
    }
    case 1:
      subject.other(device, random);
      return 0;
    default:
      device.write(offset, width, drawValue(random, width, subject.value));
      return 0;
  }
}

function drawValue(random: Random, width: Width, own?: (random: Random) => number): number {
  const draw = random.below(4);
  const value = draw === 0
    ? random.next()
    : draw === 1
    ? random.below(16)
    : draw === 2 || own === undefined
    ? (1 << random.below(32)) >>> 0
    : own(random);
  return width === 4 ? value >>> 0 : value % 2 ** (8 * width);
}

function advance(device: Device, clock: TestClock, random: Random): void {
  clock.now += random.below(100_000);
  if ((device.deadline?.() ?? Infinity) <= clock.now) device.tick?.();
}
