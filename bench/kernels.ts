/** Million guest instructions a second on compiled C programs, without devices. */
import { fromFileUrl } from "@std/path";
import { buildGuests } from "../guests/build.ts";
import { type ImageName, imageUrl } from "../guests/images.ts";
import { geometricMean, median, timeRun } from "./measure.ts";
import { type Command, ours, qemu } from "./peers.ts";
import type { Report } from "./report.ts";

const KERNELS: readonly ImageName[] = [
  "sha256",
  "memcpy",
  "list",
  "sort",
  "dhrystone",
  "coremark",
  "bytecode",
  "matrix",
  "flat",
];

/** In model timing, although these guests have no disk: standard input stays out of it. */
const RUN = ["run", "--disk-timing", "model", "--bios"] as const;
const ENGINES: Readonly<Record<string, (image: string) => Command>> = {
  ours: (image) => ours(...RUN, image),
  oursTier0: (image) => ours(...RUN, image, "--jit-threshold", "0"),
  qemuPlain: (image) => qemu("-bios", image),
  qemuIcount: (image) => qemu("-bios", image, "-icount", "shift=0"),
};

/**
 * Instructions come from the guest's own counter, which is exact under `-icount` and on our machine;
 * start-up, measured on a guest that powers off at once, is not counted on either side.
 */
export async function benchKernels(rounds: number): Promise<Report> {
  await buildFlat();
  const startMs = await medians(path("empty"), rounds, () => {});
  const rows: Record<string, string | number>[] = [];
  for (const name of KERNELS) {
    const printed = new Map<string, string>();
    const wallMs = await medians(path(name), rounds, (engine, text) => printed.set(engine, text));
    const instructions = agree(name, printed);
    const row: Record<string, string | number> = { name, instructions };
    for (const engine of Object.keys(ENGINES)) {
      row[engine] = instructions / 1000 / Math.max(1, wallMs[engine] - startMs[engine]);
    }
    rows.push(row);
  }
  const mean: Record<string, string | number> = { name: "geometric mean", instructions: "" };
  for (const engine of Object.keys(ENGINES)) {
    mean[engine] = geometricMean(rows.map((row) => Number(row[engine])));
  }
  const flat = rows.find(({ name }) => name === "flat")!;
  return {
    title: `kernels: million instructions a second, medians of ${rounds}`,
    rows: [...rows, mean],
    figures: {
      ratioToQemuPlain: Number(mean.ours) / Number(mean.qemuPlain),
      ratioToQemuIcount: Number(mean.ours) / Number(mean.qemuIcount),
      flatRatioToTier0: Number(flat.ours) / Number(flat.oursTier0),
      slowestMips: Math.min(...rows.map((row) => Number(row.ours))),
      startMs: startMs.ours,
    },
  };
}

/** The engines take turns, so that a busy moment of the host meets all of them. */
async function medians(
  image: string,
  rounds: number,
  onText: (engine: string, text: string) => void,
): Promise<Record<string, number>> {
  const wallMs: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [engine, command] of Object.entries(ENGINES)) {
      const run = await timeRun(command(image));
      (wallMs[engine] ??= []).push(run.wallMs);
      onText(engine, run.text);
    }
  }
  return Object.fromEntries(Object.entries(wallMs).map(([name, values]) => [name, median(values)]));
}

/** @returns the number of instructions; @throws Error if the engines computed different things */
function agree(name: string, printed: ReadonlyMap<string, string>): number {
  const found = [...printed].map(([engine, text]) => {
    const match = text.match(/checksum=([0-9a-f]+), instret=(\d+)/);
    if (!match) throw new Error(`${name} printed no result on ${engine}:\n${text}`);
    return { engine, checksum: match[1], instructions: Number(match[2]) };
  });
  const of = (engine: string) => found.find((result) => result.engine === engine)!;
  if (new Set(found.map(({ checksum }) => checksum)).size > 1) {
    throw new Error(`${name}: different checksums: ${JSON.stringify(found)}`);
  }
  if (of("ours").instructions !== of("qemuIcount").instructions) {
    throw new Error(`${name}: different instruction counts: ${JSON.stringify(found)}`);
  }
  return of("ours").instructions;
}

/** `flat` is too large to be committed. */
async function buildFlat(): Promise<void> {
  try {
    await Deno.stat(imageUrl("flat"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await buildGuests(["flat"], fromFileUrl(new URL(".", imageUrl("flat"))));
  }
}

function path(name: ImageName): string {
  return fromFileUrl(imageUrl(name));
}
