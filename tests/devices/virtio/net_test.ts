/** The virtio network card, played by a driver. Sections: VIRTIO 1.2. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BACKLOG_BYTES_MAX, BACKLOG_FRAMES_MAX } from "../../../devices/virtio/frame_backlog.ts";
import { FRAME_BYTES_MAX, VirtioNet, type VirtioNetState } from "../../../devices/virtio/net.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { Random } from "../../../core/random.ts";
import { moved, TestPorts, VirtioDriver } from "../driver.ts";

const RECEIVEQ = 0, TRANSMITQ = 1;
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const MRG_RXBUF = 1n << 15n;
const ALL = 1n << 5n | MRG_RXBUF | 1n << 16n;
const NEEDS_RESET = 64;
const NO_HEADER = new Uint8Array(12);

function bench(features = ALL, memoryBytes = 256 * 1024, queueSize = 16) {
  /** What the card is done with: which of those it has, and why the driver never gets it. */
  const done: [index: number, dropped: string | undefined][] = [];
  const ports = Object.assign(new TestPorts(memoryBytes), {
    frameDone: (...frame: typeof done[number]) => done.push(frame),
  });
  const build = () => new VirtioMmio({ id: "net0" }, new VirtioNet({ mac: MAC }), ports);
  const device = build();
  const driver = new VirtioDriver(device, ports.memory);
  driver.start(features, [queueSize, queueSize]);
  const arrive = (bytes: Uint8Array, to = device) =>
    to.input({ device: "net0", kind: "frame", bytes });
  const offer = (...sizes: number[]) => {
    for (const size of sizes) driver.queues[RECEIVEQ].add([size]);
    driver.notify(RECEIVEQ);
  };
  /** What is in the next used buffer, header and all. */
  const used = () => {
    const next = driver.queues[RECEIVEQ].next();
    if (next === undefined) return undefined;
    const { head, sizeBytes } = next;
    const address = ports.memory.u32(driver.queues[RECEIVEQ].descriptors + 16 * head);
    return ports.memory.view(address, sizeBytes)!.slice();
  };
  /** The next frame, put together as a driver does. */
  const received = () => {
    const first = used();
    if (first === undefined) return undefined;
    const parts = [first.subarray(12)];
    for (let left = first[10] + 256 * first[11] - 1; left > 0; left--) parts.push(used()!);
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  };
  const state = () => device.save().chip as VirtioNetState;
  const status = () => device.read(0x70, 4);
  return { ports, build, device, driver, arrive, offer, used, received, state, status, done };
}

function frame(sizeBytes: number, seed = 1): Uint8Array {
  return new Random(seed).bytes(sizeBytes);
}

Deno.test("VirtioNet shows its address and a link that is up", () => {
  const { device, driver } = bench();
  assertEquals(device.read(8, 4), 1);
  assertEquals(driver.offered() & (1n << 28n) - 1n, ALL);
  assertEquals(Array.from({ length: 6 }, (_, i) => device.read(0x100 + i, 1)), [...MAC]);
  assertEquals(device.read(0x106, 2), 1);
});

Deno.test("VirtioNet sends exactly the bytes behind the header, however they are scattered", () => {
  const { driver, ports } = bench();
  const sent = frame(60);
  driver.queues[TRANSMITQ].add([NO_HEADER, sent]);
  driver.queues[TRANSMITQ].add([
    NO_HEADER.slice(5),
    new Uint8Array(5),
    sent.slice(0, 1),
    sent.slice(1),
  ]);
  driver.queues[TRANSMITQ].add([NO_HEADER, frame(14)]);
  driver.queues[TRANSMITQ].add([NO_HEADER, frame(FRAME_BYTES_MAX)]);
  driver.notify(TRANSMITQ);
  assertEquals(ports.taken(), [
    { kind: "frame", bytes: sent },
    { kind: "frame", bytes: sent },
    { kind: "frame", bytes: frame(14) },
    { kind: "frame", bytes: frame(FRAME_BYTES_MAX) },
  ]);
  for (let i = 0; i < 4; i++) assertEquals(driver.queues[TRANSMITQ].next()?.sizeBytes, 0);
});

const ABUSE: Record<string, Uint8Array[]> = {
  "no whole header": [new Uint8Array(11)],
  "a runt": [NO_HEADER, frame(13)],
  "a frame that is too long": [NO_HEADER, frame(FRAME_BYTES_MAX + 1)],
  "a checksum left to do": [Uint8Array.of(1, ...NO_HEADER.slice(1)), frame(60)],
  "a segment to cut up": [Uint8Array.of(0, 1, ...NO_HEADER.slice(2)), frame(60)],
};
for (const [what, buffers] of Object.entries(ABUSE)) {
  Deno.test(`VirtioNet needs a reset after ${what} from the driver`, () => {
    const { driver, ports, status } = bench();
    driver.queues[TRANSMITQ].add(buffers);
    driver.notify(TRANSMITQ);
    assertEquals(ports.outputs.length, 0);
    assert((status() & NEEDS_RESET) !== 0);
  });
}

Deno.test("VirtioNet fills one buffer with a header of one buffer and the frame", () => {
  const { arrive, offer, used, ports } = bench();
  offer(1526);
  arrive(frame(60));
  assertEquals(used(), Uint8Array.of(...Array(10).fill(0), 1, 0, ...frame(60)));
  assert(ports.irq.level);
});

Deno.test("VirtioNet receives a frame of every size, whole, through buffers of any size", () => {
  const { arrive, received, offer, status } = bench(ALL, 4 * 1024 * 1024, 256);
  for (const sizeBytes of [14, 15, 60, 1514, 1515, 9014, 40_000, FRAME_BYTES_MAX]) {
    const sent = frame(sizeBytes, sizeBytes);
    const pieces = Math.ceil((sizeBytes + 12) / 700);
    offer(...Array.from({ length: pieces }, () => 700));
    arrive(sent);
    assertEquals(received(), sent, `${sizeBytes} bytes`);
  }
  offer(12, 12, 12, 12, 12, 12);
  arrive(frame(60));
  assertEquals(received(), frame(60));
  assertEquals(status() & NEEDS_RESET, 0);
});

Deno.test("VirtioNet uses no more buffers than a frame takes, and the rest for the next one", () => {
  const { arrive, offer, used, received } = bench();
  offer(100, 100);
  arrive(frame(1514)); // takes both and waits
  assertEquals(used(), undefined);
  for (let i = 0; i < BACKLOG_FRAMES_MAX; i++) arrive(frame(60, i));
  // The long one has gone, so that the others do not wait behind it for ever.
  assertEquals(used(), Uint8Array.of(...Array(10).fill(0), 1, 0, ...frame(60, 0)));
  assertEquals(received(), frame(60, 1));
});

Deno.test("VirtioNet keeps frames until there are buffers, bounded, and counts what it drops", () => {
  const { arrive, offer, received, state, device, build, done } = bench();
  for (let i = 0; i < BACKLOG_FRAMES_MAX + 7; i++) arrive(frame(60, i));
  assertEquals([state().backlog.length, state().dropCount], [BACKLOG_FRAMES_MAX, 7]);
  assertEquals(done.splice(0), Array(7).fill([0, "backlog"]));
  moved(device, build());
  offer(100, 100);
  assertEquals([received(), received(), received()], [frame(60, 7), frame(60, 8), undefined]);
  assertEquals(done.splice(0), Array(2).fill([0, undefined]));
  const large = new Uint8Array(FRAME_BYTES_MAX);
  for (let i = 0; i < 100; i++) arrive(large);
  const heldBytes = state().backlog.reduce((sum, { length }) => sum + length, 0);
  assert(heldBytes > BACKLOG_BYTES_MAX / 2 && heldBytes <= BACKLOG_BYTES_MAX, `${heldBytes}`);
});

Deno.test("VirtioNet keeps its own copy of a frame that has to wait", () => {
  const { arrive, offer, received } = bench();
  const bytes = frame(60);
  arrive(bytes);
  bytes.fill(0);
  offer(100);
  assertEquals(received(), frame(60));
});

Deno.test("VirtioNet without mergeable buffers drops what no single buffer holds", () => {
  const { arrive, offer, received, state, done } = bench(ALL & ~MRG_RXBUF);
  offer(1526, 1526);
  arrive(frame(1515));
  arrive(frame(1514));
  arrive(frame(60));
  assertEquals([received(), received(), received()], [frame(1514), frame(60), undefined]);
  assertEquals(state().dropCount, 1);
  assertEquals(done, [[0, "buffer"], [0, undefined], [0, undefined]]);
});

Deno.test("VirtioNet drops runts and giants from the wire", () => {
  const { arrive, offer, received, state, done } = bench();
  offer(1526);
  for (const size of [0, 1, 13, FRAME_BYTES_MAX + 1]) arrive(new Uint8Array(size));
  arrive(frame(14));
  assertEquals([received(), state().dropCount], [frame(14), 4]);
  assertEquals(done, [...Array(4).fill([0, "size"]), [0, undefined]]);
});

Deno.test("VirtioNet needs a reset where a receive buffer has no room for the header", () => {
  const { arrive, offer, status } = bench();
  offer(11);
  arrive(frame(60));
  assert((status() & NEEDS_RESET) !== 0);
});

Deno.test("VirtioNet tells of a link that goes down and up, and passes nothing while it is down", () => {
  const { device, driver, ports, arrive, offer, received, state, done } = bench();
  const link = (up: boolean) => device.input({ device: "net0", kind: "link", up });
  offer(100);
  driver.acknowledge();
  link(true); // no change
  assertEquals([driver.acknowledge(), driver.get(0xfc)], [0, 0]);
  link(false);
  assertEquals([driver.acknowledge(), driver.get(0xfc), device.read(0x106, 2)], [2, 1, 0]);
  arrive(frame(60));
  driver.queues[TRANSMITQ].add([NO_HEADER, frame(60)]);
  driver.notify(TRANSMITQ);
  assertEquals([received(), ports.outputs.length, state().dropCount], [undefined, 0, 1]);
  assertEquals(done, [[0, "link-down"]]);
  assertEquals(driver.queues[TRANSMITQ].next()?.sizeBytes, 0);
  link(true);
  assertEquals([driver.acknowledge() & 2, device.read(0x106, 2)], [2, 1]);
  arrive(frame(60));
  assertEquals(received(), frame(60));
});

Deno.test("VirtioNet moves to another machine with its link, its frames and its buffers", () => {
  const { device, build, arrive, offer, ports, driver } = bench();
  offer(100, 100);
  arrive(frame(1514)); // more than the buffers hold
  arrive(frame(60));
  const other = moved(device, build());
  other.input({ device: "net0", kind: "link", up: false });
  const { chip } = moved(other, build()).save();
  assertEquals((chip as VirtioNetState).buffers.length, 2);
  assertEquals(moved(other, build()).read(0x106, 2), 0);
  for (let i = 0; i < 9; i++) driver.queues[RECEIVEQ].add([200]);
  other.write(0x50, 4, RECEIVEQ);
  assertEquals(ports.memory.u16(driver.queues[RECEIVEQ].used + 2), 9 + 1); // of 1514 and of 60
});

Deno.test("VirtioNet forgets frames and buffers when the driver resets it", () => {
  const { device, driver, arrive, offer, state, done } = bench();
  offer(100);
  arrive(frame(1514));
  arrive(new Uint8Array(13)); // comes to its end before the one that waits
  assertEquals(done.splice(0), [[1, "size"]]);
  driver.set(0x70, 0);
  assertEquals(done, [[0, "reset"]]);
  assertEquals([state().backlog.length, state().buffers.length, state().dropCount], [0, 0, 2]);
  assertEquals(device.read(0x106, 2), 1);
});

Deno.test("VirtioNet refuses input that is not for it", () => {
  const { device } = bench();
  const bytes = new Uint8Array(1);
  assertThrows(() => device.input({ device: "net0", kind: "console", bytes }), RangeError, "net0");
});
