/**
 * Our devices and QEMU's, given the same accesses. QEMU's qtest protocol reaches its devices without
 * a processor; the machine is stopped (`-S`), so that no time passes. Where QEMU departs from the
 * data sheet or leaves it open, the case says so and stays away.
 */
import { assert, assertEquals } from "@std/assert";
import type { Device, Width } from "../../core/device.ts";
import { Random } from "../../core/random.ts";
import { Clint } from "../../devices/clint.ts";
import { GoldfishRtc } from "../../devices/goldfish_rtc.ts";
import { Plic } from "../../devices/plic.ts";
import { Uart16550 } from "../../devices/uart16550.ts";
import { VirtioMmio } from "../../devices/virtio/transport_mmio.ts";
import { TestClock, TestLine, TestPorts } from "../devices/driver.ts";
import { hasPeer } from "../peer.ts";

const QEMU = "qemu-system-riscv64";
const SUFFIX = { 1: "b", 2: "w", 4: "l", 8: "q" } as const;

/** Performs accesses on our device at once, and on QEMU's all together at the end. */
class Both {
  readonly #script: string[] = [];
  readonly #expected: { script: number; value: number; what: string; mask: number }[] = [];

  constructor(readonly device: Device, readonly base: number) {}

  read(offset: number, width: Width = 4, mask = 0xffff_ffff): void {
    const value = this.device.read(offset, width);
    const what = `read of ${width} bytes at 0x${offset.toString(16)}`;
    this.#expected.push({ script: this.#script.length, value, what, mask });
    this.#script.push(`read${SUFFIX[width]} 0x${(this.base + offset).toString(16)}`);
  }

  write(offset: number, value: number, width: Width = 4): void {
    this.device.write(offset, width, value);
    const address = (this.base + offset).toString(16);
    this.#script.push(`write${SUFFIX[width]} 0x${address} 0x${value.toString(16)}`);
  }

  async compare(seed: number): Promise<void> {
    const answers = await qtest(this.#script);
    assert(this.#expected.length > 100, "too few reads to mean anything");
    for (const { script, value, what, mask } of this.#expected) {
      const theirs = Number(BigInt(answers[script].split(" ")[1]) & 0xffff_ffffn);
      const context = this.#script.slice(Math.max(0, script - 12), script).join("\n");
      assertEquals(
        (value & mask) >>> 0,
        (theirs & mask) >>> 0,
        `seed ${seed}, ${what}, after\n${context}`,
      );
    }
  }
}

/** The answers to a script, one for each line. */
async function qtest(script: readonly string[]): Promise<string[]> {
  const args = [
    ...["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "null"],
    ...["-rtc", "base=2026-01-01,clock=vm", "-global", "virtio-mmio.force-legacy=false"],
    ...["-S", "-qtest", "stdio", "-qtest-log", "none"],
  ];
  const process = new Deno.Command(QEMU, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(script.join("\n") + "\n"));
  // QEMU outlives its script, so it is ended once every line is answered.
  const answers: string[] = [];
  let rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    answers.push(...lines.filter((line) => /^(OK|FAIL|ERR)/.test(line)));
    if (answers.length >= script.length) break;
  }
  process.kill();
  const stderr = await new Response(process.stderr).text();
  await process.status;
  if (answers.length < script.length) {
    throw new Error(`qtest: ${answers.length} answers to ${script.length} lines\n${stderr}`);
  }
  const failure = answers.findIndex((line) => !line.startsWith("OK"));
  if (failure >= 0) throw new Error(`qtest: "${script[failure]}": ${answers[failure]}`);
  await written;
  await writer.close().catch(() => {}); // the pipe is gone already
  return answers;
}

async function hasQemu(): Promise<boolean> {
  return await hasPeer(QEMU, "qemu-system-misc");
}

for (const fifos of [false, true]) {
  Deno.test(`Uart16550 ${fifos ? "with" : "without"} FIFOs does what QEMU's does`, async () => {
    if (!await hasQemu()) return;
    const seed = fifos ? 0x16550 : 0x8250;
    const random = new Random(seed);
    const uart = new Uart16550({ id: "uart0" }, new TestPorts());
    const both = new Both(uart, 0x1000_0000);
    both.write(4, 0, 1); // QEMU resets MCR to 8, the data sheet to 0
    if (fifos) both.write(2, 1, 1);
    for (let i = 0; i < 4000; i++) {
      const value = random.below(256);
      switch (random.below(12)) {
        case 0: // QEMU does not report modem status changes in loopback
          both.write(1, value & 7, 1);
          break;
        case 1: // nor does it leave THR-empty alone when the transmitter FIFO is reset
          if (fifos) both.write(2, (value & 0xc2) | 1, 1);
          break;
        case 2:
          both.write(3, value, 1);
          break;
        case 3:
          both.write(4, value | 0x10, 1);
          break;
        case 4:
        case 5:
          both.write(0, value, ([1, 2, 4] as const)[random.below(3)]);
          break;
        case 6:
          both.write(7, value, 1);
          break;
        case 7: // RBR without data is undefined
          if (uart.save().received.length > 0) both.read(0, 1);
          break;
        case 8:
          both.read(6, 1, 0xf0);
          break;
        default: {
          const width = ([1, 2, 4] as const)[random.below(3)];
          const offset = [1, 2, 3, 4, 5, 7, 2][random.below(7)];
          const aligned = offset - offset % width; // the bus lets nothing else through
          if (aligned !== 0 && aligned !== 6) both.read(aligned, width);
        }
      }
    }
    await both.compare(seed);
  });
}

Deno.test("Clint does what QEMU's does", async () => {
  if (!await hasQemu()) return;
  const seed = 0xc11;
  const random = new Random(seed);
  const ports = new TestPorts();
  const line = new TestLine();
  const clint = new Clint({ id: "clint", harts: 1 }, { clock: ports.clock, lines: () => line });
  const both = new Both(clint, 0x200_0000);
  const offsets = [0, 4, 0x4000, 0x4004, 0x4008, 0xbff8, 0xbffc];
  for (let i = 0; i < 2000; i++) {
    const offset = offsets[random.below(offsets.length)];
    if (random.below(3) === 0) both.write(offset, random.next());
    else both.read(offset);
  }
  await both.compare(seed);
});

Deno.test("Plic registers do what QEMU's do", async () => {
  if (!await hasQemu()) return;
  const seed = 0x911c;
  const random = new Random(seed);
  const plic = new Plic({ id: "plic", harts: 1 }, {
    lines: () => new TestLine(),
    clock: new TestClock(),
  });
  const both = new Both(plic, 0xc00_0000);
  const offset = () => {
    const context = random.below(3);
    const enable = 0x2000 + 0x80 * context + 4 * random.below(4);
    const threshold = 0x20_0000 + 0x1000 * context;
    const pending = 0x1000 + 4 * random.below(4);
    return [4 * random.below(96), pending, enable, threshold][random.below(4)];
  };
  for (let i = 0; i < 3000; i++) {
    const at = offset();
    // QEMU keeps bits of sources 0 and 96, which do not exist (riscv,ndev is 95).
    const word0 = at >= 0x2000 && at < 0x20_0000 && (at & 0x7f) === 0;
    if (random.below(2) === 0) both.write(at, (word0 ? random.next() & ~1 : random.next()) >>> 0);
    else if (at !== 0) both.read(at);
    if (random.below(20) === 0) both.read(0x20_0004); // nothing is pending: claims give 0
  }
  await both.compare(seed);
});

Deno.test("GoldfishRtc does what QEMU's does", async () => {
  if (!await hasQemu()) return;
  const seed = 0x47c;
  const random = new Random(seed);
  const ports = new TestPorts();
  ports.clock.epochNs = 1_767_225_600_000_000_000n;
  const both = new Both(new GoldfishRtc({ id: "rtc" }, ports), 0x10_1000);
  for (let i = 0; i < 3000; i++) {
    const offset = 4 * random.below(9);
    const choice = random.below(6);
    if (choice < 3) {
      // High halves stay small, so that some alarms are near; QEMU compares times as signed.
      const high = offset === 4 || offset === 12;
      both.write(offset, high ? random.below(3) : random.next());
    } else both.read(offset);
  }
  await both.compare(seed);
});

Deno.test("VirtioMmio shows an empty slot as QEMU's modern transport does", async () => {
  if (!await hasQemu()) return;
  const slot = new VirtioMmio({ id: "virtio0" }, undefined, new TestPorts());
  const both = new Both(slot, 0x1000_1000);
  for (let offset = 0; offset < 0x200; offset += 4) {
    if (offset >= 0xb0 && offset < 0xc0) continue; // the shared memory registers come after QEMU 7.2's check
    both.write(offset, 0xffff_ffff);
    both.read(offset);
  }
  await both.compare(0);
});
