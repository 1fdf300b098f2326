/** A machine that forks goes on as one that ran straight through, and its log is that one's. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Machine } from "../../core/machine.ts";
import type { Host } from "../../core/host.ts";
import { UART_ID } from "../../devices/board.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { machineOptions } from "../../devices/machine_options.ts";
import { imageUrl } from "../../guests/images.ts";
import { ForkedMachine, type ForkPoint } from "../../replay/fork.ts";
import type { LogPart } from "../../replay/log.ts";
import { MemoryLog } from "../../replay/memory_log.ts";
import { Recorder } from "../../replay/recorder.ts";
import { replay } from "../../replay/replayer.ts";
import { outputHash } from "./machines.ts";

const FORK = 10_000_000;
const END = 12_000_000; // a little before smp is done
const SMP = { name: "smp.elf", bytes: Deno.readFileSync(imageUrl("smp")) };
const CONFIG = {
  memoryBytes: 16 << 20,
  harts: 4,
  seed: 5,
  diskTiming: "model" as const,
  disks: [],
};

const build = (host: Host, onDigest?: (cycle: number, digest: string) => void) =>
  Machine.create({ ...machineOptions(CONFIG, { bios: SMP }, host), onDigest });

const typed = (cycle: number) => ({ cycle, device: UART_ID, bytes: Uint8Array.of(65) });
const [BEFORE, AFTER] = [typed(5_000_000), typed(11_000_000)];

/** A host that has the machine go on from a seed where it forks. */
function hostOf(seed: number, script = [AFTER]): MemoryHost {
  const host = new MemoryHost({ script });
  host.send({ device: "machine", kind: "reseed", seed }, FORK);
  return host;
}

/** Recorded from reset to the end, without a fork. */
async function straight(seed: number) {
  const log = new MemoryLog();
  const recorder = new Recorder({
    host: hostOf(seed, [BEFORE, AFTER]),
    sink: log,
    hash: outputHash,
  });
  const machine = await build(recorder, (cycle, digest) => recorder.digest(cycle, digest));
  return await finish(machine, recorder, log);
}

async function finish(machine: Machine, recorder: Recorder, log: MemoryLog) {
  await machine.run(END);
  const conclusion = { endCycle: END, end: { reason: "until" }, instructions: 1 } as const;
  recorder.finish(machine.digest(), conclusion);
  return { log: log.log(), digest: machine.digest() };
}

async function bootToFork(): Promise<ForkPoint> {
  const forked = await ForkedMachine.create(build);
  const log = new MemoryLog();
  const host = new MemoryHost({ script: [BEFORE] });
  const recorder = new Recorder({ host, sink: log, hash: outputHash });
  forked.seam.host = recorder;
  forked.seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
  assert(!forked.canFork);
  await forked.machine.run(FORK);
  assert(forked.canFork);
  const digest = forked.machine.digest();
  recorder.finish(digest, { endCycle: FORK, end: { reason: "until" }, instructions: 0 });
  return forked.point({ firstCycle: 0, lastCycle: FORK, ...log.log() } satisfies LogPart);
}

Deno.test("runs from a fork are those of machines that never forked, in any order", async () => {
  const point = structuredClone(await bootToFork()); // as another thread has it
  const forked = await ForkedMachine.create(build);
  forked.enter(point);
  const digests = new Set<string>();
  for (const seed of [1, 2, 3, 1]) {
    const host = hostOf(seed);
    const sink = new MemoryLog();
    const recorder = new Recorder({ host, sink, hash: outputHash, after: point.log });
    sink.part(point.log);
    forked.restart(recorder);
    forked.seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
    const { log, digest } = await finish(forked.machine, recorder, sink);
    const expected = await straight(seed);
    assertEquals(digest, expected.digest, `seed ${seed}`);
    assertEquals(log.entries, expected.log.entries);
    assertEquals(log.entries.at(-1)!.id, `m/${UART_ID}#1`);
    assertEquals(log.digests, expected.log.digests);
    await replay(log, build, { check: outputHash });
    digests.add(digest);
  }
  assertEquals(digests.size, 3);
});

Deno.test("a fork's snapshot holds what its machine needs beside the images", async () => {
  const forked = await ForkedMachine.create(build);
  const point = await bootToFork();
  forked.enter(point);
  const { cycle, work, pages } = forked.snapshot();
  assertEquals([cycle, work, [...pages.keys()]], [point.cycle, point.work, point.pages]);
  assert(work > 0 && pages.size > 0);
  const other = { ...point, digest: "0".repeat(16) };
  assertThrows(() => forked.enter(other), RangeError, "its digest is");
});

Deno.test("a machine with a request in flight cannot fork", async () => {
  const config = { ...CONFIG, disks: [{ sizeBytes: 1 << 20 }] };
  const pocket = { name: "pocket.elf", bytes: Deno.readFileSync(imageUrl("pocket")) };
  const disks = { disk0: new Uint8Array(1 << 20) };
  const host = new MemoryHost({ disks });
  // Answers come late: at some multiple of 10 million cycles one is awaited.
  const forked = await ForkedMachine.create((seam, onDigest) =>
    Machine.create({ ...machineOptions(config, { bios: pocket }, seam), onDigest })
  );
  const late: Host = Object.assign(Object.create(host), {
    output: (...[cycle, device, output]: Parameters<Host["output"]>) =>
      device === UART_ID ? undefined : host.output(
        cycle,
        device,
        output.kind === "disk" ? { ...output, due: (output.due ?? cycle) + 60_000_000 } : output,
      ),
    take: (cycle: number) => host.take(cycle),
    horizon: (cycle: number) => host.horizon(cycle),
    idle: (cycle: number, deadline: number) => host.idle(cycle, deadline),
    settle: () => undefined,
    wallTimeNs: (cycle: number) => host.wallTimeNs(cycle),
  });
  forked.seam.host = late;
  const could: boolean[] = [];
  for (let cycle = FORK; cycle <= 12 * FORK; cycle += FORK) {
    await forked.machine.run(cycle);
    could.push(forked.canFork);
  }
  assert(could.includes(false) && could.includes(true), String(could));
});
