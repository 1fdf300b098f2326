/** The virtio MMIO transport, played by a driver. Sections: VIRTIO 1.2. */
import { assertEquals } from "@std/assert";
import type { ChipPorts, VirtioChip } from "../../../devices/virtio/chip.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import {
  moved,
  TestPorts,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VirtioDriver,
} from "../driver.ts";

/** A device type that copies what it reads to what it may write. */
class EchoChip implements VirtioChip {
  readonly deviceId = 42;
  readonly features = 1n << 3n | 1n << 40n;
  readonly queueSizes = [16, 4];
  readonly config = Uint8Array.of(1, 2, 3, 4, 5);
  ports!: ChipPorts;
  forgotten: number[] = [];

  attach(ports: ChipPorts): void {
    this.ports = ports;
  }

  notify(queue: number): void {
    for (const chain of this.ports.chains(queue)) {
      this.ports.push(queue, chain, chain.readableBytes);
    }
  }

  forget(queue: number): void {
    this.forgotten.push(queue);
  }

  save() {
    return { version: 1 };
  }

  restore(): void {}
}

function bench() {
  const ports = new TestPorts();
  const chip = new EchoChip();
  const device = new VirtioMmio({ id: "virtio0" }, chip, ports);
  return { ports, chip, device, driver: new VirtioDriver(device, ports.memory) };
}

Deno.test("VirtioMmio identifies itself as a modern device (4.2.2)", () => {
  const { driver } = bench();
  assertEquals([0, 4, 8, 0xc].map((offset) => driver.get(offset)), [
    0x7472_6976,
    2,
    42,
    0x554d_4551,
  ]);
  assertEquals(driver.offered(), VIRTIO_F_VERSION_1 | 1n << 28n | 1n << 29n | 1n << 3n | 1n << 40n);
  driver.set(0x14, 2);
  assertEquals(driver.get(0x10), 0);
  driver.set(0x30, 1);
  assertEquals(driver.get(0x34), 4);
  driver.set(0x30, 2);
  assertEquals(driver.get(0x34), 0, "there is no third queue");
  assertEquals(driver.get(0xb0), 0xffff_ffff, "there is no shared memory");
});

Deno.test("VirtioMmio shows an empty slot as QEMU does, with device id 0", () => {
  const slot = new VirtioMmio({ id: "virtio7" }, undefined, new TestPorts());
  slot.write(0x70, 4, 15);
  slot.write(0x50, 4, 0);
  assertEquals([0, 4, 8, 0xc, 0x10, 0x34, 0x70, 0x100].map((offset) => slot.read(offset, 4)), [
    ...[0x7472_6976, 2, 0, 0x554d_4551],
    ...[0, 0, 0, 0],
  ]);
  moved(slot, new VirtioMmio({ id: "virtio7" }, undefined, new TestPorts()));
});

Deno.test("VirtioMmio reads the configuration space in every width, 0 beyond its end", () => {
  const { device } = bench();
  assertEquals(device.read(0x100, 1), 1);
  assertEquals(device.read(0x102, 2), 0x0403);
  assertEquals(device.read(0x104, 4), 5);
  assertEquals(device.read(0xffc, 4), 0);
  assertEquals(device.read(0x000, 1), 0, "registers take 32 bits only (4.2.2.2)");
});

Deno.test("VirtioMmio refuses features that it did not offer, and drivers without VERSION_1", () => {
  const { driver } = bench();
  for (const features of [1n << 3n, VIRTIO_F_VERSION_1 | 1n << 5n]) {
    driver.set(0x70, 0);
    driver.accept(features);
    driver.set(0x70, 11);
    assertEquals(driver.get(0x70), 3);
    driver.set(0x70, 15);
    assertEquals(driver.get(0x70), 3, "no DRIVER_OK without FEATURES_OK");
  }
  driver.accept(VIRTIO_F_VERSION_1);
  driver.set(0x70, 11);
  assertEquals(driver.get(0x70), 11);
});

Deno.test("VirtioMmio freezes features at FEATURES_OK, and addresses at QueueReady", () => {
  const { driver, device } = bench();
  driver.start(0n, [8, 4]);
  driver.accept(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
  const before = device.save();
  assertEquals(before.driverFeatures, VIRTIO_F_VERSION_1);
  driver.set(0x30, 0);
  driver.set(0x38, 2);
  driver.set(0x80, 0);
  assertEquals(device.save().queues, before.queues);
});

Deno.test("VirtioMmio uses buffers, interrupts and takes the acknowledgement", () => {
  const { driver, ports } = bench();
  driver.start(0n, [8, 4]);
  const { head } = driver.queues[0].add([new Uint8Array(10), 100]);
  assertEquals(driver.queues[0].next(), undefined);
  driver.notify(0);
  assertEquals(driver.queues[0].next(), { head, sizeBytes: 10 });
  assertEquals(ports.irq.level, true);
  driver.set(0x64, 2);
  assertEquals(ports.irq.level, true);
  assertEquals(driver.acknowledge(), 1);
  assertEquals([ports.irq.level, driver.get(0x60)], [false, 0]);
});

Deno.test("VirtioMmio goes round its rings, with direct and with indirect descriptors", () => {
  const { driver } = bench();
  driver.start(1n << 28n, [8, 4]);
  for (let i = 0; i < 100; i++) {
    const { head } = driver.queues[0].add([new Uint8Array(i), 1], i % 3 === 0);
    driver.notify(0);
    assertEquals(driver.queues[0].next(), { head, sizeBytes: i });
  }
});

Deno.test("VirtioMmio stays silent where the driver asks for it (2.7.7)", () => {
  const { driver, ports } = bench();
  driver.start(0n, [8, 4]);
  const queue = driver.queues[0];
  ports.memory.setU16(queue.available, 1); // VIRTQ_AVAIL_F_NO_INTERRUPT
  queue.add([4]);
  driver.notify(0);
  assertEquals(queue.next()?.sizeBytes, 0);
  assertEquals(ports.irq.level, false);
});

Deno.test("VirtioMmio interrupts at used_event and asks by avail_event (2.7.7.2, 2.7.10)", () => {
  const { driver, ports } = bench();
  driver.start(VIRTIO_F_EVENT_IDX, [8, 4]);
  const queue = driver.queues[0];
  ports.memory.setU16(queue.available + 4 + 2 * 8, 2); // used_event: the third buffer
  const seen = [1, 2, 3, 4].map(() => {
    queue.add([4]);
    driver.notify(0);
    const availEvent = ports.memory.u16(queue.used + 4 + 8 * 8);
    return [driver.acknowledge(), availEvent, queue.next()?.head];
  });
  assertEquals(seen, [[0, 1, 0], [0, 2, 1], [1, 3, 2], [0, 4, 3]]);
});

Deno.test("VirtioMmio does nothing before DRIVER_OK and on a queue that is not ready", () => {
  const { driver } = bench();
  driver.start(0n, [8]);
  const queue = driver.queues[0];
  queue.add([4]);
  driver.notify(1);
  driver.notify(9);
  driver.set(0x30, 0);
  driver.set(0x44, 0);
  driver.notify(0);
  assertEquals(queue.next(), undefined);
});

Deno.test("VirtioMmio reset restores the power-on state and forgets the queues (2.4)", () => {
  const { driver, device, chip, ports } = bench();
  const powerOn = device.save();
  driver.start(1n << 3n, [8, 4]);
  driver.queues[1].add([8]);
  driver.notify(1);
  assertEquals(ports.irq.level, true);
  chip.forgotten = [];
  driver.set(0x70, 0);
  assertEquals(device.save(), powerOn);
  assertEquals([ports.irq.level, chip.forgotten], [false, [0, 1]]);
});

Deno.test("VirtioMmio counts configuration changes and interrupts for them (4.2.2.1)", () => {
  const { driver, chip, ports } = bench();
  driver.start(0n, [8, 4]);
  chip.ports.configChanged();
  assertEquals([driver.get(0xfc), ports.irq.level, driver.acknowledge()], [1, true, 2]);
});

Deno.test("VirtioMmio state round-trips with a queue half used", () => {
  const { driver, device } = bench();
  driver.start(1n << 28n, [8, 4]);
  driver.queues[0].add([new Uint8Array(3), 1]);
  driver.notify(0);
  driver.queues[0].next();
  const { head } = driver.queues[0].add([new Uint8Array(5), 1]);
  const ports = new TestPorts();
  ports.memory.bytes.set(driver.memory.bytes);
  const other = moved(device, new VirtioMmio({ id: "virtio0" }, new EchoChip(), ports));
  other.write(0x50, 4, 0);
  assertEquals(ports.memory.u16(driver.queues[0].used + 2), 2);
  assertEquals(ports.memory.u32(driver.queues[0].used + 4 + 8), head);
});

Deno.test("VirtioMmio asks for a reset when the driver breaks the rules of a queue", () => {
  const far = 0x7fff_fff0;
  const faults: Record<string, (driver: VirtioDriver) => void> = {
    "head beyond the table": ({ queues: [queue] }) => queue.offer(8),
    "available index jumps": ({ queues: [queue], memory }) => memory.setU16(queue.available + 2, 9),
    "a loop": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 1, 1, 1);
      queue.describe(queue.descriptors, 1, queue.used, 1, 1, 0);
      queue.offer(0);
    },
    "next beyond the table": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 1, 1, 8);
      queue.offer(0);
    },
    "a buffer outside RAM": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, far, 32, 0, 0);
      queue.offer(0);
    },
    "a huge buffer": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 0xffff_ffff, 2, 0);
      queue.offer(0);
    },
    "readable after writable": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 1, 3, 1);
      queue.describe(queue.descriptors, 1, queue.used, 1, 0, 0);
      queue.offer(0);
    },
    "an indirect table of a broken size": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 17, 4, 0);
      queue.offer(0);
    },
    "an empty indirect table": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.used, 0, 4, 0);
      queue.offer(0);
    },
    "an indirect table that points to itself": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.descriptors, 16, 4, 0);
      queue.offer(0);
    },
    "indirect and next together": ({ queues: [queue] }) => {
      queue.describe(queue.descriptors, 0, queue.descriptors, 16, 5, 1);
      queue.offer(0);
    },
    "an indirect chain longer than the queue": ({ queues: [queue] }) => {
      const table = queue.driver.allocate(16 * 9);
      for (let i = 0; i < 9; i++) queue.describe(table, i, queue.used, 1, i < 8 ? 1 : 0, i + 1);
      queue.describe(queue.descriptors, 0, table, 16 * 9, 4, 0);
      queue.offer(0);
    },
  };
  for (const [name, spoil] of Object.entries(faults)) {
    const { driver, ports } = bench();
    driver.start(1n << 28n, [8, 4]);
    spoil(driver);
    driver.notify(0);
    assertEquals(driver.get(0x70) & 64, 64, name);
    assertEquals([ports.irq.level, driver.acknowledge()], [true, 2], name);
    assertEquals(driver.queues[0].next(), undefined, name);
    driver.notify(0);
    driver.start(0n, [8, 4]); // a reset heals it
    driver.queues[0].add([1]);
    driver.notify(0);
    assertEquals(driver.queues[0].next()?.sizeBytes, 0, name);
  }
});

Deno.test("VirtioMmio refuses indirect descriptors that were not negotiated, and odd sizes", () => {
  const { driver } = bench();
  driver.start(0n, [8, 4]);
  driver.queues[0].add([1], true);
  driver.notify(0);
  assertEquals(driver.get(0x70) & 64, 64);
  for (const size of [0, 3, 32, 0x1_0004]) {
    driver.set(0x70, 0);
    driver.set(0x38, size);
    driver.set(0x44, 1);
    assertEquals(driver.get(0x70) & 64, 64, `size ${size}`);
  }
});

Deno.test("VirtioMmio ends a notification although the used ring lies on the available ring", () => {
  const { driver, ports } = bench();
  driver.start(0n, [8, 4]);
  const queue = driver.queues[0];
  driver.set(0x30, 0);
  driver.set(0x44, 0);
  driver.set(0xa0, queue.available); // each use makes another buffer available
  driver.set(0x44, 1);
  queue.describe(queue.descriptors, 0, queue.used, 1, 0, 0);
  ports.memory.setU16(queue.available + 2, 8);
  driver.notify(0);
  assertEquals(driver.device.save().queues[0].usedIndex <= 8, true);
});
