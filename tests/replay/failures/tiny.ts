/** Guests of a few instructions, recorded. */
import { assertEquals } from "@std/assert";
import { assemble } from "../../../core/isa/assemble.ts";
import { Machine } from "../../../core/machine.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { machineOptions } from "../../../devices/machine_options.ts";
import type { Names } from "../../../replay/failures/witness.ts";
import { type Observation, watch } from "../../../replay/failures/watch.ts";
import { MemoryLog } from "../../../replay/memory_log.ts";
import { Recorder } from "../../../replay/recorder.ts";
import type { BuildMachine } from "../../../replay/replayer.ts";
import { outputHash } from "../machines.ts";

const DRAM = 0x8000_0000;
const NO_NAMES: Names = { address: () => undefined, nearest: () => undefined };

/** Runs what the lines say, from the start of RAM and in machine mode, and watches the replay. */
export async function observe(lines: readonly string[], cycles: number): Promise<Observation> {
  const words = lines.map((line, i) => assemble(line, DRAM + 4 * i));
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  const config = {
    memoryBytes: 1 << 20,
    harts: 1,
    seed: 1,
    diskTiming: "model" as const,
    disks: [],
  };
  const build: BuildMachine = (host, onDigest, linting) =>
    Machine.create({
      ...machineOptions(config, { bios: { name: "tiny", bytes } }, host),
      engine: { linting },
      onDigest,
    });
  const sink = new MemoryLog();
  const recorder = new Recorder({ host: new MemoryHost({}), sink, hash: outputHash });
  const machine = await build(recorder, (cycle, digest) => recorder.digest(cycle, digest));
  const stop = await machine.run(cycles);
  const end = stop.reason === "power"
    ? { reason: stop.reason, power: stop.power }
    : { reason: stop.reason === "stuck" ? stop.reason : "until" as const };
  recorder.finish(machine.digest(), { endCycle: machine.cycle, end, instructions: 1 });
  const log = sink.log();
  const seen = await watch({ log, build, harts: 1, check: outputHash, names: NO_NAMES });
  assertEquals(seen.divergence, undefined);
  return seen;
}
