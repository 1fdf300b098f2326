/**
 * Debian, booted once to where it waits for a line on its console: all its cases go on from there. Its
 * first disk holds a file and a link of which nothing is left in the guest's memory, and the second
 * one, without a file system, was hardly read.
 */
import { createHash } from "node:crypto";
import { assert } from "@std/assert";
import { DIGEST_CYCLES, Machine } from "../../../core/machine.ts";
import { Random } from "../../../core/random.ts";
import { findKallsyms, type Kallsyms } from "../../../debugger/symbols/kallsyms.ts";
import { ThreadCompiler } from "../../../devices/deno/compiler.ts";
import { diskId, UART_ID } from "../../../devices/board.ts";
import type { BootFiles } from "../../../devices/boot/layout.ts";
import { MemoryHost, type MemoryHostOptions } from "../../../devices/host/memory_host.ts";
import { type MachineConfig, machineOptions } from "../../../devices/machine_options.ts";
import { BLOCK_BYTES, type DiskState, SECTOR_BYTES } from "../../../devices/virtio/disk.ts";
import type { DebianGuest } from "../../../guests/debian/deno/guest.ts";
import { extraInitramfs } from "../../../guests/debian/extra.ts";
import { buildModule } from "../../../guests/linux/deno/module.ts";
import { ForkedMachine, type ForkPoint } from "../../../replay/fork.ts";
import type { Log } from "../../../replay/log.ts";
import { MemoryLog } from "../../../replay/memory_log.ts";
import { walk } from "../../../replay/page_walk.ts";
import { Recorder } from "../../../replay/recorder.ts";
import type { BuildMachine } from "../../../replay/replayer.ts";
import { outputHash } from "../machines.ts";

/** Of the file `/mnt/file`, again and again. */
export const LINE = "a line of the file that is read later";
/** Where `/mnt/link` leads: so short a text ext4 keeps in the inode itself, among the last of all. */
export const LINKED = "a-file-that-never-was";
/** In the file `/root/note`, which is in memory alone. */
export const NOTE = "what nobody writes to any more";
/** A block of the second disk that no kernel looks at by itself. */
export const RAW_BLOCK = 128;

const MODULE = new URL("../../../guests/linux/provoke/provoke.c", import.meta.url);
const SEED = 7;
const MIB = 1 << 20;
const RAM = 0x8000_0000;
const PAGE_BYTES = 4096;
const MEMORY_BYTES = 128 * MIB;
const BOOT_CYCLES_MAX = 6_000_000_000;
const READY = "case: ready";
const RUN = `
mount -o remount,errors=remount-ro /mnt
mkdir /mnt/folder && for n in $(seq 40); do : > /mnt/folder/$n; done
ln -s ${LINKED} /mnt/link
yes "${LINE}" | head -c 65536 > /mnt/file
(cd /mnt && sha256sum file > /root/sums)
echo "${NOTE}" > /root/note
sync; umount /mnt; mount -t ext4 -o errors=remount-ro /dev/vda /mnt
echo 3 > /proc/sys/vm/drop_caches
ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up
echo "${READY}"
read -r line; eval "$line"
`;

export class DebianBoot {
  readonly #symbols: Kallsyms;

  private constructor(
    readonly config: MachineConfig,
    readonly files: BootFiles,
    readonly compiler: ThreadCompiler,
    readonly build: BuildMachine,
    readonly point: ForkPoint,
    /** At the fork. */
    readonly forked: ForkedMachine,
    readonly disks: MemoryHostOptions["disks"],
  ) {
    const read = (at: number, sizeBytes: number) => forked.machine.memory.view(at, sizeBytes);
    const symbols = findKallsyms(read, RAM, RAM + MEMORY_BYTES);
    assert(symbols, "the kernel's symbols are not found");
    this.#symbols = symbols;
  }

  static async open(guest: DebianGuest): Promise<DebianBoot> {
    const files = await filesOf(guest);
    const disks = {
      [diskId(0)]: await Deno.readFile(guest.disk),
      [diskId(1)]: new Random(SEED).bytes(MIB),
    };
    const config: MachineConfig = {
      memoryBytes: MEMORY_BYTES,
      harts: 1,
      seed: SEED,
      diskTiming: "model",
      bootargs: guest.append,
      disks: Object.values(disks).map(({ length }) => ({ sizeBytes: length, readOnly: false })),
      nics: [{ mac: MAC }],
    };
    const compiler = new ThreadCompiler();
    const build: BuildMachine = (host, onDigest) =>
      Machine.create({
        ...machineOptions(config, files, host),
        engine: { compiler: (shape) => compiler.open(shape) },
        onDigest,
      });
    try {
      const point = await bootToFork(
        await ForkedMachine.create(build),
        new MemoryHost({ disks, seed: SEED }),
      );
      const forked = await ForkedMachine.create(build);
      forked.enter(point);
      return new DebianBoot(config, files, compiler, build, point, forked, disks);
    } catch (error) {
      compiler.close();
      throw error;
    }
  }

  /** Guest-physical, of a symbol of the kernel. */
  physical(symbol: string): number {
    const { machine } = this.forked;
    const { table, baseAddress } = this.#symbols;
    const base = new DataView(machine.memory.view(baseAddress, 8)!.slice().buffer);
    const offset = table.address(symbol);
    assert(offset !== undefined, `the kernel has no symbol ${symbol}`);
    const virtual = BigInt.asUintN(64, base.getBigUint64(0, true) + offset);
    return walk(machine, 0, virtual, true)!;
  }

  /** What comes after the fork, of the log of a case, and the machine that goes on there. */
  after({ entries, outputs, digests, ...log }: Log): { log: Log; build: BuildMachine } {
    const { cycle } = this.point;
    return {
      log: {
        ...log,
        entries: entries.filter((entry) => entry.cycle >= cycle),
        outputs: outputs.filter(({ first }) => first >= cycle),
        digests: digests.filter((digest) => digest.cycle > cycle),
      },
      build: async (host, onDigest) => {
        const forked = await ForkedMachine.create(this.build);
        forked.enter(this.point);
        forked.restart(host);
        forked.seam.onDigest = onDigest;
        return forked.machine;
      },
    };
  }

  /** The SHA-256 of that block. */
  get rawSum(): string {
    const block = this.disks![diskId(1)].subarray(RAW_BLOCK * BLOCK_BYTES);
    return createHash("sha256").update(block.subarray(0, BLOCK_BYTES)).digest("hex");
  }

  /** Guest-physical, of the page of a file that begins with this text. */
  addressOf(text: string): number {
    for (let address = RAM; address < RAM + MEMORY_BYTES; address += PAGE_BYTES) {
      const start = this.forked.machine.memory.view(address, text.length)!;
      if (includes(start, text)) return address;
    }
    throw new RangeError(`no page of the guest begins with "${text}"`);
  }

  /** The first sectors of the blocks of the first disk that the guest has written with this text in them. */
  sectorsOf(text: string): number[] {
    const state = this.forked.machine.save() as unknown as {
      devices: Record<string, { chip: { disk: DiskState } }>;
    };
    const { overlay } = state.devices[diskId(0)].chip.disk;
    const sectors: number[] = [];
    for (let i = 0; i < overlay.length; i += 3) {
      if (!includes(overlay[i + 2] as Uint8Array, text)) continue;
      sectors.push(overlay[i] as number * BLOCK_BYTES / SECTOR_BYTES);
    }
    assert(sectors.length > 0, `the guest has written no "${text}" to its disk`);
    return sectors;
  }

  close(): void {
    this.compiler.close();
  }
}

/** Of the guest's card. */
export const MAC = "52:54:00:12:34:56";

async function filesOf(guest: DebianGuest): Promise<BootFiles> {
  const initrd = await Deno.readFile(guest.initrd);
  const module = {
    path: "/root/provoke.ko",
    bytes: await buildModule(MODULE, initrd),
    mode: 0o644,
  };
  return {
    bios: { name: "fw_dynamic.bin", bytes: await Deno.readFile(guest.firmwareDynamic) },
    kernel: { name: "vmlinux", bytes: await Deno.readFile(guest.kernel) },
    initrds: [
      { name: "initramfs.cpio", bytes: initrd },
      { name: "run", bytes: extraInitramfs({ run: RUN, copy: [module] }) },
    ],
  };
}

async function bootToFork(forked: ForkedMachine, host: MemoryHost): Promise<ForkPoint> {
  const { machine, seam } = forked;
  const log = new MemoryLog();
  const recorder = new Recorder({ host, sink: log, hash: outputHash });
  seam.host = recorder;
  seam.onDigest = (cycle, digest) => recorder.digest(cycle, digest);
  const isReady = () => includes(host.consoleOutput(UART_ID), READY);
  while (!isReady() || !forked.canFork) {
    const { reason } = await machine.run(machine.cycle + DIGEST_CYCLES);
    if (reason === "until" && machine.cycle < BOOT_CYCLES_MAX) continue;
    const printed = new TextDecoder().decode(host.consoleOutput(UART_ID));
    throw new Error(`Debian does not come to where it forks: ${reason}\n${printed}`);
  }
  const lastCycle = machine.cycle;
  const conclusion = { endCycle: lastCycle, end: { reason: "until" }, instructions: 0 } as const;
  recorder.finish(machine.digest(), conclusion);
  const { entries, outputs, digests } = log.log();
  return forked.point({ firstCycle: 0, lastCycle, entries, outputs, digests });
}

function includes(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(text);
}
