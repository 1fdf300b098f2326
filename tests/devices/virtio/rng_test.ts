/** The virtio entropy device, played by a driver. Sections: VIRTIO 1.2. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Output } from "../../../core/host.ts";
import { ENTROPY_BYTES_MAX, VirtioRng } from "../../../devices/virtio/rng.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { moved, TestPorts, VirtioDriver } from "../driver.ts";

function bench(timing: "live" | "model" = "live") {
  const ports = new TestPorts();
  const build = () => new VirtioMmio({ id: "rng0" }, new VirtioRng({ timing, seed: 5 }), ports);
  const device = build();
  const driver = new VirtioDriver(device, ports.memory);
  driver.start(0n, [8]);
  const asked = () => ports.taken() as Extract<Output, { kind: "entropy" }>[];
  return { ports, build, device, driver, queue: driver.queues[0], asked };
}

Deno.test("VirtioRng fills buffers with what the host has (5.4.6)", () => {
  const { device, driver, queue, asked, ports } = bench();
  assertEquals(device.read(8, 4), 4);
  const { head, addresses } = queue.add([3, 5]);
  driver.notify(0);
  assertEquals(asked(), [{ kind: "entropy", request: 0, sizeBytes: 8, due: undefined }]);
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  device.input({ device: "rng0", kind: "entropy", request: 0, bytes });
  assertEquals(queue.next(), { head, sizeBytes: 8 });
  assertEquals(ports.memory.view(addresses[0], 3), bytes.slice(0, 3));
  assertEquals(ports.memory.view(addresses[1], 5), bytes.slice(3));
});

Deno.test("VirtioRng fills a huge buffer in part, and gives an empty one back at once", () => {
  const { driver, queue, asked } = bench();
  queue.add([20_000]);
  const { head } = queue.add([new Uint8Array(4)]);
  driver.notify(0);
  assertEquals(asked().map(({ sizeBytes }) => sizeBytes), [ENTROPY_BYTES_MAX]);
  assertEquals(queue.next(), { head, sizeBytes: 0 });
});

Deno.test("VirtioRng refuses answers that it did not ask for", () => {
  const { device, driver, queue } = bench();
  queue.add([4]);
  driver.notify(0);
  const answer = (request: number, sizeBytes: number) => {
    const bytes = new Uint8Array(sizeBytes);
    device.input({ device: "rng0", kind: "entropy", request, bytes });
  };
  assertThrows(() => answer(1, 4), RangeError, "no entropy request 1");
  assertThrows(() => answer(0, 5), RangeError, "expects 4 bytes, not 5");
  assertThrows(() => device.input({ device: "rng0", kind: "link", up: true }), RangeError, "link");
});

Deno.test("VirtioRng state round-trips in flight, and a reset forgets it", () => {
  const { build, device, driver, queue, asked, ports } = bench("model");
  const { addresses } = queue.add([4]);
  queue.add([4]);
  driver.notify(0);
  for (const { due } of asked()) assert(due! >= 20_000 && due! <= 80_001);
  const bytes = Uint8Array.of(9, 9, 9, 9);
  const other = moved(device, build());
  other.input({ device: "rng0", kind: "entropy", request: 0, bytes });
  assertEquals(ports.memory.view(addresses[0], 4), bytes);
  other.write(0x70, 4, 0);
  const before = ports.memory.bytes.slice();
  other.input({ device: "rng0", kind: "entropy", request: 1, bytes });
  assertEquals(ports.memory.bytes, before);
});
