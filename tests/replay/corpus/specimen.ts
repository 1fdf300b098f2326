/** One case of the corpus: how it is recorded. What is right about it stands in `labels.json`. */
import { loadElf } from "../../../devices/boot/elf.ts";
import { UART_ID } from "../../../devices/board.ts";
import { MemoryHost } from "../../../devices/host/memory_host.ts";
import { machineOptions } from "../../../devices/machine_options.ts";
import { Machine } from "../../../core/machine.ts";
import { Random } from "../../../core/random.ts";
import { opened, type OpenRecording, recordingStart } from "../../../command/recording_file.ts";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { type ImageName, imageUrl } from "../../../guests/images.ts";
import { codec } from "../../../replay/deno/codec.ts";
import { FaultyHost } from "../../../replay/faults/faulty_host.ts";
import type { FaultPlan } from "../../../replay/faults/plan.ts";
import { ChunkFile } from "../../../replay/format/chunk_file.ts";
import { MemoryFile } from "../../../replay/format/codec.ts";
import { RecordingWriter } from "../../../replay/format/writer.ts";
import type { LogEntry } from "../../../replay/log.ts";
import { Recorder } from "../../../replay/recorder.ts";
import { outputHash, read } from "../machines.ts";

/** Addresses of the guest's symbols. */
export type AddressOf = (symbol: string) => number;

export interface Specimen {
  readonly name: string;
  /** What `clerk` does: a function of guests/faults. Absent: the guest is `pocket`. */
  readonly job?: string;
  readonly plan?: (addressOf: AddressOf) => FaultPlan;
  readonly typed?: readonly { readonly at: number; readonly text: string }[];
  /** A letter for a box of `nic.c`. */
  readonly letters?: readonly { readonly at: number; readonly box: number }[];
  readonly link?: { readonly downAt: number; readonly upAt?: number };
  /** Where the recording ends at the latest: sooner where each cycle is a trap, which takes long. */
  readonly cycles?: number;
  /** Changes the disk before the machine starts. */
  readonly disk?: (sectors: DataView) => void;
  /** Changes the log once it is recorded, as a broken emulator would. */
  readonly log?: (entries: readonly LogEntry[]) => LogEntry[];
}

const SEED = 7;
const DISK_BYTES = 1 << 20;
const SECTOR_BYTES = 512;
/** Of disk.c. */
const SLOTS = 8;
const CYCLES = 700_000_000;
const MAC = "52:54:00:12:34:56";

/** Records a case. @param dress changes the image before it starts */
export async function record(
  specimen: Specimen,
  dress: (elf: Uint8Array) => Uint8Array = (elf) => elf,
): Promise<OpenRecording> {
  const name: ImageName = specimen.job === undefined ? "pocket" : "clerk";
  const original = await Deno.readFile(imageUrl(name));
  const addressOf = addressesOf(original);
  if (specimen.job !== undefined) choose(original, specimen.job);
  const bytes = dress(original);
  const disks = [{ sizeBytes: DISK_BYTES, readOnly: false }];
  const nics = specimen.letters || specimen.link ? [{ mac: MAC }] : [];
  const timing = { diskTiming: "model", memoryBytes: 16 << 20, harts: 1, seed: SEED } as const;
  const config = { ...timing, disks, nics };
  const files = { bios: { name, bytes } };
  const file = new MemoryFile();
  const sink = new RecordingWriter(new ChunkFile(file, codec), recordingStart(config, files));
  const plan = specimen.plan?.(addressOf) ?? {};
  const host = new FaultyHost(hostOf(specimen), plan);
  const recorder = new Recorder({ host, sink, hash: outputHash });
  const machine = await Machine.create({
    ...machineOptions(config, files, recorder),
    onDigest: (cycle, digest) => recorder.digest(cycle, digest),
  });
  const stop = await machine.run(specimen.cycles ?? CYCLES);
  const end = stop.reason === "power"
    ? { reason: "power" as const, power: stop.power }
    : { reason: stop.reason === "stuck" ? "stuck" as const : "until" as const };
  recorder.finish(machine.digest(), { endCycle: machine.cycle, end, instructions: 1 });
  const open = await opened("corpus", read(file.bytes.slice()));
  const isSpoilt = open.log.entries.some(({ id }) => id.includes("/host#"));
  if (specimen.plan && !isSpoilt) throw new Error(`${specimen.name}: nothing of its plan happened`);
  if (specimen.log === undefined) return open;
  return { ...open, log: { ...open.log, entries: specimen.log(open.log.entries) } };
}

function hostOf({ typed = [], letters = [], link, disk }: Specimen): MemoryHost {
  const image = new Random(SEED).bytes(DISK_BYTES);
  const sectors = new DataView(image.buffer);
  for (let sector = 0; sector < SLOTS; sector++) {
    sectors.setBigUint64(sector * SECTOR_BYTES, BigInt(sector * 3 % SLOTS), true);
  }
  disk?.(sectors);
  const script = typed.map(({ at, text }) => ({
    cycle: at,
    device: UART_ID,
    bytes: new TextEncoder().encode(text),
  }));
  const host = new MemoryHost({ disks: { disk0: image }, script, seed: SEED });
  if (link) host.send({ device: "net0", kind: "link", up: false }, link.downAt);
  if (link?.upAt) host.send({ device: "net0", kind: "link", up: true }, link.upAt);
  for (const { at, box } of letters) {
    const bytes = new Uint8Array(60);
    new DataView(bytes.buffer).setUint32(14, box, true);
    host.send({ device: "net0", kind: "frame", bytes }, at);
  }
  return host;
}

function addressesOf(elf: Uint8Array): AddressOf {
  const symbols = elfSymbols(elf);
  return (symbol) => {
    const found = symbols.address(symbol);
    if (found === undefined) throw new RangeError(`the guest has no symbol "${symbol}"`);
    return Number(found);
  };
}

/** Writes the number of a job where clerk looks for it. */
function choose(elf: Uint8Array, job: string): void {
  const address = addressesOf(elf);
  const [wanted, jobs] = [BigInt(address(job)), address("jobs")];
  for (let index = 0;; index++) {
    const listed = wordAt(elf, jobs + 8 * index).getBigUint64(0, true);
    if (listed === wanted) {
      return wordAt(elf, address("chosen")).setBigUint64(0, BigInt(index), true);
    }
    if (listed === 0n) throw new RangeError(`guests/faults/jobs.c does not list ${job}`);
  }
}

/** Eight bytes of the file that are loaded at an address. */
function wordAt(elf: Uint8Array, address: number): DataView {
  const { segments } = loadElf({ name: "guest", bytes: elf });
  const segment = segments.find((it) =>
    it.address <= address && address + 8 <= it.address + it.bytes.length
  );
  if (segment === undefined) throw new RangeError(`nothing is loaded at ${address}`);
  const { bytes } = segment;
  return new DataView(bytes.buffer, bytes.byteOffset + address - segment.address, 8);
}
