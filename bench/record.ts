/** What recording costs over running, and replaying over recording; the disk's reads beside QEMU's too. */
import { fromFileUrl, join } from "@std/path";
import { Random } from "../core/random.ts";
import { imageUrl } from "../guests/images.ts";
import { DebianRuns } from "./debian.ts";
import { betweenMs, median, type Run, timeRun } from "./measure.ts";
import { type Command, ours } from "./peers.ts";
import type { Report } from "./report.ts";

const MIB = 2 ** 20;
const READS = 4096;
const SEQUENTIAL_MIB = 64;
const COMPUTE = "sha256sum /bin/busybox; gzip -c /bin/busybox | wc -c";

/** Each read meets blocks that nobody has read before; the last one goes through the guest's cache. */
const READING = [
  `echo bench: direct`,
  `dd if=/dev/vda of=/dev/null bs=4k count=${READS} iflag=direct 2>&1`,
  `echo bench: sequential`,
  `dd if=/dev/vda of=/dev/null bs=1M skip=16 count=${SEQUENTIAL_MIB} iflag=direct 2>&1`,
  `echo bench: cached`,
  `dd if=/dev/vda of=/dev/null bs=1M skip=80 count=${SEQUENTIAL_MIB} 2>&1`,
  `echo bench: end`,
].join("; ");
const IMAGE_MIB = 16 + 2 * SEQUENTIAL_MIB;
const MARKS = ["direct", "sequential", "cached", "end"];

type Kind = "run" | "record" | "replay" | "qemu";
type Times = Record<Kind, number[]>;

/** One thing to do, in each of the ways. */
interface Work {
  readonly commands: Readonly<Partial<Record<Kind, Command>>>;
  /** What of a run is compared, by name. */
  readonly parts: (run: Run, kind: Kind) => Readonly<Record<string, number>>;
}

export async function benchRecord(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "bench.hsr");
  const disk = join(folder, "disk.img");
  await Deno.writeFile(disk, diskImage());
  try {
    await using boot = await DebianRuns.open(COMPUTE);
    await using reads = await DebianRuns.open(READING, disk);
    const kernel = ["--bios", fromFileUrl(imageUrl("coremark"))];
    const works: Work[] = [
      { commands: commandsOf(boot.machine, file), parts: whole("boot, sha256sum, gzip") },
      { commands: commandsOf(kernel, file), parts: whole("coremark") },
      { commands: { ...commandsOf(reads.machine, file), qemu: reads.qemuPlain }, parts: between },
    ];
    const times = new Map<string, Times>();
    let overhead = 0;
    for (const work of works) {
      for (let round = 0; round < rounds; round++) await measure(work, times);
      overhead = Math.max(overhead, await bytesPerThousand(file));
    }
    return report(times, rounds, overhead);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Noise that comes again and again, but not so that a page is like another. */
function diskImage(): Uint8Array {
  const noise = new Random(1).bytes(MIB + 512);
  const image = new Uint8Array(IMAGE_MIB * MIB);
  for (let at = 0; at < image.length; at += noise.length) {
    image.set(noise.subarray(0, image.length - at), at);
  }
  return image;
}

function commandsOf(machine: readonly string[], file: string) {
  return {
    run: ours("run", ...machine),
    record: ours("record", ...machine, "-o", file),
    replay: ours("replay", file),
  };
}

/** The ways take turns, so that a busy moment of the host meets all of them. */
async function measure({ commands, parts }: Work, times: Map<string, Times>): Promise<void> {
  for (const [kind, command] of Object.entries(commands) as [Kind, Command][]) {
    const run = await timeRun(command);
    for (const [name, ms] of Object.entries(parts(run, kind))) {
      if (!times.has(name)) times.set(name, { run: [], record: [], replay: [], qemu: [] });
      times.get(name)![kind].push(ms);
    }
  }
}

function whole(name: string): Work["parts"] {
  return ({ wallMs, userMs }) => ({ [`${name}: wall`]: wallMs, [`${name}: user`]: userMs });
}

/** A replay prints what it has gathered, so that only its whole can be timed. */
function between(run: Run, kind: Kind): Readonly<Record<string, number>> {
  for (const count of [`${READS}+0`, `${SEQUENTIAL_MIB}+0`]) {
    if (!run.text.includes(`${count} records in`)) {
      throw new Error(`record: dd failed:\n${run.text.slice(-2000)}`);
    }
  }
  const parts: Record<string, number> = { "disk, whole: wall": run.wallMs };
  if (kind !== "qemu") parts["disk, whole: user"] = run.userMs;
  if (kind === "replay") return parts;
  MARKS.slice(1).forEach((end, index) => {
    parts[NAMES[index]] = betweenMs(run, `bench: ${MARKS[index]}`, `bench: ${end}`);
  });
  return parts;
}

const NAMES = [
  `${READS} direct reads of 4 KiB`,
  `${SEQUENTIAL_MIB} MiB sequential, direct`,
  `${SEQUENTIAL_MIB} MiB sequential, cached`,
];

async function bytesPerThousand(file: string): Promise<number> {
  const { text } = await timeRun(ours("info", "--json", file));
  return JSON.parse(text).logBytesPer1000Instructions;
}

function report(times: ReadonlyMap<string, Times>, rounds: number, overhead: number): Report {
  const ratio = (above: number[], below: number[]) =>
    above.length && below.length ? median(above) / median(below) : "";
  const ms = (values: number[]) => values.length ? median(values) : "";
  const rows = [...times].map(([name, { run, record, replay, qemu }]) => ({
    name,
    run: ms(run),
    record: ms(record),
    replay: ms(replay),
    qemu: ms(qemu),
    recordToRun: ratio(record, run),
    replayToRecord: ratio(replay, record),
    recordToQemu: ratio(record, qemu),
    spread: spread(run),
  }));
  return {
    title: `record: milliseconds, medians of ${rounds}; spread is most to least of run`,
    rows,
    figures: { bytesPerThousandInstructions: overhead },
  };
}

function spread(values: readonly number[]): number | string {
  return values.length ? Math.max(...values) / Math.min(...values) : "";
}
