/**
 * `deno run -A bench/timetravel.ts [pocket|debian]`: what moving about in a recording in memory
 * costs. Positions are drawn from a seed that is printed.
 */
import type { Host, Input, Output } from "../core/host.ts";
import { Machine } from "../core/machine.ts";
import { Random } from "../core/random.ts";
import { MemoryHost } from "../devices/host/memory_host.ts";
import type { BootFiles } from "../devices/boot/layout.ts";
import { machineOptions } from "../devices/machine_options.ts";
import { openDebian } from "../guests/debian/deno/prepare.ts";
import { extraInitramfs } from "../guests/debian/extra.ts";
import { imageUrl } from "../guests/images.ts";
import type { LogEntry } from "../replay/log.ts";
import { Timeline } from "../replay/timeline.ts";
import { formatReport } from "./report.ts";

const SEED = 1;
const STEPS = 200;
const SEEKS = 60;
const MIB = 2 ** 20;

interface Guest {
  readonly memoryBytes: number;
  readonly files: BootFiles;
  readonly bootargs?: string;
  readonly disk: Uint8Array;
}

/** Keeps what a host answers. */
class Notes implements Host {
  readonly entries: LogEntry[] = [];

  constructor(readonly host: MemoryHost) {}

  output(cycle: number, device: string, output: Output): void {
    this.host.output(cycle, device, output);
  }

  take(cycle: number): Input | undefined {
    const input = this.host.take(cycle);
    const id = `m/${input?.device}#${this.entries.length}`;
    if (input) this.entries.push({ cycle, id, version: 1, kind: "input", input });
    return input;
  }

  horizon(cycle: number): number {
    return this.host.horizon(cycle);
  }

  settle(): undefined {}

  idle(cycle: number, deadline: number): number {
    return this.host.idle(cycle, deadline);
  }

  wallTimeNs(cycle: number): bigint {
    const ns = this.host.wallTimeNs(cycle);
    const id = `m/clock#${this.entries.length}`;
    this.entries.push({ cycle, id, version: 1, kind: "wall-clock", ns });
    return ns;
  }
}

async function pocket(): Promise<Guest> {
  const bytes = await Deno.readFile(imageUrl("pocket"));
  const disk = new Random(SEED).bytes(MIB);
  return { memoryBytes: 16 * MIB, files: { bios: { name: "pocket", bytes } }, disk };
}

async function debian(): Promise<Guest> {
  const guest = await openDebian();
  if (!guest) throw new Error("needs the Debian guest: deno run -A main.ts guest debian");
  const file = async (path: string) => ({ name: path, bytes: await Deno.readFile(path) });
  const run = { run: "echo c > /proc/sysrq-trigger", copy: [] };
  return {
    memoryBytes: 256 * MIB,
    files: {
      bios: await file(guest.firmwareDynamic),
      kernel: await file(guest.kernel),
      initrds: [await file(guest.initrd), { name: "extra", bytes: extraInitramfs(run) }],
    },
    bootargs: guest.append,
    disk: await Deno.readFile(guest.disk),
  };
}

const isDebian = Deno.args[0] === "debian";
const guest = isDebian ? await debian() : await pocket();
const createMachine = (host: Host) =>
  Machine.create(machineOptions(
    {
      memoryBytes: guest.memoryBytes,
      harts: 1,
      seed: SEED,
      diskTiming: "model",
      disks: [{ sizeBytes: guest.disk.length }],
      bootargs: guest.bootargs,
    },
    guest.files,
    host,
  ));

const notes = new Notes(new MemoryHost({ disks: { disk0: guest.disk } }));
const machine = await createMachine(notes);
const timings: { what: string; p50: number; p95: number; most: number }[] = [];
const [, recordMs] = await timed(() => machine.run(Infinity));
const endCycle = machine.cycle;

const random = new Random(SEED);
const timeline = new Timeline({
  log: { entries: notes.entries, endCycle },
  createMachine,
  harts: 1,
  turn: () => Promise.resolve(),
});
const cursor = await timeline.cursor();
const [, replayMs] = await timed(() => cursor.seek(endCycle));
const { work } = cursor;
const { size, sizeBytes } = timeline.checkpoints;
const [, firstStepMs] = await timed(() => cursor.reverseStep(0));
await measure("reverse step, in a row", STEPS, () => cursor.reverseStep(0));
await measure("step, in a row", STEPS, () => cursor.step(0));
await measure("seek", SEEKS, () => cursor.seek(random.below(endCycle)));
await measure("reverse step after a seek", SEEKS, () => cursor.reverseStep(0), () => {
  return cursor.seek(random.below(endCycle));
});
console.log(formatReport({
  title: `time travel on ${isDebian ? "debian" : "pocket"}, milliseconds, seed ${SEED}`,
  rows: timings,
  figures: { endCycle, work, recordMs, replayMs, firstStepMs, checkpoints: size, sizeBytes },
}));

async function timed<T>(action: () => Promise<T>): Promise<[T, number]> {
  const startMs = performance.now();
  const value = await action();
  return [value, performance.now() - startMs];
}

async function measure(
  what: string,
  count: number,
  action: () => Promise<unknown>,
  before: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const ms: number[] = [];
  for (let i = 0; i < count; i++) {
    await before();
    ms.push((await timed(action))[1]);
  }
  ms.sort((a, b) => a - b);
  const at = (part: number) => ms[Math.min(count - 1, Math.floor(count * part))];
  timings.push({ what, p50: at(0.5), p95: at(0.95), most: ms[count - 1] });
}
