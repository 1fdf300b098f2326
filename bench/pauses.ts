/** First use: what compiling holds the machine's thread up, and what is compiled in the end. */
import { Machine } from "../core/machine.ts";
import { COMPILED_INSTRUCTIONS_MAX } from "../core/hart/jit/jit.ts";
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import { MemoryHost } from "../devices/host/memory_host.ts";
import { machineOptions } from "../devices/machine_options.ts";
import { openDebian } from "../guests/debian/deno/guest.ts";
import { extraInitramfs } from "../guests/debian/extra.ts";
import { median } from "./measure.ts";
import type { Report } from "./report.ts";

const RUN = "sha256sum /bin/busybox; gzip -c /bin/busybox | wc -c";

/** Boots by processes that know of no earlier one; what holds the whole process up counts too. */
export async function benchPauses(rounds: number): Promise<Report> {
  const boots: Boot[] = [];
  for (let round = 0; round < rounds; round++) boots.push(await boot());
  const of = (read: (boot: Boot) => number) => {
    const all = boots.map(read);
    return { median: median(all), least: Math.min(...all), most: Math.max(...all) };
  };
  const rows = [
    { name: "longest installing of code, ms", ...of(({ pausesMs }) => longest(pausesMs)) },
    { name: "longest slice, all within, ms", ...of(({ slicesMs }) => longest(slicesMs)) },
    { name: "all installing, ms", ...of(({ pausesMs }) => pausesMs.reduce((a, b) => a + b)) },
    { name: "instructions compiled in the end", ...of(({ instructions }) => instructions) },
    { name: "their WebAssembly, bytes", ...of(({ wasmBytes }) => wasmBytes) },
  ];
  return {
    title: `pauses: Debian to poweroff, of ${rounds} boots without a profile`,
    rows,
    figures: {
      longestInstallingMs: rows[0].most,
      longestSliceMs: rows[1].most,
      compiledInstructionsMax: COMPILED_INSTRUCTIONS_MAX,
    },
  };
}

/** There are too many for `Math.max`. */
function longest(ms: readonly number[]): number {
  return ms.reduce((most, one) => Math.max(most, one), 0);
}

interface Boot {
  /** Of the calls between two slices in which code is installed. */
  readonly pausesMs: readonly number[];
  /** From one such call to the next: V8 compiles a function when it is first called. */
  readonly slicesMs: readonly number[];
  readonly instructions: number;
  readonly wasmBytes: number;
}

async function boot(): Promise<Boot> {
  const compiler = new ThreadCompiler();
  try {
    const machine = await debian(compiler);
    const { jit } = machine.engine;
    const [pausesMs, slicesMs]: [number[], number[]] = [[], []];
    const advance = jit.advance.bind(jit);
    let endMs = performance.now();
    jit.advance = () => {
      const startMs = performance.now();
      slicesMs.push(startMs - endMs);
      advance();
      endMs = performance.now();
      pausesMs.push(endMs - startMs);
    };
    const { reason } = await machine.run(Infinity);
    if (reason !== "power") throw new Error(`pauses: the guest ended: ${reason}`);
    const { instructions, wasmBytes } = jit.statistics;
    return { pausesMs, slicesMs, instructions, wasmBytes };
  } finally {
    compiler.close();
  }
}

async function debian(compiler: ThreadCompiler): Promise<Machine> {
  const guest = await openDebian();
  if (guest === undefined) {
    throw new Error("needs the Debian guest: deno run -A main.ts guest debian");
  }
  const file = async (path: string) => ({ name: path, bytes: await Deno.readFile(path) });
  const files = {
    bios: await file(guest.firmwareDynamic),
    kernel: await file(guest.kernel),
    initrds: [
      await file(guest.initrd),
      { name: "--run", bytes: extraInitramfs({ run: RUN, copy: [] }) },
    ],
  };
  const config = {
    memoryBytes: 256 << 20,
    harts: 1,
    seed: 1,
    bootargs: guest.append,
    diskTiming: "model",
    disks: [],
  } as const;
  const options = machineOptions(config, files, new MemoryHost());
  return await Machine.create({
    ...options,
    engine: { compiler: (shape) => compiler.open(shape) },
  });
}
