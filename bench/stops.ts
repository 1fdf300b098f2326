/** What it costs to stop every so many cycles, as a guest's timers and a debugger do: exactness is to be free. */
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
  await machine.run(WARM_UP_CYCLES);
  const wallMs = new Map(EVERY_CYCLES.map((every): [number, number[]] => [every, []]));
  for (let round = 0; round < 3 * rounds; round++) {
    for (const every of EVERY_CYCLES) {
      host.everyCycles = every;
      const startMs = performance.now();
      const { reason } = await machine.run(machine.cycle + PART_CYCLES);
      if (reason !== "until") throw new Error(`stops: the guest ended: ${reason}`);
      wallMs.get(every)!.push(performance.now() - startMs);
    }
  }
  const medians = EVERY_CYCLES.map((every) => median(wallMs.get(every)!));
  return {
    title: `stops: ${PART_CYCLES / 1e6} million cycles of coremark, milliseconds, medians of ${
      3 * rounds
    }`,
    rows: EVERY_CYCLES.map((every, i) => ({
      name: `every ${every} cycles`,
      median: medians[i],
      least: Math.min(...wallMs.get(every)!),
    })),
    figures: { every10000: medians[2] / medians[0], every100000: medians[1] / medians[0] },
  };
}
