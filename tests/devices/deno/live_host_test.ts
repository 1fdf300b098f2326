/** The live host: when inputs come, and how long the machine waits for them. */
import { assert, assertEquals } from "@std/assert";
import type { Output } from "../../../core/host.ts";
import { DiskFile, IMMEDIATE_BYTES_MAX } from "../../../devices/deno/disk_file.ts";
import { LiveHost, type LiveHostOptions } from "../../../devices/deno/live_host.ts";
import { MemoryEnd } from "../../../devices/host/memory_end.ts";
import { Typist } from "../../../devices/host/typist.ts";

const LARGE = IMMEDIATE_BYTES_MAX + 4096;
const text = (value: string) => new TextEncoder().encode(value);

function hostWith(options: Partial<LiveHostOptions> = {}) {
  const printed: string[] = [];
  const host = new LiveHost({
    timing: "live",
    seed: 1,
    onConsole: (device, bytes) => printed.push(`${device}: ${new TextDecoder().decode(bytes)}`),
    ...options,
  });
  return { host, printed };
}

async function withDisk(run: (disk: DiskFile) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, new Uint8Array(LARGE).fill(7));
  const disk = DiskFile.open(path, "overlay");
  try {
    await run(disk);
  } finally {
    disk.close();
    await Deno.remove(path);
  }
}

const read = (request: number, sizeBytes: number, due?: number): Output => ({
  kind: "disk",
  request,
  operation: "read",
  offset: 0,
  sizeBytes,
  due,
});

Deno.test("LiveHost jumps at once when nothing is live", () => {
  const { host } = hostWith();
  assertEquals(host.idle(5, 1_000_000_000), 1_000_000_000);
  assertEquals(host.idle(5, Infinity), Infinity);
});

Deno.test("LiveHost waits in wall time while a console is attached, never past the deadline", async () => {
  const { host } = hostWith();
  const mailbox = host.attachConsole("uart0");
  const start = performance.now();
  assertEquals(await host.idle(1000, 1000 + 20_000_000), 1000 + 20_000_000);
  const waitedMs = performance.now() - start;
  assert(waitedMs >= 19.9, `${waitedMs} ms`);

  setTimeout(() => mailbox.post(text("hi")), 10);
  const cycle = await host.idle(0, 10_000_000_000);
  assert(cycle >= 9_000_000 && cycle < 2_000_000_000, `${cycle}`);
  assertEquals(host.take(cycle), { device: "uart0", kind: "console", bytes: text("hi") });
  assertEquals(host.take(cycle), undefined);
});

Deno.test("LiveHost stops waiting when the last live end goes", async () => {
  const { host } = hostWith();
  const mailbox = host.attachConsole("uart0");
  setTimeout(() => mailbox.close(), 5);
  const cycle = await host.idle(0, Infinity);
  assert(cycle < 2_000_000_000, `${cycle}`);
  mailbox.close();
  assertEquals(host.take(cycle), {
    device: "host",
    kind: "host",
    event: "end-closed",
    concerns: "uart0",
    text: "the other end of the console has closed",
  });
  assertEquals(host.take(cycle), undefined);
  assertEquals(host.idle(cycle, Infinity), Infinity);
});

/** A host with a network card's cable, and its other end. */
async function withCable(options: Partial<LiveHostOptions> = {}) {
  const { host } = hostWith(options);
  let end!: MemoryEnd;
  await host.attachNetwork("net0", (mailbox) => end = new MemoryEnd(mailbox));
  return { host, end };
}

Deno.test("LiveHost passes frames to the end of a cable and back, and waits for them", async () => {
  const { host, end } = await withCable();
  const frame = new Uint8Array(60).fill(1);
  host.output(1, "net0", { kind: "frame", bytes: frame });
  assertEquals(end.taken(), [frame]);
  setTimeout(() => [1, 2].forEach(() => end.mailbox.post(frame)), 10);
  const cycle = await host.idle(0, 10_000_000_000);
  assert(cycle >= 9_000_000 && cycle < 2_000_000_000, `${cycle}`);
  assertEquals(host.take(cycle), { device: "net0", kind: "frame", bytes: frame });
  // The second one is behind it on the wire, and the machine stops where it comes.
  const next = cycle + (60 + 24) * 8;
  assertEquals([host.take(cycle), host.horizon(cycle)], [undefined, next]);
  assertEquals(host.idle(cycle, 10_000_000_000), next);
  assertEquals(host.take(next)?.kind, "frame");
  assertEquals(host.horizon(next), next + 100_000);
});

Deno.test("LiveHost waits for the network no longer once it is closed", async () => {
  const { host } = await withCable();
  setTimeout(() => host.close(), 5);
  const cycle = await host.idle(0, Infinity);
  assert(cycle < 2_000_000_000, `${cycle}`);
  const taken = [host.take(cycle), host.take(cycle), host.take(cycle)];
  assertEquals(taken.map((input) => input?.kind), ["host", "link", undefined]);
  assertEquals(host.idle(cycle, Infinity), Infinity);
});

Deno.test("LiveHost has sockets looked at on each turn while a cable is live", async () => {
  let looks = 0;
  const lookAtSockets = () => Promise.resolve(void looks++);
  let nowMs = 0;
  const { host, end } = await withCable({ lookAtSockets, nowMs: () => nowMs });
  for (let cycle = 0; cycle < 5; cycle++) {
    nowMs += 1;
    await host.settle(cycle);
  }
  assertEquals(looks, 5);
  end.close();
  nowMs += 100;
  await host.settle(6);
  assertEquals(looks, 5);
});

Deno.test("LiveHost tells of wall time in which the machine stood still, before what it sees of it", async () => {
  await withDisk(async (disk) => {
    let nowMs = 0;
    const { host } = hostWith({
      timing: "model",
      disks: new Map([["disk0", disk]]),
      nowMs: () => nowMs,
    });
    const told = () => {
      const input = host.take(1000);
      return input?.kind === "host" ? [input.event, input.concerns, input.ns] : input?.kind;
    };
    nowMs = 5000; // before the first poll nothing is expected to run
    await host.settle(0);
    nowMs += 900;
    await host.settle(1);
    assertEquals(told(), undefined);
    nowMs += 1500;
    await host.settle(2);
    assertEquals([told(), told()], [["stall", "machine", 1_500_000_000n], undefined]);

    host.output(3, "disk0", read(4, LARGE, 5));
    nowMs += 2000;
    const settled = host.settle(5);
    assertEquals([told(), told()], [["stall", "machine", 2_000_000_000n], undefined]);
    await settled;
    nowMs += 3000;
    await host.settle(5);
    const seen = [told(), told(), told(), told()];
    assertEquals(seen, [
      ["stall", "machine", 3_000_000_000n],
      ["stall", "disk0", 2_000_000_000n],
      "disk",
      undefined,
    ]);
  });
});

Deno.test("LiveHost tells when it woke up late from a wait", async () => {
  const { host } = hostWith({ nowMs: () => performance.now() * 1000 });
  const mailbox = host.attachConsole("uart0");
  const cycle = await host.idle(0, 10_000_000);
  assertEquals(cycle, 10_000_000);
  const input = host.take(cycle);
  assert(input?.kind === "host" && input.event === "stall" && input.ns! > 1_000_000_000n);
  mailbox.close();
});

Deno.test("LiveHost has a small read ready before the machine waits for it", async () => {
  await withDisk((disk) => {
    const { host } = hostWith({ disks: new Map([["disk0", disk]]) });
    host.output(100, "disk0", read(0, 4096));
    assertEquals(host.idle(101, Infinity), 101);
    const input = host.take(101);
    assert(input?.kind === "disk" && input.bytes?.length === 4096);
    return Promise.resolve();
  });
});

Deno.test("LiveHost waits for a large read and stamps it with the time waited", async () => {
  await withDisk(async (disk) => {
    const { host } = hostWith({ disks: new Map([["disk0", disk]]) });
    host.output(100, "disk0", read(0, LARGE));
    assertEquals(host.take(100), undefined);
    const cycle = await host.idle(101, 10_000_000_000);
    assert(cycle > 101 && cycle < 10_000_000_000, `${cycle}`);
    const input = host.take(cycle);
    assert(input?.kind === "disk" && input.bytes?.length === LARGE);
  });
});

Deno.test("LiveHost answers at the due cycle in model timing, small and large alike", async () => {
  await withDisk(async (disk) => {
    const { host } = hostWith({ timing: "model", disks: new Map([["disk0", disk]]) });
    host.output(100, "disk0", read(0, LARGE, 90_000));
    host.output(100, "disk0", read(1, 4096, 50_000));
    assertEquals(host.take(100), undefined);
    assertEquals(host.idle(100, Infinity), 50_000);
    assertEquals(host.take(49_999), undefined);
    const first = host.take(50_000);
    assert(first?.kind === "disk" && first.request === 1);
    assertEquals(host.horizon(89_000), 90_000);
    assertEquals(host.idle(50_000, Infinity), 90_000);
    await host.settle(90_000);
    const second = host.take(90_000);
    assert(second?.kind === "disk" && second.request === 0 && second.bytes?.length === LARGE);
  });
});

Deno.test("LiveHost gives the same entropy and clock to two machines in model timing", () => {
  const answers = [0, 1].map(() => {
    const { host } = hostWith({ timing: "model" });
    host.output(0, "rng0", { kind: "entropy", request: 0, sizeBytes: 64, due: 30_000 });
    return [host.take(30_000), host.wallTimeNs(30_000)];
  });
  assertEquals(answers[0], answers[1]);
  const [input] = answers[0];
  assert(typeof input === "object" && input.kind === "entropy" && input.bytes.length === 64);
});

Deno.test("LiveHost takes entropy and clock from the host in live timing", () => {
  const bytes = [0, 1].map(() => {
    const { host } = hostWith();
    host.output(0, "rng0", { kind: "entropy", request: 0, sizeBytes: 64, due: undefined });
    const input = host.take(0);
    return input?.kind === "entropy" ? input.bytes.join() : undefined;
  });
  assert(bytes[0] !== undefined && bytes[0] !== bytes[1]);
  const { host } = hostWith();
  assert(Math.abs(Number(host.wallTimeNs(0) / 1_000_000n) - Date.now()) < 1000);
});

Deno.test("LiveHost gathers console output for a few milliseconds, and waits for no turn", () => {
  let nowMs = 0;
  const { host, printed } = hostWith({ nowMs: () => nowMs });
  for (const letter of "hello") host.output(0, "uart0", { kind: "console", bytes: text(letter) });
  host.output(0, "console0", { kind: "console", bytes: text("x") });
  assertEquals(printed, ["uart0: hello"]);
  nowMs = 1;
  assertEquals(host.settle(1), undefined);
  assertEquals(printed, ["uart0: hello"]);
  nowMs = 3;
  assertEquals(host.settle(2), undefined);
  assertEquals(printed, ["uart0: hello", "console0: x"]);
});

Deno.test("LiveHost holds back an end that fills its mailbox", async () => {
  const { host } = hostWith();
  const mailbox = host.attachConsole("uart0");
  let posted = 0;
  const sender = (async () => {
    for (; posted < 64; posted++) await mailbox.post(new Uint8Array(4096));
  })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(posted, 15); // 64 KiB wait, the last of them in a post that has not returned
  let received = 0;
  while (received < 64 * 4096) {
    const input = host.take(0);
    if (input?.kind === "console") received += input.bytes.length;
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await sender;
});

Deno.test("Typist types a line when the guest has been quiet at a prompt", () => {
  const typist = new Typist("uart0", text("one\ntwo"));
  const { host } = hostWith({ typist });
  assertEquals(host.idle(0, Infinity), Infinity);
  host.output(1000, "uart0", { kind: "console", bytes: text("boot\n") });
  host.output(2000, "uart0", { kind: "console", bytes: text("# ") });
  assertEquals(host.idle(2000, Infinity), 20_002_000);
  assertEquals(host.take(20_001_999), undefined);
  assertEquals(host.take(20_002_000), { device: "uart0", kind: "console", bytes: text("one\n") });
  assertEquals(host.take(20_002_000), undefined);
  assertEquals(host.idle(20_002_000, Infinity), 1_020_002_000);
  host.output(30_000_000, "uart0", { kind: "console", bytes: text("$ ") });
  assertEquals(host.take(50_000_000), { device: "uart0", kind: "console", bytes: text("two") });
  assertEquals(host.idle(50_000_000, Infinity), Infinity);
});
