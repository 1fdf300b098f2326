/** The two machines that run a test guest: QEMU's and ours. Both give the bytes of the serial port. */
import { Machine } from "../../core/machine.ts";
import { buildBoard, UART_ID } from "../../devices/board.ts";
import { resetRom } from "../../devices/boot/reset_rom.ts";
import { MemoryHost } from "../../devices/host/memory_host.ts";
import { runPeer } from "../peer.ts";
import { TIER } from "../tier.ts";

const RAM = 0x8000_0000;
/** More than any test guest needs. */
const CYCLES_MAX = 10_000_000_000;

/** QEMU's `rv64` with the extensions of our machine and no others. */
const QEMU_CPU = "rv64,h=false,zbc=false,zba=true,zbb=true,zbs=true,sstc=true,pmu-num=29";

/** Bytes of RAM at 0x8000_0000. */
export const MEMORY_BYTES = 128 << 20;

/** Runs a flat M-mode image at 0x8000_0000 until it turns the machine off. */
export type RunImage = (image: Uint8Array) => Promise<Uint8Array>;

/** @throws Error if QEMU fails or needs more than a minute */
export const runOnQemu: RunImage = async (image) => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/image`, image);
    // deno-fmt-ignore
    await runPeer("timeout", [
      "60", "qemu-system-riscv64", "-M", "virt", "-cpu", QEMU_CPU, "-m", `${MEMORY_BYTES >> 20}M`,
      "-display", "none", "-monitor", "none", "-serial", `file:${folder}/serial`,
      "-bios", `${folder}/image`,
    ]);
    return await Deno.readFile(`${folder}/serial`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

/** Our machine as it comes. */
export const runOnHindsight: RunImage = runOnTier(TIER);

/** Ours as it comes, and with code compiled that is executed twice. tier1_long_test.ts: all of it. */
export const OUR_MACHINES: readonly {
  readonly name: string;
  readonly run: RunImage;
  readonly threshold?: number;
}[] = [
  { name: "as it comes", run: runOnHindsight },
  { name: "with threshold 2", run: runOnTier({ jitThreshold: 2 }), threshold: 2 },
];

/** @throws Error if the guest does not turn the machine off */
function runOnTier(engine: typeof TIER): RunImage {
  return async (image) => {
    const host = new MemoryHost();
    const machine = await Machine.create({
      memoryBytes: MEMORY_BYTES,
      harts: 1,
      seed: 1,
      host,
      buildBoard: buildBoard({ harts: 1, seed: 1, diskTiming: "model", disks: [] }),
      rom: resetRom({ entry: RAM, dtbAddress: 0, nextAddress: 0 }),
      images: [{ address: RAM, bytes: image }],
      engine,
    });
    const stop = await machine.run(CYCLES_MAX);
    if (stop.reason !== "power") {
      throw new Error(`The guest did not end: ${stop.reason} at cycle ${machine.cycle}`);
    }
    return host.consoleOutput(UART_ID);
  };
}
