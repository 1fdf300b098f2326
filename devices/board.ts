/** The board: every device at its address, with its interrupt. Source: QEMU, hw/riscv/virt.c as of 7.2. */
import type {
  Attachment,
  BoardPorts,
  BuildBoard,
  Device,
  DevicePorts,
  IrqLine,
  ReportBreach,
} from "../core/device.ts";
import { seedFor } from "../core/random.ts";
import { Clint } from "./clint.ts";
import { Finisher } from "./finisher.ts";
import { GoldfishRtc } from "./goldfish_rtc.ts";
import { REGIONS, VIRTIO_SLOT_COUNT, virtioSlot } from "./memory_map.ts";
import { Plic } from "./plic.ts";
import { Uart16550 } from "./uart16550.ts";
import { VirtioBlk } from "./virtio/blk.ts";
import type { VirtioChip } from "./virtio/chip.ts";
import { VirtioConsole } from "./virtio/console.ts";
import type { Timing } from "./virtio/latency.ts";
import { type Mac, macOf, parseMac } from "./virtio/mac.ts";
import { VirtioNet } from "./virtio/net.ts";
import { VirtioRng } from "./virtio/rng.ts";
import { VirtioMmio } from "./virtio/transport_mmio.ts";

/** A disk of the machine; its backing store is the host's. */
export interface BoardDisk {
  /** A multiple of 512. */
  readonly sizeBytes: number;
  readonly readOnly?: boolean;
}

/** A network card of the machine; the other end of its cable is the host's. */
export interface BoardNic {
  /** Such as `52:54:00:12:34:56`. Absent: it follows from the machine's seed and the card's index. */
  readonly mac?: string;
}

/** What varies from one board to the next. */
export interface BoardConfig {
  /** 1 to 8. */
  readonly harts: number;
  /** 32 bits; each device draws its own sequence from it. */
  readonly seed: number;
  /** When the answers of disks and entropy source arrive. */
  readonly diskTiming: Timing;
  /** In the order in which the guest sees them: the first is `vda`. */
  readonly disks: readonly BoardDisk[];
  /** In the order in which the guest sees them: the first is `eth0`. Absent: none. */
  readonly nics?: readonly BoardNic[];
}

/** The devices that take two of the slots whatever the configuration is. */
const FIXED_CHIP_COUNT = 2;

/** How many disks and network cards together a board has room for. */
export const CARD_COUNT_MAX = VIRTIO_SLOT_COUNT - FIXED_CHIP_COUNT;
export const DISK_COUNT_MAX = CARD_COUNT_MAX;
export const NIC_COUNT_MAX = CARD_COUNT_MAX;

/** The log's name of a disk, from 0. */
export function diskId(index: number): string {
  return `disk${index}`;
}

/** The log's name of a network card, from 0. */
export function nicId(index: number): string {
  return `net${index}`;
}

/** The log's name of the serial port that the firmware and kernel use as their console. */
export const UART_ID = "uart0";

/**
 * A function that builds the board's devices.
 * @throws RangeError if there are more devices than virtio slots, or if a card's address is none
 */
export function buildBoard(config: BoardConfig): BuildBoard {
  const { disks, nics = [] } = config;
  if (disks.length + nics.length > CARD_COUNT_MAX) {
    throw new RangeError(
      `${disks.length} disks and ${nics.length} network cards do not fit: ` +
        `the board has room for ${CARD_COUNT_MAX}`,
    );
  }
  nics.forEach((_, index) => macAt(config, index));
  return (ports) => attachments(config, ports);
}

function attachments(config: BoardConfig, ports: BoardPorts): Attachment[] {
  const { harts } = config;
  const lines: BoardPorts["hartIrq"] = (hart, line) => ports.hartIrq(hart, line);
  const breachOf = (id: string): ReportBreach => (rule, text) => ports.breach?.(id, rule, text);
  const plic = new Plic({ id: "plic", harts }, {
    lines,
    clock: ports.clock,
    breach: breachOf("plic"),
  });
  const portsOf = (id: string, irq: IrqLine): DevicePorts => ({
    irq,
    memory: ports.memory,
    clock: ports.clock,
    output: (output) => ports.output(id, output),
    breach: breachOf(id),
    frameDone: (index, dropped) => ports.frameDone?.(id, index, dropped),
  });
  const devices: { readonly [id in keyof typeof REGIONS]: Device } = {
    finisher: new Finisher({ id: "finisher" }, {
      output: (output) => ports.output("finisher", output),
      breach: breachOf("finisher"),
    }),
    rtc: new GoldfishRtc({ id: "rtc" }, portsOf("rtc", plic.source(REGIONS.rtc.irq))),
    clint: new Clint({ id: "clint", harts }, { clock: ports.clock, lines }),
    plic,
    uart0: new Uart16550(
      { id: UART_ID },
      portsOf(UART_ID, plic.source(REGIONS.uart0.irq)),
    ),
  };
  const chips = virtioChips(config);
  return [
    ...Object.entries(REGIONS).map(([id, { base }]) => ({
      base,
      device: devices[id as keyof typeof REGIONS],
    })),
    // A slot without a chip answers with device id 0, as QEMU's does, so that drivers pass over it.
    ...Array.from({ length: VIRTIO_SLOT_COUNT }, (_, slot) => {
      const { base, irq } = virtioSlot(slot);
      const { id, chip } = chips[slot] ?? { id: `virtio${slot}`, chip: undefined };
      return { base, device: new VirtioMmio({ id }, chip, portsOf(id, plic.source(irq))) };
    }),
  ];
}

/** The number of each device's line at the interrupt controller, by the device's id. */
export function interruptSources(config: BoardConfig): ReadonlyMap<string, number> {
  const virtio = virtioChips(config).map(({ id }, slot) => [id, virtioSlot(slot).irq] as const);
  return new Map([["rtc", REGIONS.rtc.irq], ["uart0", REGIONS.uart0.irq], ...virtio]);
}

/** The sources that virtio devices ask through. */
export function virtioSources(config: BoardConfig): ReadonlySet<number> {
  return new Set(virtioChips(config).map((_, slot) => virtioSlot(slot).irq));
}

/** What occupies the virtio slots, from slot 0 on. */
function virtioChips(config: BoardConfig): { id: string; chip: VirtioChip }[] {
  const timing = config.diskTiming;
  const disks = config.disks.map(({ sizeBytes, readOnly }, index) => {
    const id = diskId(index);
    const seed = seedFor(config.seed, id);
    return { id, chip: new VirtioBlk({ sizeBytes, readOnly, serial: id, timing, seed }) };
  });
  const nics = (config.nics ?? []).map((_, index) => {
    return { id: nicId(index), chip: new VirtioNet({ mac: macAt(config, index) }) };
  });
  return [
    ...disks,
    ...nics,
    { id: "rng0", chip: new VirtioRng({ timing, seed: seedFor(config.seed, "rng0") }) },
    { id: "console0", chip: new VirtioConsole() },
  ];
}

/** The address of a network card. @throws RangeError if the one that was asked for is none */
function macAt({ seed, nics = [] }: BoardConfig, index: number): Mac {
  const text = nics[index].mac;
  const mac = text === undefined ? macOf(seed, index) : parseMac(text);
  if (mac === undefined) {
    throw new RangeError(
      `${nicId(index)}: "${text}" is no address of a card; one is 52:54:00:12:34:56`,
    );
  }
  return mac;
}
