/** The virtio console, played by a driver. Sections: VIRTIO 1.2. */
import { assertEquals, assertThrows } from "@std/assert";
import { TRANSMIT_BYTES_MAX, VirtioConsole } from "../../../devices/virtio/console.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { ascii, moved, TestPorts, VirtioDriver } from "../driver.ts";

const RECEIVEQ = 0, TRANSMITQ = 1;

function bench(memoryBytes = 64 * 1024) {
  const ports = new TestPorts(memoryBytes);
  const build = () => new VirtioMmio({ id: "console0" }, new VirtioConsole(), ports);
  const device = build();
  const driver = new VirtioDriver(device, ports.memory);
  driver.start(0n, [16, 16]);
  const type = (text: string, to = device) =>
    to.input({ device: "console0", kind: "console", bytes: ascii(text) });
  const received = () => {
    const used = driver.queues[RECEIVEQ].next();
    if (used === undefined) return undefined;
    const address = ports.memory.u32(driver.queues[RECEIVEQ].descriptors + 16 * used.head);
    return new TextDecoder().decode(ports.memory.view(address, used.sizeBytes));
  };
  return { ports, build, device, driver, type, received };
}

Deno.test("VirtioConsole sends what the driver transmits, piece by piece", () => {
  const { driver, ports, device } = bench();
  assertEquals(device.read(8, 4), 3);
  driver.queues[TRANSMITQ].add([ascii("hello "), ascii("world")]);
  driver.queues[TRANSMITQ].add([ascii("!\n")]);
  driver.notify(TRANSMITQ);
  assertEquals(ports.outputs.length, 2);
  assertEquals(ports.text(), "hello world!\n");
  assertEquals(driver.queues[TRANSMITQ].next()?.sizeBytes, 0);
});

Deno.test("VirtioConsole fills receive buffers as they come, and keeps the rest", () => {
  const { driver, type, received } = bench();
  type("abcdefgh"); // before there is any buffer
  driver.queues[RECEIVEQ].add([3]);
  driver.notify(RECEIVEQ);
  assertEquals(received(), "abc");
  driver.queues[RECEIVEQ].add([16]);
  driver.queues[RECEIVEQ].add([16]);
  driver.notify(RECEIVEQ);
  assertEquals([received(), received()], ["defgh", undefined]);
  type("later");
  assertEquals(received(), "later");
});

Deno.test("VirtioConsole keeps input over a reset and in its state", () => {
  const { driver, type, received, device, build } = bench();
  driver.queues[RECEIVEQ].add([4]);
  driver.notify(RECEIVEQ);
  type("0123456789");
  assertEquals(received(), "0123");
  device.write(0x70, 4, 0);
  const other = moved(device, build());
  const again = new VirtioDriver(other, driver.memory);
  again.start(0n, [16, 16]);
  again.queues[RECEIVEQ].add([16]);
  again.notify(RECEIVEQ);
  assertEquals(again.queues[RECEIVEQ].next()?.sizeBytes, 6);
});

Deno.test("VirtioConsole refuses other inputs and breaks on a buffer beyond its bound", () => {
  const { device } = bench();
  assertThrows(() => device.input({ device: "console0", kind: "link", up: true }), RangeError);
  const large = bench(4 * 1024 * 1024);
  large.driver.queues[TRANSMITQ].add([new Uint8Array(TRANSMIT_BYTES_MAX + 1)]);
  large.driver.notify(TRANSMITQ);
  assertEquals(large.driver.get(0x70) & 64, 64);
});
