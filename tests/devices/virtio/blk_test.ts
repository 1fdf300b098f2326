/** The virtio block device, played by a driver. Sections: VIRTIO 1.2. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { DiskRequest, Input } from "../../../core/host.ts";
import { Random } from "../../../core/random.ts";
import { encodeState } from "../../../core/state.ts";
import { REQUEST_BYTES_MAX, VirtioBlk } from "../../../devices/virtio/blk.ts";
import { VirtioMmio } from "../../../devices/virtio/transport_mmio.ts";
import { ascii, moved, TestPorts, VirtioDriver } from "../driver.ts";

const IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11;
const OK = 0, IOERR = 1, UNSUPP = 2;
const DISK_BYTES = 64 * 1024 + 512; // the last block is not whole

interface Options {
  readonly timing?: "live" | "model";
  readonly readOnly?: boolean;
  readonly sizeBytes?: number;
  readonly memoryBytes?: number;
}

class Bench {
  readonly ports: TestPorts;
  readonly driver: VirtioDriver;
  device: VirtioMmio;
  readonly image = new Random(7).bytes(DISK_BYTES);

  constructor(readonly options: Options = {}) {
    this.ports = new TestPorts(options.memoryBytes ?? 256 * 1024);
    this.device = this.build();
    this.driver = new VirtioDriver(this.device, this.ports.memory);
    this.driver.start(1n << 28n, [16]);
  }

  build(): VirtioMmio {
    const { timing = "live", readOnly, sizeBytes = DISK_BYTES } = this.options;
    const chip = new VirtioBlk({ sizeBytes, readOnly, timing, seed: 1, serial: "hindsight" });
    return new VirtioMmio({ id: "vda" }, chip, this.ports);
  }

  /** Submits a request and returns where its data and status will be. */
  submit(type: number, sector: number, out?: Uint8Array, sizeBytes = 0) {
    const header = new Uint8Array(16);
    new DataView(header.buffer).setUint32(0, type, true);
    new DataView(header.buffer).setBigUint64(8, BigInt(sector), true);
    const buffers = [header, ...(out ? [out] : []), ...(sizeBytes ? [sizeBytes] : []), 1];
    const { head, addresses } = this.driver.queues[0].add(buffers);
    const status = addresses[addresses.length - 1];
    this.ports.memory.write(status, Uint8Array.of(0xff));
    this.driver.notify(0);
    const data = () => this.ports.memory.view(addresses[1], sizeBytes)!.slice();
    return { head, data, status: () => this.ports.memory.view(status, 1)![0] };
  }

  /** What was asked of the host since the last call. */
  asked(): DiskRequest[] {
    return this.ports.taken() as DiskRequest[];
  }

  answer(asked: DiskRequest, error?: string): void {
    const { request, operation, offset, sizeBytes } = asked;
    const bytes = operation === "read" && error === undefined
      ? this.image.slice(offset, offset + sizeBytes)
      : undefined;
    this.device.input({ device: "vda", kind: "disk", request, error, bytes });
  }

  answerAll(): void {
    for (const asked of this.asked()) this.answer(asked);
  }
}

Deno.test("VirtioBlk reads what the host has, by whole blocks", () => {
  const bench = new Bench();
  const read = bench.submit(IN, 3, undefined, 1024);
  const [asked, ...others] = bench.asked();
  assertEquals(others, []);
  assertEquals(asked, {
    kind: "disk",
    request: 0,
    operation: "read",
    offset: 0,
    sizeBytes: 4096,
    range: { offset: 3 * 512, sizeBytes: 1024 },
    due: undefined,
  });
  assertEquals(read.status(), 0xff);
  bench.answer(asked);
  assertEquals([read.status(), bench.ports.irq.level], [OK, true]);
  assertEquals(read.data(), bench.image.slice(3 * 512, 5 * 512));
  assertEquals(bench.driver.queues[0].next(), { head: read.head, sizeBytes: 1025 });
});

Deno.test("VirtioBlk asks for no data that it knows, and for the blocks between those it lacks", () => {
  const bench = new Bench();
  bench.submit(IN, 16, undefined, 4096);
  bench.answerAll();
  const again = bench.submit(IN, 17, undefined, 512);
  const [asked] = bench.asked();
  assertEquals([asked.offset, asked.sizeBytes], [17 * 512, 0]);
  bench.image.fill(0); // a block, once read, is machine state
  bench.answer(asked);
  assertEquals(again.data(), new Random(7).bytes(DISK_BYTES).slice(17 * 512, 18 * 512));
  bench.submit(IN, 8, undefined, 3 * 4096); // blocks 1 to 3, of which it knows 2
  assertEquals(bench.asked().map(({ offset, sizeBytes }) => [offset, sizeBytes]), [[4096, 12288]]);
});

Deno.test("VirtioBlk reads blocks as one that came one by one, and sectors that are only written", () => {
  const bench = new Bench();
  for (const sector of [24, 8, 16]) {
    bench.submit(IN, sector, undefined, 4096);
    bench.answerAll();
  }
  bench.submit(OUT, 41, new Uint8Array(1024).fill(1));
  bench.answerAll();
  const blocks = bench.submit(IN, 9, undefined, 2 * 4096);
  const written = bench.submit(IN, 41, undefined, 1024);
  const asked = bench.asked();
  assertEquals(asked.map(({ sizeBytes }) => sizeBytes), [0, 0]);
  for (const it of asked) bench.answer(it);
  assertEquals(blocks.data(), bench.image.slice(9 * 512, 25 * 512));
  assertEquals(written.data(), new Uint8Array(1024).fill(1));
});

Deno.test("VirtioBlk reads the last block although the image ends within it", () => {
  const bench = new Bench();
  const read = bench.submit(IN, 128, undefined, 512);
  const [asked] = bench.asked();
  assertEquals([asked.offset, asked.sizeBytes], [64 * 1024, 512]);
  bench.answer(asked);
  assertEquals([read.status(), read.data()], [OK, bench.image.slice(64 * 1024)]);
});

Deno.test("VirtioBlk writes into its overlay when the completion arrives", () => {
  const bench = new Bench();
  const text = new Uint8Array(512).fill(0x77);
  const write = bench.submit(OUT, 9, text);
  const [asked] = bench.asked();
  assertEquals([asked.operation, asked.offset, asked.sizeBytes], ["write", 9 * 512, 512]);
  assertEquals(asked.bytes, text);
  const before = bench.submit(IN, 8, undefined, 1024);
  bench.answerAll();
  assertEquals(before.data(), bench.image.slice(8 * 512, 10 * 512), "not written yet");
  bench.answer(asked);
  assertEquals(write.status(), OK);
  const after = bench.submit(IN, 8, undefined, 1024);
  bench.answerAll();
  assertEquals(after.data().subarray(0, 512), bench.image.slice(8 * 512, 9 * 512));
  assertEquals(after.data().subarray(512), text);
});

Deno.test("VirtioBlk keeps a written sector when the block around it is read later", () => {
  const bench = new Bench();
  bench.submit(OUT, 2, new Uint8Array(512).fill(1));
  bench.answerAll();
  const read = bench.submit(IN, 0, undefined, 4096);
  const [asked] = bench.asked();
  assertEquals(asked.sizeBytes, 4096);
  bench.answer(asked);
  const expected = bench.image.slice(0, 4096);
  expected.fill(1, 1024, 1536);
  assertEquals(read.data(), expected);
});

Deno.test("VirtioBlk reports the host's error and leaves the disk as it was", () => {
  const bench = new Bench();
  const write = bench.submit(OUT, 0, new Uint8Array(512).fill(9));
  bench.answer(bench.asked()[0], "ENOSPC");
  const failed = bench.submit(IN, 0, undefined, 512);
  bench.answer(bench.asked()[0], "EIO");
  assertEquals([write.status(), failed.status()], [IOERR, IOERR]);
  const read = bench.submit(IN, 0, undefined, 512);
  const [asked] = bench.asked();
  assertEquals(asked.sizeBytes, 4096, "nothing was learned from the failure");
  bench.answer(asked);
  assertEquals(read.data(), bench.image.slice(0, 512));
});

Deno.test("VirtioBlk flushes, discards and names itself", () => {
  const bench = new Bench();
  const flush = bench.submit(FLUSH, 0);
  const range = new Uint8Array(16);
  range[0] = 8; // sector
  range[8] = 16; // sectors
  const discard = bench.submit(DISCARD, 0, range);
  assertEquals(
    bench.ports.outputs.map((output) => {
      const { operation, offset, sizeBytes } = output as DiskRequest;
      return [operation, offset, sizeBytes];
    }),
    [["flush", 0, 0], ["discard", 4096, 8192]],
  );
  bench.answerAll();
  const id = bench.submit(GET_ID, 0, undefined, 20);
  assertEquals([flush.status(), discard.status(), id.status()], [OK, OK, OK]);
  assertEquals(id.data(), Uint8Array.from([...ascii("hindsight"), ...new Uint8Array(11)]));
  assertEquals(bench.asked(), []);
});

Deno.test("VirtioBlk refuses what it cannot do, without asking the host", () => {
  const bench = new Bench();
  const unmap = new Uint8Array(16);
  unmap[8] = 1;
  unmap[12] = 1;
  const far = new Uint8Array(16).fill(0xff, 0, 12);
  const statuses = [
    bench.submit(IN, 129, undefined, 512), // beyond the end
    bench.submit(IN, 128, undefined, 1024),
    bench.submit(OUT, 2 ** 52, new Uint8Array(512)),
    bench.submit(IN, 0, undefined, 100), // no whole sectors
    bench.submit(DISCARD, 0, far),
    bench.submit(DISCARD, 0, unmap),
    bench.submit(13, 0), // write zeroes was not offered
    bench.submit(0x1234, 0),
  ].map(({ status }) => status());
  assertEquals(statuses, [IOERR, IOERR, IOERR, IOERR, IOERR, UNSUPP, UNSUPP, UNSUPP]);
  assertEquals(bench.asked(), []);
});

Deno.test("VirtioBlk offers what it does, and RO instead of discard on a read-only disk (5.2.3)", () => {
  const bench = new Bench();
  const bits = (...list: number[]) => list.reduce((all, bit) => all | 1n << BigInt(bit), 0n);
  assertEquals(bench.driver.offered() & 0xff_ffffn, bits(2, 6, 9, 13));
  assertEquals([bench.device.read(0x100, 4), bench.device.read(0x104, 4)], [129, 0]);
  assertEquals([bench.device.read(0x10c, 4), bench.device.read(0x114, 4)], [254, 512]);
  const readOnly = new Bench({ readOnly: true });
  assertEquals(readOnly.driver.offered() & 0xff_ffffn, bits(2, 5, 6, 9));
  assertEquals(readOnly.submit(OUT, 0, new Uint8Array(512)).status(), IOERR);
});

Deno.test("VirtioBlk asks for a reset when header or status byte are missing (5.2.6)", () => {
  for (const buffers of [[new Uint8Array(15), 1], [new Uint8Array(16)]]) {
    const bench = new Bench();
    bench.driver.queues[0].add(buffers);
    bench.driver.notify(0);
    assertEquals(bench.driver.get(0x70) & 64, 64);
  }
});

Deno.test("VirtioBlk takes header, data and status in any framing (2.6.4)", () => {
  const bench = new Bench();
  const pieces = [new Uint8Array(3), new Uint8Array(0), new Uint8Array(13), 100, 0, 412, 1];
  const { addresses } = bench.driver.queues[0].add(pieces, true);
  bench.driver.notify(0);
  bench.answerAll();
  const { memory } = bench.ports;
  assertEquals(memory.view(addresses[3], 100), bench.image.slice(0, 100));
  assertEquals(memory.view(addresses[5], 412), bench.image.slice(100, 512));
  assertEquals(memory.view(addresses[6], 1), Uint8Array.of(OK));
});

Deno.test("VirtioBlk takes answers in any order", () => {
  const bench = new Bench();
  const reads = [0, 16, 32].map((sector) => bench.submit(IN, sector, undefined, 512));
  bench.asked().reverse().forEach((asked) => bench.answer(asked));
  reads.forEach((read, i) => {
    assertEquals(read.data(), bench.image.slice(i * 16 * 512, i * 16 * 512 + 512));
  });
  const heads = [0, 0, 0].map(() => bench.driver.queues[0].next()?.head);
  assertEquals(heads, reads.map(({ head }) => head).reverse());
});

Deno.test("VirtioBlk refuses answers that it did not ask for, and answers of another length", () => {
  const bench = new Bench();
  bench.submit(IN, 0, undefined, 512);
  const [{ request }] = bench.asked();
  const answer = (input: Partial<Input>) =>
    bench.device.input(
      { device: "vda", kind: "disk", request, error: undefined, ...input } as Input,
    );
  assertThrows(() => answer({ kind: "console" } as Partial<Input>), RangeError, `"vda"`);
  assertThrows(() => answer({ request: 7 } as Partial<Input>), RangeError, "no disk request 7");
  assertThrows(() => answer({}), RangeError, "expects 4096 bytes, not 0");
  assertThrows(() => answer({ bytes: new Uint8Array(512) } as Partial<Input>), RangeError, "4096");
  answer({ bytes: new Uint8Array(4096) } as Partial<Input>);
  assertThrows(() => answer({}), RangeError, "no disk request 0");
});

Deno.test("VirtioBlk forgets requests on reset: late answers are matched and touch no memory", () => {
  const bench = new Bench();
  bench.submit(IN, 0, undefined, 4096);
  bench.submit(OUT, 8, new Uint8Array(512).fill(3));
  const asked = bench.asked();
  bench.driver.set(0x70, 0);
  const before = bench.ports.memory.bytes.slice();
  asked.forEach((request) => bench.answer(request));
  assertEquals(bench.ports.memory.bytes, before);
  assertEquals(bench.ports.irq.level, false);
  bench.driver.start(0n, [16]);
  const read = bench.submit(IN, 7, undefined, 1024);
  bench.answerAll();
  assertEquals(read.data().subarray(0, 512), bench.image.slice(7 * 512, 8 * 512));
  assertEquals(read.data()[512], 3, "the host did write it");
});

Deno.test("VirtioBlk in model timing chooses the cycle of each answer", () => {
  const bench = new Bench({ timing: "model" });
  bench.ports.clock.now = 1000;
  const dues = [0, 1, 2, 3, 4, 5].map(() => {
    bench.submit(IN, 0, undefined, 4096);
    return bench.asked()[0].due! - 1000;
  });
  for (const due of dues) assert(due >= 20_000 + 1024 && due <= 80_000 + 1024, `${dues}`);
  assertNotEquals(dues[0], dues[1]);
  const other = new Bench({ timing: "model" });
  other.ports.clock.now = 1000;
  other.submit(IN, 0, undefined, 4096);
  assertEquals(other.asked()[0].due! - 1000, dues[0], "the same seed, the same latency");
});

Deno.test("VirtioBlk state round-trips with requests in flight, and completes them", () => {
  const bench = new Bench({ timing: "model" });
  bench.submit(OUT, 1, new Uint8Array(512).fill(5));
  bench.answerAll();
  const read = bench.submit(IN, 0, undefined, 4096);
  const write = bench.submit(OUT, 20, new Uint8Array(512).fill(6));
  const asked = bench.asked();
  bench.device = moved(bench.device, bench.build());
  asked.forEach((request) => bench.answer(request));
  assertEquals([read.status(), write.status(), read.data()[512]], [OK, OK, 5]);
});

Deno.test("VirtioBlk summary changes with every bit of what the disk holds", () => {
  const bench = new Bench();
  bench.submit(IN, 0, undefined, 8192);
  bench.submit(OUT, 40, new Uint8Array(512).fill(6));
  bench.answerAll();
  const state = bench.device.save();
  const disk = (state.chip as unknown as { disk: { base: unknown[]; overlay: unknown[] } }).disk;
  const digest = () => encodeState(bench.device.summary()).join();
  const before = digest();
  const random = new Random(99);
  for (let i = 0; i < 200; i++) {
    const list = random.below(3) === 0 ? "overlay" : "base";
    const changed = [...disk[list]];
    const position = list === "overlay" ? 2 : 1 + 2 * random.below(2);
    const bytes = (changed[position] as Uint8Array).slice();
    bytes[random.below(4096)] ^= 1 << random.below(8);
    changed[position] = bytes;
    const chip = { ...state.chip!, disk: { ...disk, [list]: changed } };
    bench.device.restore({ ...state, chip } as unknown as typeof state);
    assertNotEquals(digest(), before);
  }
  bench.device.restore(state);
  assertEquals(digest(), before);
});

Deno.test("VirtioBlk bounds what is in flight and serves the rest later", () => {
  const bench = new Bench({ memoryBytes: 16 * 1024 * 1024, sizeBytes: 1024 * 1024 * 1024 });
  const queue = bench.driver.queues[0];
  const header = bench.driver.allocate(16);
  const data = bench.driver.allocate(8 * 1024 * 1024);
  // Fifteen descriptors of 8 MiB in one table: more than one request may move.
  const describe = (parts: number) => {
    const table = bench.driver.allocate(16 * (parts + 2));
    queue.describe(table, 0, header, 16, 1, 1);
    for (let i = 1; i <= parts; i++) queue.describe(table, i, data, 8 * 1024 * 1024, 3, i + 1);
    queue.describe(table, parts + 1, data, 1, 2, 0);
    return table;
  };
  const [small, large] = [describe(2), describe(6)];
  queue.describe(queue.descriptors, 0, large, 16 * 8, 4, 0);
  queue.offer(0);
  bench.driver.notify(0);
  assertEquals(bench.asked().length, 0);
  assertEquals(bench.ports.memory.view(data, 1)![0], IOERR);
  queue.describe(queue.descriptors, 0, small, 16 * 4, 4, 0);
  for (let i = 0; i < 8; i++) queue.offer(0);
  bench.driver.notify(0);
  assertEquals(bench.asked().length, REQUEST_BYTES_MAX / (16 * 1024 * 1024));
  bench.device = moved(bench.device, bench.build()); // the rest is not forgotten with it
  const fail = (request: number) =>
    bench.device.input({ device: "vda", kind: "disk", request, error: "EIO" });
  fail(0);
  assertEquals(bench.asked().length, 1);
});
