/** Reads of a disk: small ones in a row, large ones, and through the guest's cache. */
import { join } from "@std/path";
import { Random } from "../core/random.ts";
import { DebianRuns } from "./debian.ts";
import { betweenMs, type Run } from "./measure.ts";
import type { Report } from "./report.ts";
import { commandsOf, type Kind, measureWorks, type Work } from "./works.ts";

const MIB = 2 ** 20;
const READS = 4096;
const SEQUENTIAL_MIB = 64;

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

/** The wall time between two lines of the console; a guest's own clock is virtual. */
export async function benchDisk(rounds: number): Promise<Report> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "bench.hsr");
  const disk = join(folder, "disk.img");
  await Deno.writeFile(disk, diskImage());
  try {
    await using reads = await DebianRuns.open(READING, disk);
    const commands = { ...commandsOf(reads.machine, file), qemu: reads.qemuPlain };
    const works: Work[] = [{ commands, parts: between }];
    return await measureWorks({ title: "disk", works, file, rounds });
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

/** A replay prints what it has gathered, so that only its whole can be timed. */
function between(run: Run, kind: Kind): Readonly<Record<string, number>> {
  for (const count of [`${READS}+0`, `${SEQUENTIAL_MIB}+0`]) {
    if (!run.text.includes(`${count} records in`)) {
      throw new Error(`disk: dd failed:\n${run.text.slice(-2000)}`);
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
