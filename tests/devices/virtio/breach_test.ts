/** What devices tell of a driver that breaks VIRTIO 1.2: the section of the rule, once, and nothing else. */
import { assertEquals, assertMatch } from "@std/assert";
import { VirtioBlk } from "../../../devices/virtio/blk.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { ascii, RAM_BASE, TestPorts, VIRTIO_F_VERSION_1, VirtioDriver } from "../driver.ts";

const Status = 0x70;
const QUEUE_SIZE = 8;
const DISK_BYTES = 4096;

/** A disk, its driver, and what the disk says of it. */
function bench(readOnly = false) {
  const rules: string[] = [];
  const ports = Object.assign(new TestPorts(), {
    breach: (rule: string, text: string) => {
      assertMatch(text, /^[\x20-\x7e]{10,120}$/);
      rules.push(rule.replace("VIRTIO 1.2, ", ""));
    },
  });
  const chip = new VirtioBlk({ sizeBytes: DISK_BYTES, readOnly, timing: "live", seed: 1 });
  const driver = new VirtioDriver(new VirtioMmio({ id: "disk0" }, chip, ports), ports.memory);
  return { driver, rules, ports };
}

function started(readOnly = false) {
  const made = bench(readOnly);
  made.driver.start(0n, [QUEUE_SIZE]);
  return { ...made, queue: made.driver.queues[0] };
}

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

const SET_UP: Record<string, [rule: string, (driver: VirtioDriver) => void]> = {
  "DRIVER without ACKNOWLEDGE": ["3.1.1", (driver) => driver.set(Status, 2)],
  "FEATURES_OK without VERSION_1": ["6.1", (driver) => {
    driver.set(Status, 3);
    driver.set(Status, 11);
  }],
  "features that were not offered": ["2.2.1", (driver) => {
    driver.set(Status, 3);
    driver.accept(VIRTIO_F_VERSION_1 | 1n << 40n);
    driver.set(Status, 11);
  }],
  "DRIVER_OK without FEATURES_OK": ["3.1.1", (driver) => {
    driver.set(Status, 3);
    driver.set(Status, 7);
  }],
  "a register of 4 bytes read as 1": ["4.2.2.2", (driver) => driver.device.read(Status, 1)],
  "a queue that is not there": ["4.2.2.2", (driver) => {
    driver.set(0x30, 1);
    driver.set(0x38, 8);
  }],
  "a queue of size 7": ["2.7", (driver) => {
    driver.set(0x38, 7);
    driver.set(0x44, 1);
  }],
  "a descriptor table at an odd place": ["2.7", (driver) => {
    driver.set(0x80, RAM_BASE + 8);
    driver.set(0x44, 1);
  }],
  "a notification of a queue that is not ready": ["4.2.2.2", (driver) => driver.notify(0)],
  "a notification before DRIVER_OK": ["3.1.1", (driver) => {
    driver.set(Status, 3);
    driver.accept(VIRTIO_F_VERSION_1);
    driver.set(Status, 11);
    driver.set(0x44, 1);
    driver.notify(0);
  }],
};

Deno.test("a breach while a device is set up names its section", () => {
  for (const [name, [rule, misdeed]] of Object.entries(SET_UP)) {
    const { driver, rules } = bench();
    misdeed(driver);
    assertEquals(rules, [rule], name);
  }
});

const RUNNING: Record<string, [rule: string, (made: ReturnType<typeof started>) => void]> = {
  "a status bit cleared": ["2.1.1", ({ driver }) => driver.set(Status, 11)],
  "features after FEATURES_OK": ["3.1.1", ({ driver }) => driver.set(0x20, 0)],
  "a reserved bit of InterruptACK": ["4.2.2.2", ({ driver }) => driver.set(0x64, 4)],
  "a ready queue moved": ["4.2.2.2", ({ driver }) => driver.set(0x80, RAM_BASE)],
  "the available index jumps": ["2.7.6.1", ({ queue, driver }) => {
    driver.memory.setU16(queue.available + 2, QUEUE_SIZE + 1);
  }],
  "a loop": ["2.7.5.2", ({ queue }) => {
    queue.describe(queue.descriptors, 0, queue.used, 1, 1, 0);
    queue.offer(0);
  }],
  "a buffer outside RAM": ["2.7.5", ({ queue }) => {
    queue.describe(queue.descriptors, 0, RAM_BASE - 16, 16, 0, 0);
    queue.offer(0);
  }],
  "readable after writable": ["2.7.4.2", ({ queue }) => {
    queue.describe(queue.descriptors, 0, queue.used, 1, 3, 1);
    queue.describe(queue.descriptors, 1, queue.used, 1, 0, 0);
    queue.offer(0);
  }],
  "indirect, not negotiated": ["2.7.5.3.1", ({ queue }) => {
    queue.add([header(0, 0), 512, 1], true);
  }],
  "a request without a status byte": ["5.2.6", ({ queue }) => queue.add([header(0, 0)])],
  "a read past the end": ["5.2.6.1", ({ queue }) => {
    queue.add([header(0, DISK_BYTES / 512), 512, 1]);
  }],
  "a read of half a sector": ["5.2.6.1", ({ queue }) => queue.add([header(0, 0), 256, 1])],
};

Deno.test("a breach of a running device names its section", () => {
  for (const [name, [rule, misdeed]] of Object.entries(RUNNING)) {
    const made = started();
    misdeed(made);
    made.driver.notify(0);
    assertEquals(made.rules, [rule], name);
  }
});

Deno.test("a write to a read-only disk is a breach", () => {
  const { driver, queue, rules } = started(true);
  queue.add([header(1, 0), ascii("x".repeat(512)), 1]);
  driver.notify(0);
  assertEquals(rules, ["5.2.6.1"]);
});

Deno.test("a driver that keeps the rules is told of nothing", () => {
  const { driver, queue, rules, ports } = started();
  queue.add([header(0, 1), 512, 1]);
  driver.notify(0);
  const [output] = ports.taken();
  const request = output.kind === "disk" ? output.request : -1;
  const bytes = new Uint8Array(DISK_BYTES); // it asks for whole blocks
  driver.device.input({ device: "disk0", kind: "disk", request, error: undefined, bytes });
  driver.acknowledge();
  assertEquals([queue.next()?.sizeBytes, rules], [513, []]);
});
