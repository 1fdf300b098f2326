/** virtio devices against a driver that keeps to no rule: seeded, 120,000 operations for each. */
import { assert, assertEquals } from "@std/assert";
import type { Input, Output } from "../../../core/host.ts";
import { Random } from "../../../core/random.ts";
import { VirtioBlk } from "../../../devices/virtio/blk.ts";
import type { VirtioChip } from "../../../devices/virtio/chip.ts";
import { VirtioConsole } from "../../../devices/virtio/console.ts";
import { macOf } from "../../../devices/virtio/mac.ts";
import { VirtioNet } from "../../../devices/virtio/net.ts";
import { VirtioRng } from "../../../devices/virtio/rng.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { processorMs } from "../../processor.ts";
import { abuse, RAM_BASE, type Subject, TestMemory, TestPorts, VirtioDriver } from "../driver.ts";

const RAM_BYTES = 256 * 1024;
const OPERATIONS = 120_000;
const DISK_BYTES = 1024 * 1024;
const HEADERS = RAM_BASE + 0x100; // sixteen request headers that a block device understands
const LENGTHS = [0, 1, 16, 16, 20, 512, 512, 4096, 513, 65536, RAM_BYTES, 2 ** 31, 2 ** 32 - 1];

/** RAM in which nobody can write through a view, between two guards. */
class GuardedMemory extends TestMemory {
  override view(address: number, sizeBytes: number): Uint8Array | undefined {
    return super.view(address, sizeBytes)?.slice();
  }

  override write(address: number, bytes: Uint8Array): boolean {
    if (super.view(address, bytes.length) === undefined) return false;
    this.bytes.set(bytes, address - RAM_BASE);
    return true;
  }
}

class GuardedPorts extends TestPorts {
  override readonly memory = new GuardedMemory(RAM_BYTES);
}

/** What happened, so that the test can show that it was no empty exercise. */
interface Tally {
  requests: number;
  used: number;
  broken: number;
  slowestMs: number;
}

class Bully {
  readonly ports = new GuardedPorts();
  readonly pending: Output[] = [];
  readonly queues: { descriptors: number; available: number; used: number; size: number }[] = [];
  readonly image = new Random(3).bytes(DISK_BYTES);

  constructor(readonly queueCount: number, readonly tally: Tally) {
    const { memory } = this.ports;
    for (let i = 0; i < 16; i++) {
      memory.setU32(HEADERS + 16 * i, [0, 1, 0, 1, 4, 8, 11, 13][i % 8]);
      memory.setU64(HEADERS + 16 * i + 8, i * 100);
    }
  }

  /** One act of the driver or of the host's side. */
  act(device: VirtioMmio, random: Random): void {
    const start = processorMs();
    const choice = random.below(32);
    if (choice === 0 || this.queues.length === 0) this.start(device, random);
    else if (choice < 10) this.describe(random);
    else if (choice < 18) this.offer(device, random);
    else if (choice < 28) this.answer(device, random);
    else if (choice === 28) this.spoil(random);
    else device.write(0x50, 4, random.below(this.queueCount));
    if ((device.read(0x70, 4) & 64) !== 0) {
      this.tally.broken++;
      this.start(device, random);
    }
    this.tally.slowestMs = Math.max(this.tally.slowestMs, processorMs() - start);
  }

  /** A proper initialization, but for where the rings lie and how large they are. */
  start(device: VirtioMmio, random: Random): void {
    const driver = new VirtioDriver(device, this.ports.memory);
    driver.start(BigInt(random.below(4)) << 28n | BigInt(random.below(2)) << 15n, []);
    for (let index = 0; index < this.queueCount; index++) {
      const size = random.below(8) === 0 ? 1 << random.below(3) : 16;
      const at = () =>
        RAM_BASE + 0x1000 + 16 * random.below(0x200) - (random.below(64) === 0 ? 9 : 0);
      const queue = { descriptors: at(), available: at(), used: at(), size };
      this.queues[index] = queue;
      driver.set(0x30, index);
      driver.set(0x38, size);
      driver.set(0x80, queue.descriptors);
      driver.set(0x90, queue.available);
      driver.set(0xa0, random.below(16) === 0 ? random.next() : queue.used);
      driver.set(0x94, random.below(256) === 0 ? random.next() : 0);
      this.ports.memory.bytes.fill(0, 0x1000, 0x1000 + 0x4000);
      driver.set(0x44, 1);
    }
    driver.set(0x70, 15);
  }

  /** One descriptor, of a ring or anywhere, with a taste for the borders. */
  describe(random: Random): void {
    const queue = this.queues[random.below(this.queueCount)];
    const { memory } = this.ports;
    const index = random.below(queue.size + 1);
    const at = queue.descriptors + 16 * index;
    const fixed = [
      HEADERS + 16 * random.below(16),
      queue.descriptors,
      queue.used,
      RAM_BASE + RAM_BYTES,
    ];
    const addresses = [...fixed, RAM_BASE + 0x8000 + random.below(0x8000), 2 ** 63, random.next()];
    const wild = random.below(24) === 0;
    const address = wild
      ? addresses[random.below(addresses.length)]
      : index === 0
      ? fixed[0]
      : addresses[4];
    memory.setU64(at, address);
    memory.setU32(
      at + 8,
      index === 0 && !wild ? 16 : LENGTHS[random.below(wild ? LENGTHS.length : 8)],
    );
    const flags = wild ? random.below(8) : index === 0 ? 1 : [1, 2, 2, 3][random.below(4)];
    memory.setU16(at + 12, flags);
    memory.setU16(at + 14, wild ? random.below(20) : (index + 1) % queue.size);
  }

  offer(device: VirtioMmio, random: Random): void {
    const number = random.below(this.queueCount);
    const queue = this.queues[number];
    const { memory } = this.ports;
    const proper = random.below(4) > 0 && queue.size === 16;
    const index = memory.u16(queue.available + 2);
    const wild = random.below(50) === 0 ? random.below(0x1_0000) : random.below(2);
    const head = proper ? this.#proper(device, number, random) : wild;
    memory.setU16(queue.available + 4 + 2 * (index % queue.size), head);
    const jump = random.below(100) === 0 ? random.below(0x1_0000) : 1;
    memory.setU16(queue.available + 2, (index + jump) & 0xffff);
    const before = memory.u16(queue.used + 2);
    device.write(0x50, 4, number);
    if (memory.u16(queue.used + 2) !== before) this.tally.used++;
  }

  /** A chain that the device can serve, with data of any size; returns its head. */
  #proper(device: VirtioMmio, number: number, random: Random): number {
    const { descriptors } = this.queues[number];
    const head = 3 * random.below(5);
    const data = {
      address: RAM_BASE + 0x8000 + random.below(0x8000),
      length: LENGTHS[random.below(9)],
    };
    const header = { address: HEADERS + 16 * random.below(16), length: 16 };
    const chain = device.read(0x08, 4) === 2
      ? [{ ...header, write: 0 }, { ...data, write: 2 * random.below(2) }, {
        ...data,
        length: 1,
        write: 2,
      }]
      : [{ ...data, write: number === 0 ? 2 : 0 }];
    chain.forEach(({ address, length, write }, i) => {
      const at = descriptors + 16 * (head + i);
      const last = i + 1 === chain.length;
      this.ports.memory.setU64(at, address);
      this.ports.memory.setU32(at + 8, length);
      this.ports.memory.setU16(at + 12, write | (last ? 0 : 1));
      this.ports.memory.setU16(at + 14, head + i + 1);
    });
    return head;
  }

  /** Answers one of the requests in flight, in any order, right or with an error. */
  answer(device: VirtioMmio, random: Random): void {
    this.pending.push(...this.ports.taken().filter((output) => "request" in output));
    this.tally.requests += this.pending.length;
    if (device.read(0x08, 4) === 3) {
      const bytes = random.bytes(random.below(50));
      return device.input({ device: device.id, kind: "console", bytes });
    }
    if (device.read(0x08, 4) === 1) return device.input(this.#fromWire(device.id, random));
    if (this.pending.length === 0) return;
    const [output] = this.pending.splice(random.below(this.pending.length), 1);
    const input = this.#answerTo(device.id, output, random);
    if (input !== undefined) device.input(input);
  }

  #fromWire(device: string, random: Random): Input {
    if (random.below(16) === 0) return { device, kind: "link", up: random.below(4) > 0 };
    const sizes = [0, 13, 14, 60, 60, 60, 1514, 1514, 9014, 65_535, 65_536];
    return { device, kind: "frame", bytes: new Uint8Array(sizes[random.below(sizes.length)]) };
  }

  #answerTo(device: string, output: Output, random: Random): Input | undefined {
    if (output.kind === "entropy") {
      const { request, sizeBytes } = output;
      return { device, kind: "entropy", request, bytes: random.bytes(sizeBytes) };
    }
    if (output.kind !== "disk") return undefined;
    const { request, operation, offset, sizeBytes } = output;
    assert(offset >= 0 && offset + sizeBytes <= DISK_BYTES, "asked for what the disk has not");
    if (random.below(8) === 0) return { device, kind: "disk", request, error: "EIO" };
    const bytes = operation === "read" ? this.image.slice(offset, offset + sizeBytes) : undefined;
    return { device, kind: "disk", request, error: undefined, bytes };
  }

  /** Something in the rings that no driver would write. */
  spoil(random: Random): void {
    for (let i = 0; i < 4; i++) {
      this.ports.memory.setU16(
        RAM_BASE + 0x1000 + 2 * random.below(0x2000),
        random.next() & 0xffff,
      );
    }
  }
}

const QUIET = [
  0x00,
  0x04,
  0x08,
  0x0c,
  0x10,
  0x14,
  0x20,
  0x24,
  0x30,
  0x34,
  0x60,
  0x64,
  0xfc,
  0x100,
  0x108,
];
const OFFSETS = [
  ...QUIET,
  ...QUIET,
  ...QUIET,
  0x38,
  0x44,
  0x70,
  0x80,
  0x84,
  0x90,
  0x94,
  0xa0,
  0xa4,
];

const KINDS: Record<string, { queues: number; chip: () => VirtioChip; requests: boolean }> = {
  VirtioBlk: {
    queues: 1,
    chip: () => new VirtioBlk({ sizeBytes: DISK_BYTES, timing: "model", seed: 1 }),
    requests: true,
  },
  VirtioRng: { queues: 1, chip: () => new VirtioRng({ timing: "model", seed: 1 }), requests: true },
  VirtioNet: {
    queues: 2,
    chip: () => new VirtioNet({ mac: macOf(1, 0) }),
    requests: false,
  },
  VirtioConsole: { queues: 2, chip: () => new VirtioConsole(), requests: false },
};

for (const [name, { queues, chip, requests }] of Object.entries(KINDS)) {
  Deno.test(`${name} survives a driver that keeps to no rule`, () => {
    const tally: Tally = { requests: 0, used: 0, broken: 0, slowestMs: 0 };
    abuse(0xbad, OPERATIONS, (): Subject<VirtioMmio> => {
      const bully = new Bully(queues, tally);
      const { ports } = bully;
      const build = () => new VirtioMmio({ id: "virtio0" }, chip(), ports);
      return {
        device: build(),
        fresh: build,
        offsets: OFFSETS,
        clock: ports.clock,
        value: (random) => RAM_BASE + random.below(RAM_BYTES),
        other: (device, random) => bully.act(device, random),
        trace: () => [ports.irq.level, ports.memory.bytes.slice(), bully.pending.length],
      };
    });
    assert(tally.used > 1000 && tally.broken > 100, JSON.stringify(tally));
    assertEquals(tally.requests > 1000, requests, JSON.stringify(tally));
    assert(tally.slowestMs < 2000, `one operation took ${tally.slowestMs} ms`);
  });
}
