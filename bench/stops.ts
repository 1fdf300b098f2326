/** What it costs to stop every so many cycles, as a guest's timers and a debugger do: exactness is to be free. */
import process from "node:process";
import { Machine } from "../core/machine.ts";
import { MemoryHost } from "../devices/host/memory_host.ts";
import { machineOptions } from "../devices/machine_options.ts";
import { imageUrl } from "../guests/images.ts";
import { median } from "./measure.ts";
import type { Report } from "./report.ts";

const EVERY_CYCLES = [1_000_000, 100_000, 10_000];
const WARM_UP_CYCLES = 200_000_000;
const PART_CYCLES = 10_000_000;

/** A host that wants to be asked again after so many cycles. */
class AskingHost extends MemoryHost {
  everyCycles = EVERY_CYCLES[0];

  override horizon(cycle: number): number {
    return cycle + this.everyCycles;
  }
}

export async function benchStops(rounds: number): Promise<Report> {
  const host = new AskingHost();
  const config = {
    memoryBytes: 16 << 20,
    harts: 1,
    seed: 1,
    diskTiming: "model",
    disks: [],
  } as const;
  const bios = { name: "coremark", bytes: await Deno.readFile(imageUrl("coremark")) };
  const jitThreshold = 8192;
  const machine = await Machine.create({
    ...machineOptions(config, { bios }, host),
    engine: { jitThreshold },
  });
  // What runs slices is to be optimised as well as what runs in them.
  host.everyCycles = Math.min(...EVERY_CYCLES);
  await machine.run(WARM_UP_CYCLES);
  const userMs = EVERY_CYCLES.map((): number[] => []);
  for (let round = 0; round < 3 * rounds; round++) {
    for (const [i, every] of EVERY_CYCLES.entries()) {
      host.everyCycles = every;
      const before = process.cpuUsage();
      const { reason } = await machine.run(machine.cycle + PART_CYCLES);
      if (reason !== "until") throw new Error(`stops: the guest ended: ${reason}`);
      userMs[i].push(process.cpuUsage(before).user / 1000);
    }
  }
  // Each against the one without stops of its own round: the machine's pace may change on the way.
  const ratio = (i: number) => median(userMs[i].map((ms, round) => ms / userMs[0][round]));
  return {
    title: `stops: ${
      PART_CYCLES / 1e6
    } million cycles of coremark, milliseconds of processor time, medians of ${3 * rounds}`,
    rows: EVERY_CYCLES.map((every, i) => ({
      name: `every ${every} cycles`,
      median: median(userMs[i]),
      least: Math.min(...userMs[i]),
    })),
    figures: { every10000: ratio(2), every100000: ratio(1) },
  };
}
